"""Swaps in third-party networks: the sites found, and the output with zero offsets."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from dysample import swap_upsamplers
from dysample.swap import SwapReport
from dysample.trial.plan import difference, outputs, zero_offsets
from scripts.swap_zoo_models import ZOO, ZooModel

# Sites found, swapped, and parameters of DySample+ at these: 64 C + 32 for every ×2 of C channels.
EXPECTED = {
    "smp Unet": (5, 5, 64 * (512 + 256 + 128 + 64 + 32) + 5 * 32),
    "smp UnetPlusPlus": (11, 11, 64 * (512 + 2 * 256 + 3 * 128 + 4 * 64 + 32) + 11 * 32),
    "smp FPN": (10, 3, 49_248),
    "smp PAN": (8, 0, 0),
    "smp MAnet": (5, 5, 64 * (256 + 128 + 64 + 64 + 32) + 5 * 32),
    "smp UPerNet": (12, 6, 147_744),
    "smp Segformer": (6, 3, 98_496),  # as SegFormer in the paper: 6 times ×2 of 256 channels
    "smp DPT": (8, 0, 0),
    "smp DeepLabV3Plus": (3, 0, 0),
    "torchvision DeepLabV3": (2, 0, 0),
    "torchvision FCN": (2, 0, 0),
    "torchvision Faster R-CNN": (4, 3, 49_248),  # torchvision's pyramid has three stages of 256 channels
    "torchvision Mask R-CNN": (6, 3, 49_248),
    "torchvision RetinaNet": (3, 2, 64 * 2 * 256 + 2 * 32),
    "transformers SegFormer": (4, 3, 6 * (64 * 32 + 32)),
    "transformers MaskFormer": (3, 3, 49_248),
    "transformers DPT": (8, 0, 0),
    "transformers Depth Anything": (7, 0, 0),
    "transformers GLPN": (5, 5, 5 * (64 * 16 + 32)),
    "YOLO-style neck": (2, 2, 64 * (32 + 16) + 2 * 32),
}

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # warnings of the libraries


class _Repeated(TorchFunctionMode):
    """Interpolates the swapped sites of an original as repeated ×2, never with aligned corners."""

    def __init__(self, report: SwapReport) -> None:
        super().__init__()
        self.shapes = {(row.site.input, row.site.output): row.scales for row in report.swapped}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        scales = (
            self.shapes.get((tuple(args[0].shape), tuple(result.shape))) if func is F.interpolate else None
        )
        if not scales:
            return result
        x = args[0]
        for scale in scales:
            x = F.interpolate(x, scale_factor=scale, mode=kwargs["mode"])
        return x


def distance(results: tuple[torch.Tensor, ...], references: tuple[torch.Tensor, ...]) -> float:
    cost = difference(results, references)
    assert cost.value is not None, cost.method
    return cost.value


@pytest.mark.parametrize("entry", ZOO, ids=lambda entry: entry.name)
def test_zero_offsets_give_the_same_output(entry: ZooModel) -> None:
    torch.manual_seed(0)
    model = entry.make().eval()
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    swapped, report = swap_upsamplers(model, entry.inputs())
    part = zero_offsets(swapped).get_submodule(entry.part)
    with _Repeated(report):
        wanted = outputs(model.get_submodule(entry.part), entry.pictures())
    found = outputs(copy.deepcopy(part), entry.pictures())
    assert distance(found, wanted) < 1e-4
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    assert all(row.reason for row in report.left_alone)
    assert (len(report.rows), len(report.swapped), report.parameters) == EXPECTED[entry.name], str(report)


# Sites that align corners and can be swapped, and what comes with them.
ALIGNED = {
    "smp PAN": (2, 4_160),
    "smp DPT": (4, 65_664),
    "smp DeepLabV3Plus": (1, 32_832),
    "transformers DPT": (5, 4_768),
    "transformers Depth Anything": (4, 4_224),
}


@pytest.mark.parametrize("name", ALIGNED)
def test_aligned_corners_on_request(name: str) -> None:
    """These networks align corners everywhere, so nothing is swapped by default."""
    (entry,) = (entry for entry in ZOO if entry.name == name)
    model = entry.make().eval()
    swapped, report = swap_upsamplers(
        model, entry.inputs(), where=lambda site: site.align_corners and site.output[1] % 4 == 0
    )
    with _Repeated(report):
        wanted = outputs(model, entry.pictures())
    found = outputs(zero_offsets(swapped), entry.pictures())
    before = outputs(model, entry.pictures())
    assert distance(found, wanted) < 1e-4
    assert distance(found, before) > 1e-3
    assert (len(report.swapped), report.parameters) == ALIGNED[name], str(report)
