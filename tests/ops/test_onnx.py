"""ONNX files of the older exporter, for all operators and in both forms of sampling, equal eager."""

import io
from collections.abc import Sequence

import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import dysample
from dysample import swap_upsamplers
from dysample.geometry import sample
from dysample.kernels.exported import Sampling
from dysample.models import Encoder, SegFormerHead, SegmentationHost
from dysample.ops.registry import OPERATORS, build, operator_spec

pytestmark = [
    pytest.mark.unhooked,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),  # of the older exporter itself
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # checks of shapes are for calls
    pytest.mark.filterwarnings("ignore:Constant folding:UserWarning"),
]
every = pytest.mark.parametrize("name", OPERATORS)
samplers = pytest.mark.parametrize("name", [k for k, row in OPERATORS.items() if row.family == "points"])
forms = pytest.mark.parametrize("sampling", ["grid_sample", "gather"])
CHANNELS = 32
FIRST, OTHER = (1, 4, 5), (3, 6, 3)


class Reader(nn.Module):
    """Reads a map at points, which are its input: on pixel centres, between them and outside the map."""

    def forward(self, x: Tensor, points: Tensor) -> Tensor:
        return sample(x, points)


class Asking(nn.Module):
    """Enlarges twice to a size that it asks for: that of an earlier map, and the picture's."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        fine = self.first(picture)
        coarse = F.interpolate(self.second(fine), size=fine.shape[2:], mode="bilinear")
        return F.interpolate(fine + coarse, size=picture.shape[2:], mode="bilinear")


def make(name: str, *, scale: int = 2) -> nn.Module:
    torch.manual_seed(0)
    op = build(name, CHANNELS, scale=scale).eval()
    for parameter in op.parameters():
        nn.init.normal_(parameter, std=0.3)  # moves points by more than a pixel, off the map at its borders
    return op


def maps(name: str, batch: int, height: int, width: int, *, scale: int = 2) -> tuple[Tensor, ...]:
    torch.manual_seed(height)
    x = torch.randn(batch, CHANNELS, height, width)
    return operator_spec(name).inputs(x, torch.randn(batch, CHANNELS, scale * height, scale * width))


def points(batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return a map of 4 channels, and points for 2 groups."""
    generator = torch.Generator().manual_seed(width)
    x = torch.randn(batch, 4, height, width, generator=generator)
    places = torch.rand(batch, 2, 2, 5, 7, generator=generator) * (max(height, width) + 4) - 2
    places[..., ::2] = places[..., ::2].floor() + 0.5
    places[0, 0, 0, 0, :3] = torch.tensor([torch.nan, -torch.inf, torch.inf])
    return x, places


def older(model: nn.Module, inputs: Sequence[Tensor], *, opset: int = 17, free: Sequence[int] = ()) -> bytes:
    """Export with `dynamo=False`, with the given axes of all inputs free."""
    file, names = io.BytesIO(), [f"input{k}" for k in range(len(inputs))]
    axes = {name: {axis: f"{name}_{axis}" for axis in free} for name in names}
    torch.onnx.export(
        model, tuple(inputs), file, dynamo=False, opset_version=opset, input_names=names, dynamic_axes=axes
    )
    return file.getvalue()


def kinds(file: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(file).graph.node]


def assert_equal(file: bytes, model: nn.Module, *cases: Sequence[Tensor], atol: float = 1e-4) -> None:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    for inputs in cases:
        (output,) = session.run(None, dict(zip(names, (x.numpy() for x in inputs), strict=True)))
        expected = model(*inputs).detach()
        torch.testing.assert_close(torch.from_numpy(output), expected, rtol=0, atol=atol)


@every
def test_older_exporter_with_free_axes(name: str):
    op = make(name)
    file = older(op, maps(name, *FIRST), opset=16, free=(0, 2, 3))
    assert_equal(file, op, maps(name, *FIRST), maps(name, *OTHER), maps(name, 2, 1, 1))


@every
def test_older_exporter_with_fixed_axes(name: str):
    op = make(name)
    file = older(op, maps(name, *FIRST), opset=20)
    assert onnx.load_from_string(file).opset_import[0].version == 20
    assert_equal(file, op, maps(name, *FIRST))
    with pytest.raises(Exception, match=r"(?i)invalid dimensions"):
        assert_equal(file, op, maps(name, *OTHER))


