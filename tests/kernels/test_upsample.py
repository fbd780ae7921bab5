"""Predicting points in one pass of the C library: against plans in float64, and when it is used."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from dysample.geometry import initial_positions
from dysample.kernels import choice, native, operator
from dysample.kernels.native import LANES
from dysample.measure.macs import count_macs
from dysample.ops.dysample import DySample

pytestmark = pytest.mark.skipif(not LANES, reason="the native library was not compiled")
FORMATS = (torch.contiguous_format, torch.channels_last)
STYLES = list(product(["lp", "pl"], [False, True]))
styles = pytest.mark.parametrize(("style", "dynamic"), STYLES)


def moving(style, dynamic: bool, *, scale: int = 2, groups: int = 4, initial="bilinear") -> DySample:
    """Return an operator whose weights move points by pixels, with both biases."""
    torch.manual_seed(scale)
    options = {"style": style, "dynamic_scope": dynamic, "initial": initial}
    up = DySample(3 * groups * scale * scale, scale=scale, groups=groups, **options).eval()
    for parameter in up.parameters():
        nn.init.normal_(parameter, std=0.3)
    if up.scope is not None:
        up.scope.bias = nn.Parameter(torch.randn(up.scope.weight.shape[0]))
    return up


@styles
@pytest.mark.parametrize(
    ("scale", "groups", "initial"), [(2, 4, "bilinear"), (3, 1, "nearest"), (4, 2, "bilinear")]
)
def test_points_are_those_of_the_plan(style, dynamic: bool, scale: int, groups: int, initial):
    up = moving(style, dynamic, scale=scale, groups=groups, initial=initial)
    x = torch.randn(2, up.channels, 5, 19)
    grid = initial_positions(5, 19, scale=scale, like=x, initial=initial)
    with torch.no_grad():
        record = up.double().plan(x.double())
        up.float()
        scope = (None, None) if up.scope is None else (up.scope.weight, up.scope.bias)
        for instructions, form in product(LANES, FORMATS):
            points = native.decide(
                x.to(memory_format=form),
                *(up.offset.weight, up.offset.bias, *scope, grid),
                factor=up.scope_factor,
                scale=scale,
                groups=groups,
                instructions=instructions,
            )
            wanted = record.initial + record.offset
            torch.testing.assert_close(points.double(), wanted, rtol=0, atol=2e-5)


@styles
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_equals_the_separate_steps(style, dynamic: bool, form: torch.memory_format, dtype: torch.dtype):
    """Results agree up to rounding: the library convolves half types in float32."""
    up = moving(style, dynamic).to(dtype)
    x = torch.randn(2, up.channels, 9, 33).to(dtype).to(memory_format=form)
    with torch.no_grad():
        output = up(x)
    wanted = up.double()(x.double())
    assert output.dtype == dtype
    assert output.is_contiguous(memory_format=form)
    tolerance = 1e-4 if dtype == torch.float32 else 3e-2
    torch.testing.assert_close(output.double(), wanted, rtol=tolerance, atol=tolerance)


def test_threads_share_the_rows():
    up = moving("lp", True)
    x = torch.randn(1, up.channels, 130, 140)
    before, outputs = torch.get_num_threads(), list[Tensor]()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            with torch.no_grad():
                outputs.append(up(x))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e30])
@styles
def test_wild_maps_stay_in_bounds(style, dynamic: bool, bad: float):
    up = moving(style, dynamic)
    x = torch.randn(1, up.channels, 6, 7)
    x[0, :, 2, 3] = bad
    with torch.no_grad():
        output = up(x)
    assert output.shape == (1, up.channels, 12, 14)
    assert output[..., -1, -1].isfinite().all()


def served(up: DySample) -> bool:
    x = torch.randn(1, up.channels, 3, 3)
    grid = initial_positions(3, 3, scale=2, like=x, initial="bilinear")
    return choice.fuses(x, grid, up.offset, up.scope)


def test_it_is_used_only_if_nobody_needs_the_steps(monkeypatch: pytest.MonkeyPatch):
    """Gradients, autocast, hooks, parametrised convolutions and DYSAMPLE_KERNEL=plain rule it out."""
    monkeypatch.delenv("DYSAMPLE_KERNEL", raising=False)
    up = moving("lp", True)
    assert not served(up)
    with torch.no_grad():
        assert served(up)
        with torch.autocast("cpu", torch.bfloat16):
            assert not served(up)
        assert up.scope is not None
        hook = up.scope.register_forward_hook(lambda module, inputs, output: output)
        assert not served(up)
        hook.remove()
        assert served(up)
        monkeypatch.setenv("DYSAMPLE_KERNEL", "plain")
        assert not served(up)
        monkeypatch.delenv("DYSAMPLE_KERNEL")
        nn.utils.parametrizations.weight_norm(up.offset)
        assert not served(up)


@styles
def test_macs_equal_those_of_the_steps(style, dynamic: bool):
    up = moving(style, dynamic)
    x = torch.randn(2, up.channels, 4, 5)
    assert count_macs(up, x) == count_macs(up.to("meta"), x.to("meta"))


@pytest.mark.unhooked
@styles
def test_opcheck_passes(style, dynamic: bool):
    up = moving(style, dynamic)
    x = torch.randn(1, up.channels, 3, 4)
    grid = initial_positions(3, 4, scale=2, like=x, initial="bilinear")
    scope = (None, None) if up.scope is None else (up.scope.weight.detach(), up.scope.bias.detach())
    arguments = (x, up.offset.weight.detach(), up.offset.bias.detach(), *scope, grid, 0.25, 2, 4)
    torch.library.opcheck(operator.decide, arguments)


@pytest.mark.unhooked
@styles
def test_compiled_code_calls_it_too(style, dynamic: bool):
    up = moving(style, dynamic)
    x = torch.randn(1, up.channels, 5, 6)
    names: list[str] = []

    def keep(graph: torch.fx.GraphModule, example: list[Tensor]):
        names.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    torch.compiler.reset()
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(up, fullgraph=True, backend=keep)(x), up(x))
    assert "dysample.decide.default" in names
