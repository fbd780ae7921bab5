"""The torch operator behind `sample`: derivatives, shapes, compiling, exporting."""

import pytest
import torch
from torch import Tensor

from dysample.geometry import sample
from dysample.kernels import operator
from dysample.kernels.native import LANES

# Torch warns about its own code when it first transforms a function, and about gradients that it inspects.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]
needs_native = pytest.mark.skipif(not LANES, reason="the native library was not compiled")
implementations = pytest.mark.parametrize(
    "implementation", ["plain", pytest.param("native", marks=needs_native)]
)


def inputs(seed: int, dtype: torch.dtype = torch.float32, groups: int = 2) -> tuple[Tensor, Tensor]:
    """Return a map, and points away from the pixel centres, where the slope jumps."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 4, 3, 5, dtype=dtype, generator=generator)
    within = 0.1 + 0.8 * torch.rand(2, groups, 2, 4, 6, dtype=dtype, generator=generator)
    whole = torch.randint(-2, 6, within.shape, generator=generator)
    return x, whole + within + 0.5


@implementations
@pytest.mark.unhooked
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_opcheck_passes(implementation, layout: torch.memory_format):
    x, points = inputs(0)
    x = x.to(memory_format=layout)
    torch.library.opcheck(operator.sample, (x.requires_grad_(), points.requires_grad_(), implementation))
    slope = torch.randn(2, 4, 4, 6)
    plain_inputs = (slope, x.detach(), points.detach(), implementation)
    torch.library.opcheck(operator.sample_backward, plain_inputs)


def test_gradients_of_the_operator():
    x, points = inputs(1, torch.float64)
    arguments = (x.requires_grad_(), points.requires_grad_())
    assert torch.autograd.gradcheck(lambda *a: operator.sample(*a, "plain"), arguments)


@needs_native
def test_native_derivatives_are_the_plain_ones():
    """First and second derivatives agree, also through torch.func."""

    def first(implementation, x: Tensor, points: Tensor) -> tuple[Tensor, ...]:
        x, points = x.clone().requires_grad_(), points.clone().requires_grad_()
        energy = sample(x, points, implementation=implementation).pow(3).sum()
        slopes = torch.autograd.grad(energy, (x, points), create_graph=True)
        second = torch.autograd.grad(sum(slope.square().sum() for slope in slopes), (x, points))
        return *slopes, *second

    def mapped(implementation, x: Tensor, points: Tensor) -> tuple[Tensor, ...]:
        def energy(x: Tensor, points: Tensor) -> Tensor:
            return sample(x, points, implementation=implementation).pow(3).sum()

        slopes = torch.vmap(torch.func.grad(energy, argnums=(0, 1)), in_dims=(0, None))
        values = torch.vmap(energy, in_dims=(1, None))(torch.stack([x, -x, 2 * x], dim=1), points)
        return *slopes(torch.stack([x, 2 * x]), points), values

    for derivatives in (first, mapped):
        results = [derivatives(name, *inputs(2)) for name in ("native", "plain")]
        for got, wanted in zip(*results, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("implementation", "dtype"),
    [
        ("plain", torch.float64),
        ("plain", torch.float32),
        pytest.param("native", torch.float32, marks=needs_native),
    ],
)
def test_forward_derivatives_are_differences(implementation, dtype: torch.dtype):
    """Along the map and the points together; points beyond the border have no slope."""
    generator = torch.Generator().manual_seed(0)
    at = inputs(3, torch.float64)
    along = tuple(torch.randn(tensor.shape, dtype=torch.float64, generator=generator) for tensor in at)
    ahead, behind = (
        sample(*(tensor + step * direction for tensor, direction in zip(at, along, strict=True)))
        for step in (1e-6, -1e-6)
    )

    def read(x: Tensor, points: Tensor) -> Tensor:
        return sample(x, points, implementation=implementation)

    single = tuple(tensor.to(dtype) for tensor in at), tuple(tensor.to(dtype) for tensor in along)
    output, slope = torch.func.jvp(read, *single)[:2]
    tolerance = 1e-7 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(output.double(), sample(*at), rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(slope.double(), (ahead - behind) / 2e-6, rtol=tolerance, atol=tolerance)


@pytest.mark.unhooked
@implementations
def test_compiled_code_keeps_the_operator_whole(implementation):
    """Decomposed, the operator would be several times slower; forward and backward."""
    torch.compiler.reset()
    graphs: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, example: list[Tensor]):
        from functorch.compile import make_boxed_func  # pyright: ignore[reportPrivateImportUsage]

        graphs.append(graph)
        return make_boxed_func(graph.forward)

    from torch._dynamo.backends.common import aot_autograd

    compiled = torch.compile(sample, fullgraph=True, backend=aot_autograd(fw_compiler=keep, bw_compiler=keep))
    results: list[tuple[Tensor, ...]] = []
    for call in (compiled, sample):
        x, points = (tensor.requires_grad_() for tensor in inputs(4))
        output = call(x, points, implementation=implementation)
        results.append((output, *torch.autograd.grad(output.square().sum(), (x, points))))
    for got, wanted in zip(*results, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    called = [
        str(node.target) for graph in graphs for node in graph.graph.nodes if node.op == "call_function"
    ]
    assert "dysample.sample.default" in called
    assert "dysample.sample_backward.default" in called
    assert not [name for name in called if "grid_sampler" in name]


@pytest.mark.unhooked
@pytest.mark.parametrize("wish", ["auto", pytest.param("native", marks=needs_native)])
def test_exported_programs_need_no_operator_of_ours(wish: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DYSAMPLE_KERNEL", wish)

    class Reader(torch.nn.Module):
        def forward(self, x: Tensor, points: Tensor) -> Tensor:
            return sample(x, points)

    program = torch.export.export(Reader(), inputs(5))
    targets = [str(node.target) for node in program.graph.nodes]
    assert not [name for name in targets if name.startswith("dysample")]
    assert [name for name in targets if "grid_sampler" in name]
    torch.testing.assert_close(program.module()(*inputs(6)), sample(*inputs(6)), rtol=0, atol=1e-5)