@pytest.mark.parametrize("free", [(0,), (3,)])
@pytest.mark.parametrize("name", ["fade", "dysample-s+"])
def test_older_exporter_with_one_free_axis(name: str, free: tuple[int]):
    op, shape = make(name), list(FIRST)
    shape[max(0, free[0] - 1)] = 7
    assert_equal(older(op, maps(name, *FIRST), free=free), op, maps(name, *FIRST), maps(name, *shape))


@pytest.mark.parametrize(("name", "scale"), [("nearest", 41), ("fade", 3), ("dysample+", 3)])
def test_older_exporter_at_other_scales(name: str, scale: int):
    op = make(name, scale=scale)
    inputs, other = (maps(name, *shape, scale=scale) for shape in (FIRST, OTHER))
    assert_equal(older(op, inputs, opset=18, free=(0, 2, 3)), op, inputs, other)


def test_half_precision():
    op = make("dysample+").half()
    inputs, other = ((maps("dysample+", *shape)[0].half(),) for shape in (FIRST, OTHER))
    assert_equal(older(op, inputs, free=(0, 2, 3)), op, inputs, other, atol=0.01)


@samplers
def test_gathers_instead_of_grid_sample(name: str):
    op = make(name)
    with dysample.export_options(sampling="gather"):
        file = older(op, maps(name, *FIRST), opset=13, free=(0, 2, 3))
    assert "Gather" in kinds(file)
    assert "GridSample" not in kinds(file)
    assert_equal(file, op, maps(name, *FIRST), maps(name, *OTHER), maps(name, 2, 1, 1))


@forms
@pytest.mark.parametrize("opset", [16, 20])
def test_points_on_borders_and_outside(sampling: Sampling, opset: int):
    with dysample.export_options(sampling=sampling):
        file = older(Reader(), points(2, 3, 5), opset=opset, free=(0, 2, 3))
    assert_equal(file, Reader(), points(2, 3, 5), points(1, 4, 9), points(2, 1, 1), atol=1e-5)
    paddings = [
        attribute.s
        for node in onnx.load_from_string(file).graph.node
        for attribute in node.attribute
        if attribute.name == "padding_mode"
    ]
    assert paddings == ([b"zeros"] if sampling == "grid_sample" else [])


def test_options_hold_within_their_context_alone():
    def targets() -> str:
        return str(torch.export.export(Reader(), points(2, 3, 5)).graph)

    with dysample.export_options(sampling="gather"):
        with dysample.export_options(sampling="grid_sample"):
            assert "grid_sampler" in targets()
        assert "grid_sampler" not in targets()
        called = Reader()(*points(2, 3, 5))
    assert "grid_sampler" in targets()
    assert torch.equal(called, Reader()(*points(2, 3, 5)))
    with (
        pytest.raises(ValueError, match="sampling must be one of grid_sample, gather, got 'nearest'"),
        dysample.export_options(sampling="nearest"),  # pyright: ignore[reportArgumentType]
    ):
        pass
    assert "grid_sampler" in targets()


def test_a_host_exports_for_pictures_of_any_size():
    """Sides that are no multiples of 32 are padded, and the prediction is cropped, also in other sizes."""
    encoder = Encoder("mobilenet_v2")
    host = SegmentationHost(
        encoder, SegFormerHead(encoder.channels, width=8, classes=3, upsampler="dysample-s+")
    )
    pictures = [(torch.rand(batch, 3, *sides),) for batch, sides in ((1, (64, 32)), (2, (45, 70)))]
    assert_equal(older(host.eval(), pictures[0], free=(0, 2, 3)), host, *pictures)


def test_a_swapped_model_that_asks_for_sizes_crops_in_any_size():
    """Whether there is something to crop differs between the picture of the example and others."""
    swapped, _ = swap_upsamplers(Asking().eval(), torch.rand(1, 3, 16, 24))
    pictures = [(torch.rand(1, 3, *sides),) for sides in ((16, 24), (18, 23), (13, 9))]
    assert_equal(older(swapped, pictures[0], free=(2, 3)), swapped, *pictures)
