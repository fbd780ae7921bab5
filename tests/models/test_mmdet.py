"""Detectors of mmdetection give the same objects in our hosts: against slow loops on their own weights."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor
from torchvision.models._utils import IntermediateLayerGetter

from dysample.models.encoder import IMAGENET
from dysample.models.hub import WeightsError
from dysample.models.mmdet import from_mmdet, load_mmdet
from tests.models.checkpoints import UPSAMPLERS, shapes, weights
from tests.models.detection_loops import detect, neck
from tests.models.hosts import picture
from tests.models.published_upsamplers import FORMULAS

pytestmark = pytest.mark.slow
SMALL = {"backbone": "resnet18", "width": 64, "things": 3}


def maps_of(checkpoint: dict[str, Tensor], image: Tensor, stride: int) -> list[Tensor]:
    """Maps of torchvision's ResNet-18 of a picture that is normalised, then padded with zeros."""
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    height, width = image.shape[2:]
    normalised = torch.nn.functional.pad(
        (image - mean) / deviation, (0, -width % stride, 0, -height % stride)
    )
    network = torchvision.models.resnet18()
    backbone = {
        key.removeprefix("backbone."): value for key, value in checkpoint.items() if "backbone." in key
    }
    assert network.load_state_dict(backbone, strict=False).missing_keys == ["fc.weight", "fc.bias"]
    levels = IntermediateLayerGetter(network.eval(), {f"layer{k}": f"{k}" for k in (1, 2, 3, 4)})
    return list(levels(normalised).values())


nearest = partial(FORMULAS["nearest"], {})


@pytest.mark.parametrize(("backbone", "total"), [("resnet50", 46_836_640), ("resnet101", 65_828_768)])
def test_parameters_of_table_6(backbone: str, total: int):
    """The names and shapes of the checkpoints are those of the paper's Faster R-CNN."""
    names = shapes(backbone, stages=4)
    learned = [shape for key, shape in names.items() if "running" not in key and "num_batches" not in key]
    frozen = 225_344
    assert sum(torch.Size(shape).numel() for shape in learned) - frozen == total


@pytest.mark.parametrize(("backbone", "total"), [("resnet50", 46_027_110), ("resnet101", 65_019_238)])
def test_parameters_of_table_8(backbone: str, total: int):
    names = shapes(backbone, stuff=53, masks=True)
    learned = [shape for key, shape in names.items() if "running" not in key and "num_batches" not in key]
    assert sum(torch.Size(shape).numel() for shape in learned) == total


@pytest.mark.parametrize(("stages", "height", "width"), [(3, 60, 90), (4, 52, 64)])
def test_faster_rcnn(stages: int, height: int, width: int):
    checkpoint = weights(shapes(**SMALL, stages=stages))
    host, image = from_mmdet(checkpoint), picture(height, width)
    with torch.no_grad():
        maps = maps_of(checkpoint, image, 32 if stages == 3 else 64)
        expected = detect(checkpoint, maps, [nearest] * stages, height, width)
        found = host(image)
    assert len(expected.boxes) > 20
    assert found.labels[0].tolist() == [k + 1 for k in expected.classes]
    torch.testing.assert_close(found.scores[0], torch.tensor(expected.scores), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.boxes[0], torch.tensor(expected.boxes), atol=0.02, rtol=0)
    assert found.masks is None
    assert found.semantic is None


def test_mask_rcnn_and_panoptic_fpn():
    checkpoint = weights(shapes(**SMALL | {"width": 128}, stuff=4, masks=True), seed=1)
    for key in ("rpn_head.rpn_reg", "roi_head.bbox_head.fc_reg"):
        checkpoint[f"{key}.weight"] *= 0.2  # larger boxes
    logits = checkpoint["roi_head.mask_head.conv_logits.weight"]
    logits -= logits.mean(1, keepdim=True)  # of features that are positive: as many pixels in as out
    host, image = from_mmdet(checkpoint), picture(64, 60)
    with torch.no_grad():
        expected = detect(
            checkpoint, maps_of(checkpoint, image, 32), [nearest] * 3, 64, 60, across_classes=True
        )
        found = host(image)
    (objects,) = host.objects(image)
    assert len(expected.boxes) > 3
    assert objects.classes.tolist() == expected.classes
    np.testing.assert_allclose(objects.scores, expected.scores, atol=1e-4)
    np.testing.assert_allclose(objects.boxes, expected.boxes, atol=0.02)
    # A mask that is nearly one half at a pixel's centre may fall on either side.
    different = np.count_nonzero(objects.masks != np.array(expected.masks))
    area = np.prod(objects.boxes[:, 2:] - objects.boxes[:, :2], axis=1).sum()
    assert different < 1e-3 * area
    assert 0.1 < objects.masks.sum() / area < 0.9
    torch.testing.assert_close(found.semantic, expected.semantic, atol=1e-3, rtol=1e-3)
    stuff = found.stuff(0, range(3, 7)).classes
    classes = expected.semantic[0].argmax(0).numpy()
    assert np.mean(stuff == np.where(classes == 4, 255, classes + 3)) > 0.999
    assert {*np.unique(stuff)} > {255}


