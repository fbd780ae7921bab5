"""The usual ways of writing enlargements, and models whose calls cannot be redirected."""

import inspect
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
import transformers
from torch import Tensor, nn

from dysample import audit, swap_upsamplers
from dysample.trial.plan import zero_offsets
from tests.swap.networks import Interpolating, picture

KERNEL = torch.ones(8, 8, 2, 2)
CUBE = torch.ones(8, 8, 1, 2, 2)


class Written(nn.Module):
    """Two convolutions with any enlargement in between."""

    def __init__(self, enlarge: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.before = nn.Conv2d(3, 8, 3, padding=1)
        self.enlarge = enlarge
        self.after = nn.Conv2d(8, 8, 1)

    def forward(self, picture: Tensor) -> Tensor:
        return self.after(self.enlarge(self.before(picture)))


@pytest.mark.filterwarnings("ignore:.*is deprecated")
@pytest.mark.parametrize(
    ("enlarge", "mode"),
    [
        (lambda x: F.interpolate(x, None, (2, 2), "nearest"), "nearest"),
        (lambda x: F.interpolate(input=x, scale_factor=[2, 2.0], mode="bilinear"), "bilinear"),
        (lambda x: F.interpolate(x, size=tuple(2 * side for side in x.shape[-2:])), "nearest"),
        (lambda x: F.interpolate(x, size=torch.Size((int(x.shape[2] * 2.0), x.shape[3] * 2))), "nearest"),
        (lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear", antialias=True), "bilinear"),
        (lambda x: F.interpolate(x, scale_factor=2.0, recompute_scale_factor=True), "nearest"),
        (lambda x: F.upsample(x, scale_factor=2, mode="bilinear"), "bilinear"),
        (lambda x: F.upsample_nearest(x, scale_factor=2), "nearest"),
        (nn.Upsample(scale_factor=2, mode="nearest-exact"), "nearest-exact"),
        (nn.UpsamplingNearest2d(scale_factor=2), "nearest"),
    ],
)
def test_interpolations_however_they_are_written(enlarge: Callable[[Tensor], Tensor], mode: str) -> None:
    model = Written(enlarge)
    swapped, report = swap_upsamplers(model, picture())
    assert [(row.site.mode, row.site.scale, row.scales) for row in report.rows] == [(mode, 2, (2,))]
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model(picture()), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("enlarge", "mode", "scale", "reason"),
    [
        (lambda x: F.conv_transpose2d(x, KERNEL, stride=2), "learned", 2, "weights from elsewhere"),
        (lambda x: torch.conv_transpose3d(x[:, :, None], CUBE, stride=2)[:, :, 0], "learned", None, "no map"),
        (lambda x: F.pixel_shuffle(torch.cat([x] * 4, 1), 2), "shuffle", 2, "no module to replace"),
        (
            lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
            "unpool",
            2,
            "took them from",
        ),
        (lambda x: F.interpolate(x[:, :, None], scale_factor=(1, 2, 2))[:, :, 0], "nearest", None, "no map"),
    ],
)
def test_functions_that_cannot_be_replaced(
    enlarge: Callable[[Tensor], Tensor], mode: str, scale: int | None, reason: str
) -> None:
    (site,) = audit(Written(enlarge), picture()).sites
    assert (site.kind, site.mode, site.scale, site.choice) == ("functional", mode, scale, "never")
    assert reason in site.reason


@pytest.mark.parametrize("as_graph", [False, True])
def test_a_forward_of_one_object_alone(as_graph: bool) -> None:
    """No subclass can redirect it, so it must not be reported as swapped."""
    model = Interpolating(scale_factor=2)
    if as_graph:
        model = torch.fx.symbolic_trace(model)
    else:
        model.forward = types.MethodType(Interpolating.forward, model)
    swapped, report = swap_upsamplers(model, picture())
    assert not report.swapped
    assert report.rows[0].reason.startswith("Its `forward` belongs to this one object")
    assert torch.equal(swapped(picture()), model(picture()))


def test_modules_in_a_graph_are_swapped() -> None:
    """As in a model by torchvision's `create_feature_extractor`."""
    parts = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Upsample(scale_factor=2), nn.Conv2d(8, 2, 1))
    graph = torch.fx.symbolic_trace(parts)
    swapped, report = swap_upsamplers(graph, picture())
    assert [row.site.name for row in report.swapped] == ["1"]
    torch.testing.assert_close(zero_offsets(swapped)(picture()), parts(picture()), atol=1e-5, rtol=0)


class _Around(nn.Module):
    """Enlarges after a part that enlarges."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part
        self.after = nn.Conv2d(2, 2, 1)

    def forward(self, picture: Tensor) -> Tensor:
        x = torch.cat([self.part(picture)] * 4, dim=1)
        return self.after(F.interpolate(x, scale_factor=2)[:, :2])


def test_nested_calls_that_cannot_be_told_apart() -> None:
    model = _Around(torch.fx.symbolic_trace(Interpolating(scale_factor=2)))
    with pytest.raises(ValueError, match=r"calls of part\[0\] and of a module around it cannot be told"):
        swap_upsamplers(model, picture())


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_parts_that_are_scripted_are_named() -> None:
    model = nn.Sequential(torch.jit.trace(nn.Conv2d(3, 8, 1), picture()), nn.Upsample(scale_factor=2))
    with pytest.raises(ValueError, match="the model's part '0' is scripted"):
        audit(model, picture())


def _line(module: types.ModuleType, source: str) -> str:
    name, _, number = source.rpartition(":")
    file = Path(inspect.getsourcefile(module) or "")
    assert name == f"{file.parent.name}/{file.name}"
    return file.read_text(encoding="utf-8").splitlines()[int(number) - 1]


def test_lines_in_libraries() -> None:
    config = transformers.SegformerConfig(
        depths=[1] * 4, hidden_sizes=[8] * 4, num_attention_heads=[1] * 4, decoder_hidden_size=8
    )
    found = audit(transformers.SegformerForSemanticSegmentation(config), picture(64, 64))
    module = transformers.models.segformer.modeling_segformer
    # The call spans lines: Python says where it begins.
    assert {_line(module, site.source).strip() for site in found.sites} == {
        "encoder_hidden_state = nn.functional.interpolate("
    }
    pyramid = torchvision.ops.FeaturePyramidNetwork([8, 8], 8)
    levels = {"0": torch.rand(1, 8, 16, 16), "1": torch.rand(1, 8, 8, 8)}
    (site,) = audit(pyramid, (levels,)).sites
    assert "F.interpolate(" in _line(torchvision.ops.feature_pyramid_network, site.source)
    assert (site.input, site.output, site.choice) == ((1, 8, 8, 8), (1, 8, 16, 16), "swap")
