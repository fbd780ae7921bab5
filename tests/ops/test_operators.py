"""The contract of all operators, run for every row of the table, so that a new row is tested at once."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dysample.geometry import sample
from dysample.ops.registry import OPERATORS, build, operator_spec

CHANNELS = 32  # a multiple of all group counts


def make(name: str, scale: int = 2, seed: int = 0) -> nn.Module:
    """Return an operator in eval mode with random weights, none of them zero."""
    op = build(name, CHANNELS, scale=scale).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in op.parameters():
        parameter.data.normal_(std=0.1, generator=generator)
    return op


def maps(name: str, *shape: int, scale: int = 2, seed: int = 1) -> tuple[Tensor, ...]:
    """Return the arguments of a call: a map of (batch, height, width), and a guide if needed."""
    generator = torch.Generator().manual_seed(seed)
    batch, height, width = shape
    x = torch.randn(batch, CHANNELS, height, width, generator=generator)
    guide = torch.randn(batch, CHANNELS, height * scale, width * scale, generator=generator)
    return operator_spec(name).inputs(x, guide)


class OneDevice(TorchFunctionMode):
    """Mode that fails when a tensor is made on another device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        assert not isinstance(result, Tensor) or result.device.type == self.device, func
        return result


class Contract:
    """Tests for one row of `OPERATORS`, given its name."""

    @pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (5, 7), (8, 3)])
    def test_sizes(self, name: str, height: int, width: int):
        inputs = maps(name, 2, height, width)
        before = [x.clone() for x in inputs]
        output = make(name)(*inputs)
        assert output.shape == (2, CHANNELS, 2 * height, 2 * width)
        assert output.isfinite().all()
        assert all(torch.equal(x, y) for x, y in zip(inputs, before, strict=True)), "inputs were changed"

    def test_pictures_of_a_batch_do_not_mix(self, name: str):
        op, inputs = make(name), maps(name, 3, 4, 5)
        alone = [op(*(x[k : k + 1] for x in inputs)) for k in range(3)]
        torch.testing.assert_close(op(*inputs), torch.cat(alone))
        assert op(*(x[:0] for x in inputs)).shape == (0, CHANNELS, 8, 10)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
    def test_output_has_the_type_of_the_input(self, name: str, dtype: torch.dtype):
        inputs = maps(name, 1, 3, 4)
        output = make(name).to(dtype)(*(x.to(dtype) for x in inputs))
        assert output.dtype == dtype
        torch.testing.assert_close(output.float(), make(name)(*inputs), rtol=0, atol=0.05)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
    def test_autocast_keeps_the_type(self, name: str, dtype: torch.dtype):
        inputs = tuple(x.to(dtype) for x in maps(name, 1, 3, 4))
        with torch.autocast("cpu", torch.bfloat16):
            output = make(name)(*inputs)
        assert output.dtype == dtype
        torch.testing.assert_close(output.float(), make(name)(*maps(name, 1, 3, 4)), rtol=0, atol=0.05)

    def test_memory_layout_does_not_matter(self, name: str):
        inputs = maps(name, 2, 4, 5)
        last = tuple(x.to(memory_format=torch.channels_last) for x in inputs)
        torch.testing.assert_close(make(name)(*last), make(name)(*inputs))

    def test_everything_happens_on_the_device_of_the_input(self, name: str):
        op, inputs = make(name).to("meta"), tuple(x.to("meta") for x in maps(name, 1, 3, 4))
        with OneDevice("meta"):
            assert op(*inputs).shape == (1, CHANNELS, 6, 8)

    def test_gradients_of_the_inputs(self, name: str):
        op = make(name).double()
        inputs = tuple(x.double().requires_grad_() for x in maps(name, 1, 2, 3))
        assert torch.autograd.gradcheck(op, inputs, fast_mode=True)

    def test_every_parameter_learns(self, name: str):
        op = make(name)
        inputs = tuple(x.requires_grad_() for x in maps(name, 2, 3, 4))
        op(*inputs).square().sum().backward()
        assert all(x.grad is not None for x in inputs)
        for key, parameter in op.named_parameters():
            assert parameter.grad is not None, key
            assert parameter.grad.any(), key

    def test_copies(self, name: str):
        op, inputs = make(name), maps(name, 1, 3, 4)
        loaded = build(name, CHANNELS).eval()
        loaded.load_state_dict(op.state_dict())
        for other in (loaded, copy.deepcopy(op), pickle.loads(pickle.dumps(op))):
            assert torch.equal(other(*inputs), op(*inputs))

    @pytest.mark.parametrize("scale", [3, 4])
    def test_other_scales(self, name: str, scale: int):
        """Other scales work, or are refused when the operator is built."""
        channels = CHANNELS * scale**2
        try:
            op = build(name, channels, scale=scale).eval()
        except ValueError as error:
            assert "scale" in str(error)  # noqa: PT017
            return
        x = torch.randn(1, channels, 2, 3, generator=torch.Generator().manual_seed(0))
        guide = torch.zeros(1, channels, 2 * scale, 3 * scale)
        assert op(*operator_spec(name).inputs(x, guide)).shape == (1, channels, 2 * scale, 3 * scale)


@pytest.mark.parametrize("name", OPERATORS)
class TestRows(Contract):
    """Run the contract for the rows of the package."""


@pytest.mark.parametrize(
    "name", ["nearest", "bilinear", "dysample", "dysample+", "dysample-s", "dysample-s+"]
)
def test_sampling_operators_read_what_they_plan(name: str):
    op, (x,) = make(name), maps(name, 2, 5, 4)
    torch.testing.assert_close(op(x), sample(x, op.plan(x).points))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dysample", ("lp", 4, False)),
        ("dysample+", ("lp", 4, True)),
        ("dysample-s", ("pl", 8, False)),
        ("dysample-s+", ("pl", 8, True)),
    ],
)
def test_the_dysample_series(name: str, options: tuple[str, int, bool]):
    """The options are those of Section 3.2 of the paper."""
    op = build(name, CHANNELS)
    assert (op.style, op.groups, op.scope is not None) == options
    assert op.scope_factor == 0.25
    assert op.initial == "bilinear"


@pytest.mark.parametrize(("scale", "size"), [(2, 9), (3, 5), (41, 300)])
def test_nearest_copies_the_pixel_it_lies_in(scale: int, size: int):
    """Also at scales such as 41, where torch's "nearest" rounds into the adjacent pixel."""
    x = torch.arange(float(size)).view(1, 1, 1, size)
    expected = x.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    assert torch.equal(build("nearest", 1, scale=scale)(x), expected)


def test_labels_are_unique_and_summaries_are_one_sentence():
    labels = [spec.label for spec in OPERATORS.values()]
    assert len(set(labels)) == len(labels)
    for spec in OPERATORS.values():
        assert spec.summary.endswith(".")
        assert spec.summary.count(".") == 1
