"""A swap adds to the paper's networks the parameters that its tables list; the integers are exact."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import fasterrcnn_resnet50_fpn
from torchvision.ops import FeaturePyramidNetwork

from dysample import swap_upsamplers
from scripts.swap_zoo_models import ZOO

# All parameters that come, and their weights without biases, which is what the paper counts. Three stages of
# 256 channels as in its table 8; four as in its table 6, whose pyramid upsamples one level more.
THREE = {
    "deconv": (1_770_240, 1_769_472),
    "pixelshuffle": (7_080_960, 7_077_888),
    "carafe": (222_444, 221_952),
    "dysample-s": (3_120, 3_072),
    "dysample-s+": (6_192, 6_144),
    "dysample": (24_672, 24_576),
    "dysample+": (49_248, 49_152),
}
FOUR = {
    "deconv": (2_360_320, 2_359_296),
    "pixelshuffle": (9_441_280, 9_437_184),
    "carafe": (296_592, 295_936),
    "dysample-s": (4_160, 4_096),
    "dysample-s+": (8_256, 8_192),
    "dysample": (32_896, 32_768),
    "dysample+": (65_664, 65_536),
}


def _maps(channels: list[int]) -> dict[str, Tensor]:
    """Return one map per level, the finest of 16 pixels."""
    return {str(k): torch.rand(1, count, 16 >> k, 16 >> k) for k, count in enumerate(channels)}


@cache
def faster_rcnn() -> tuple[nn.Module, object]:
    """Return the pyramid of torchvision's Faster R-CNN R50-FPN, and maps for it."""
    model = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    return model.backbone.get_submodule("fpn"), (_maps([256, 512, 1024, 2048]),)


def maskformer() -> tuple[nn.Module, object]:
    """Small, except for the 256 channels of its pixel decoder."""
    (entry,) = (each for each in ZOO if each.name == "transformers MaskFormer")
    return entry.make().eval(), entry.inputs()


def four_stages() -> tuple[nn.Module, object]:
    """A pyramid with a fifth level that is upsampled too, as in the paper's Faster R-CNN."""
    channels = [256, 512, 1024, 2048, 256]
    return FeaturePyramidNetwork(channels, 256), (_maps(channels),)


@pytest.mark.parametrize("operator", THREE)
@pytest.mark.parametrize(
    ("make", "stages", "expected"), [(faster_rcnn, 3, THREE), (maskformer, 3, THREE), (four_stages, 4, FOUR)]
)
def test_parameters_of_the_paper(
    make: Callable[[], tuple[nn.Module, object]],
    stages: int,
    expected: dict[str, tuple[int, int]],
    operator: str,
) -> None:
    model, inputs = make()
    swapped, report = swap_upsamplers(model, inputs, operator)
    assert len(report.swapped) == stages
    added = (report.parameters, _count(swapped, bias=False) - _count(model, bias=False))
    assert added == expected[operator]
    assert _count(swapped) - _count(model) == report.parameters


def _count(model: nn.Module, *, bias: bool = True) -> int:
    named = model.named_parameters()
    return sum(weight.numel() for name, weight in named if bias or not name.endswith("bias"))