@pytest.mark.parametrize("upsampler", UPSAMPLERS)
@pytest.mark.parametrize("stages", [3, 4])
def test_upsamplers(upsampler: str, stages: int):
    """The levels are those of the formulas of the authors' operators on their own weights."""
    checkpoint = weights(shapes(**SMALL, upsampler=upsampler, stages=stages))
    host = from_mmdet(checkpoint, upsampler=upsampler)
    formulas = []
    for k in range(stages):
        prefix = f"neck.upsample_modules.{k}."
        parts = {
            key.removeprefix(prefix): value for key, value in checkpoint.items() if key.startswith(prefix)
        }
        formulas.append(partial(FORMULAS[upsampler.rstrip("+")], parts))
    maps = [torch.rand(1, c, 64 // 2**k, 32 // 2**k) for k, c in enumerate(host.encoder.channels)]
    with torch.no_grad():
        found = host.head.pyramid(tuple(maps)).levels
        expected = neck(checkpoint, maps, formulas)
    for level, other in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(level, other, atol=2e-4, rtol=1e-4)


def test_a_file(tmp_path: Path):
    checkpoint = weights(shapes(**SMALL, upsampler="dysample+"))
    torch.save({"meta": {"epoch": 12}, "state_dict": checkpoint}, tmp_path / "whole.pth")
    torch.save(checkpoint, tmp_path / "bare.pth")
    image = picture(32, 32)
    with torch.no_grad():
        expected = from_mmdet(checkpoint, upsampler="dysample+")(image)
        for name in ("whole.pth", "bare.pth"):
            host = load_mmdet(tmp_path / name, upsampler="dysample+")
            assert not host.training
            assert torch.equal(host(image).boxes[0], expected.boxes[0])
            assert host.operator("p4").scope.bias is not None


def test_weights_that_are_not_the_networks():
    checkpoint = weights(shapes(**SMALL, upsampler="dysample"))
    with pytest.raises(
        ValueError, match=r"host with nearest has no weights neck.upsample_modules.0.init_pos"
    ):
        from_mmdet(checkpoint)
    with pytest.raises(ValueError, match=r"lack what the host with dysample\+ calls .*p2.scope.weight"):
        from_mmdet(checkpoint, upsampler="dysample+")
    with pytest.raises(ValueError, match="is not the bilinear grid of scale=2, groups=8"):
        from_mmdet(checkpoint, upsampler="dysample-s")
    missing = {key: value for key, value in checkpoint.items() if key != "rpn_head.rpn_reg.bias"}
    with pytest.raises(ValueError, match=r"calls head.rpn.head.bbox_pred.bias$"):
        from_mmdet(missing, upsampler="dysample")
    more = checkpoint | {"rpn_head.rpn_iou.weight": torch.zeros(1), "ema_backbone": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"has no weights ema_backbone, rpn_head.rpn_iou.weight$"):
        from_mmdet(more, upsampler="dysample")
    many = checkpoint | {f"mask_iou_head.{k}": torch.zeros(1) for k in range(9)}
    with pytest.raises(ValueError, match=r"mask_iou_head.4 and 4 more$"):
        from_mmdet(many, upsampler="dysample")
    wide = checkpoint | {"roi_head.bbox_head.fc_reg.weight": torch.zeros(4, 256)}
    with pytest.raises(ValueError, match=r"size mismatch for head.regions.box_predictor.regress.weight"):
        from_mmdet(wide, upsampler="dysample")
    with pytest.raises(ValueError, match="must be a ResNet, got one with 0 blocks in its third stage"):
        from_mmdet({})
    one_stage = {key: value for key, value in checkpoint.items() if "roi_head" not in key}
    with pytest.raises(ValueError, match=r"must have roi_head.bbox_head.fc_cls.weight"):
        from_mmdet(one_stage)


def test_files_that_are_no_checkpoints(tmp_path: Path):
    with pytest.raises(WeightsError, match="there is no file"):
        load_mmdet(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no checkpoint")
    with pytest.raises(ValueError, match="is no checkpoint, or holds more than tensors"):
        load_mmdet(tmp_path / "text.pth")
    torch.save({"state_dict": {}, "hub": Path("x")}, tmp_path / "more.pth")
    with pytest.raises(ValueError, match="is no checkpoint, or holds more than tensors"):
        load_mmdet(tmp_path / "more.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="it has no dictionary of weights"):
        load_mmdet(tmp_path / "list.pth")
