"""Operators under torch.fx: the traced graph equals the module at any size."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.fx import symbolic_trace

from dysample.ops.registry import OPERATORS, build
from tests.ops.test_operators import CHANNELS, make, maps

pytestmark = [pytest.mark.unhooked, pytest.mark.slow]
every = pytest.mark.parametrize("name", OPERATORS)
SIZES = [(1, 2, 3), (2, 5, 4), (3, 1, 7)]


class Network(nn.Module):
    """Halves a picture and enlarges it again, with the first convolution's map as the guide."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.down = nn.Conv2d(CHANNELS, CHANNELS, 2, stride=2)
        self.up = build(name, CHANNELS)
        self.last = nn.Conv2d(CHANNELS, 2, 1)
        self.inputs = OPERATORS[name].inputs

    def forward(self, picture: Tensor) -> Tensor:
        fine = self.first(picture)
        return self.last(self.up(*self.inputs(self.down(fine), fine)))


def network(name: str) -> Network:
    torch.manual_seed(0)
    return Network(name).eval()


def picture(height: int, width: int) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(height))


@every
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad])
def test_traced(name: str, mode: type[torch.no_grad]):
    op = make(name)
    with mode():
        graph = symbolic_trace(op)
    graph.graph.lint()
    for shape in SIZES:
        inputs = maps(name, *shape)
        for module in (graph, copy.deepcopy(graph)):
            torch.testing.assert_close(module(*inputs), op(*inputs))
        with torch.no_grad():
            torch.testing.assert_close(graph(*inputs), op(*inputs))


@every
def test_traced_inside_a_network(name: str):
    """It can be stored, refuses what the operator refuses, and trains like it."""
    net = network(name)
    graph = pickle.loads(pickle.dumps(symbolic_trace(net)))
    for sides in ((4, 6), (10, 2)):
        torch.testing.assert_close(graph(picture(*sides)), net(picture(*sides)))
    with pytest.raises((ValueError, RuntimeError)):
        graph(picture(4, 6)[:, :2])
    for module in (net, graph):
        module(picture(6, 8)).square().sum().backward()
    assert len(list(graph.parameters())) == len(list(net.parameters()))
    for key, found in graph.named_parameters():
        assert found.grad is not None, key
        torch.testing.assert_close(found.grad, net.get_parameter(key).grad)


@pytest.mark.parametrize("name", ["dysample", "carafe", "sapa"])
def test_graphs_keep_the_checks(name: str):
    graph, inputs = symbolic_trace(make(name)), maps(name, 1, 2, 3)
    with pytest.raises(ValueError, match="input must have channels=32, got 16"):
        graph(inputs[0][:, :16], *inputs[1:])
    with pytest.raises(ValueError, match=r"input must have shape \(batch, channels, height, width\)"):
        graph(inputs[0][0], *inputs[1:])


@every
def test_features_are_extracted(name: str):
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    net = network(name)
    (*_, node) = (node for node in get_graph_node_names(net)[1] if node.startswith("up"))
    extractor = create_feature_extractor(net, {node: "enlarged", "last": "output"})
    for sides in ((4, 6), (10, 2)):
        fine = net.first(picture(*sides))
        found = extractor(picture(*sides))
        torch.testing.assert_close(found["enlarged"], net.up(*net.inputs(net.down(fine), fine)))
        torch.testing.assert_close(found["output"], net(picture(*sides)))


@every
@pytest.mark.filterwarnings("ignore")  # PyTorch announces the end of this quantization with every step
def test_prepared_for_quantization(name: str):
    """Observers change nothing; the converted network computes nearly the same, at another size too."""
    from torch.ao import quantization
    from torch.ao.quantization import quantize_fx

    quantize: Any = quantize_fx
    settings = quantization.get_default_qconfig_mapping("x86")
    net = network(name)
    prepared = quantize.prepare_fx(copy.deepcopy(net), settings, (picture(4, 6),))
    for sides in ((4, 6), (10, 2)):
        torch.testing.assert_close(prepared(picture(*sides)), net(picture(*sides)))
    converted = quantize.convert_fx(prepared)
    for sides in ((4, 6), (10, 2)):
        wanted = net(picture(*sides))
        error = (converted(picture(*sides)) - wanted).norm() / wanted.norm()
        assert 0 < error < 0.1
