"""Swapped models under torch.fx. Runs without the shape hook."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.fx import symbolic_trace

from dysample import swap_upsamplers
from dysample.swap.site import Site
from tests.swap.networks import Everything, Interpolating, Nested, picture
from tests.swap.test_audit import _Pyramid

pytestmark = [pytest.mark.unhooked, pytest.mark.slow]
MODELS = {
    "interpolation": lambda: Interpolating(scale_factor=2, mode="bilinear"),
    "in two steps": lambda: Interpolating(scale_factor=4),
    "nested": Nested,
    "module": lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.Upsample(scale_factor=2), nn.Conv2d(8, 2, 1)),
    "to a size": _Pyramid,
    "learned": Everything,
}
SIDES = [(8, 12), (12, 4)]
models = pytest.mark.parametrize("name", MODELS)
operators = pytest.mark.parametrize("to", ["nearest", "carafe", "dysample+"])


def possible(site: Site) -> bool:
    return site.choice != "never"


def swapped(name: str, to: str) -> nn.Module:
    torch.manual_seed(0)
    model, report = swap_upsamplers(MODELS[name]().eval(), picture(), to, where=possible)
    assert report.swapped
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.1)
    return model


@models
@operators
def test_traced(name: str, to: str):
    model = swapped(name, to)
    graph = symbolic_trace(model)
    graph.graph.lint()
    for sides in SIDES:
        for module in (graph, copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
            torch.testing.assert_close(module(picture(*sides)), model(picture(*sides)))
    graph(picture(*SIDES[0])).sum().backward()
    assert all(weight.grad is not None for weight in graph.parameters())


def test_sizes_that_a_crop_meets_and_others():
    """Odd sides are cropped to; at another scale the graph interpolates as the model does."""
    model = swapped("to a size", "dysample+")
    graph = symbolic_trace(model)
    for sides in ((17, 23), (33, 50)):
        torch.testing.assert_close(graph(picture(*sides)), model(picture(*sides)))
    for module in (graph.coarse, model.coarse):
        module.stride = (4, 4)
    torch.testing.assert_close(graph(picture()), model(picture()))


@models
def test_features_are_extracted(name: str):
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    model = swapped(name, "dysample+")
    nodes = get_graph_node_names(model)[1]
    extractor = create_feature_extractor(model, {nodes[-1]: "output"})
    for sides in SIDES:
        torch.testing.assert_close(extractor(picture(*sides))["output"], model(picture(*sides)))


def test_an_upsampler_is_a_node_of_its_own():
    from torchvision.models.feature_extraction import create_feature_extractor

    model = swapped("interpolation", "dysample+")
    extractor = create_feature_extractor(model, {"swapped_upsamplers.0": "enlarged"})
    enlarged = extractor(picture())["enlarged"]
    upsampler = model.get_submodule("swapped_upsamplers.0")
    torch.testing.assert_close(enlarged, upsampler(model.get_submodule("before")(picture())))


@models
@pytest.mark.filterwarnings("ignore")  # PyTorch announces the end of this quantization with every step
def test_prepared_for_quantization(name: str):
    from torch.ao import quantization
    from torch.ao.quantization import quantize_fx

    quantize: Any = quantize_fx
    settings = quantization.get_default_qconfig_mapping("x86")
    model = swapped(name, "carafe")
    prepared = quantize.prepare_fx(copy.deepcopy(model), settings, (picture(*SIDES[0]),))
    for sides in SIDES:
        torch.testing.assert_close(prepared(picture(*sides)), model(picture(*sides)))
    converted = quantize.convert_fx(prepared)
    for sides in SIDES:
        wanted = model(picture(*sides))
        assert (converted(picture(*sides)) - wanted).norm() < 0.1 * wanted.norm()
