"""The paper's detectors: integers of Tables 6 to 8, their parts against slow loops, and whole pictures."""

import math
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from dysample.models.encoder import Encoder
from dysample.models.feature_pyramid import FeaturePyramid
from dysample.models.object_head import paste
from dysample.models.rcnn import (
    RCNN,
    RCNNHead,
    faster_rcnn,
    level_anchors,
    mask_rcnn,
    panoptic_rcnn,
    region_levels,
    usual_size,
)
from dysample.ops.registry import OPERATORS
from tests.models import detection_loops as loops
from tests.models.hosts import picture

pytestmark = pytest.mark.slow
RESNET_50 = (256, 512, 1024, 2048)
MOST = 20  # objects of a picture


def parameters(module: nn.Module, *, learned: bool = False) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not learned)


# --- Tables 6 to 8 ---


@pytest.mark.parametrize(
    ("backbone", "faster", "panoptic"),
    [("resnet50", 46_836_640, 46_027_110), ("resnet101", 65_828_768, 65_019_238)],
)
def test_totals(backbone: str, faster: int, panoptic: int):
    """The paper prints 46.8, 65.8, 46.0 and 65.0 M; for Faster R-CNN without what is frozen."""
    with torch.device("meta"):
        assert parameters(faster_rcnn(backbone), learned=True) == faster
        assert parameters(faster_rcnn(backbone)) - faster == 225_344  # stem and first stage
        assert parameters(faster_rcnn(backbone, stages=3), learned=True) == faster - 5_308_928
        assert parameters(panoptic_rcnn(backbone)) == panoptic
        # Masks: four 3x3 convolutions, a 2x2 one that enlarges, and 80 outputs.
        masks = 4 * (256 * 256 * 9 + 256) + 256 * 256 * 4 + 256 + 256 * 80 + 80
        assert parameters(mask_rcnn(backbone), learned=True) == faster + masks


# All parameters and those that are weights, in four stages and in three.
INCREMENTS = {
    "nearest": (0, 0, 0, 0),
    "bilinear": (0, 0, 0, 0),
    "deconv": (2_360_320, 2_359_296, 1_770_240, 1_769_472),
    "pixelshuffle": (9_441_280, 9_437_184, 7_080_960, 7_077_888),
    "carafe": (296_592, 295_936, 222_444, 221_952),
    "indexnet": (8_400_896, 8_396_800, 6_300_672, 6_297_600),
    "a2u": (43_160, 38_912, 32_370, 29_184),
    "fade": (189_028, 188_672, 141_771, 141_504),
    "sapa": (69_888, 65_536, 52_416, 49_152),
    "dysample": (32_896, 32_768, 24_672, 24_576),
    "dysample+": (65_664, 65_536, 49_248, 49_152),
    "dysample-s": (4_160, 4_096, 3_120, 3_072),
    "dysample-s+": (8_256, 8_192, 6_192, 6_144),
}


@pytest.mark.parametrize("upsampler", [name for name, row in OPERATORS.items() if row.in_paper])
def test_increments(upsampler: str):
    found, totals = [], {}
    for stages in (4, 3):
        with torch.device("meta"):
            head = RCNNHead(RESNET_50, things=80, masks=True, upsampler=upsampler, stages=stages)
            totals[stages] = parameters(head)
        assert len(head.upsamplers) == stages
        found += [
            parameters(head.upsamplers),
            sum(p.numel() for p in head.upsamplers.parameters() if p.ndim > 1),
        ]
    assert tuple(found) == INCREMENTS[upsampler]
    assert totals[4] - totals[3] == 5_308_928 + found[0] - found[2]


@pytest.mark.parametrize("upsampler", ["dysample+", "dysample-s+"])
def test_upsamplers_keep_their_own_initial_values(upsampler: str):
    """Another initialisation of all convolutions would move points by a third of a pixel at once."""
    torch.manual_seed(0)
    for host in (mask_rcnn("resnet18", upsampler=upsampler), panoptic_rcnn("resnet18", upsampler=upsampler)):
        for module in host.head.upsamplers.values():
            weight = module.offset.weight
            assert 0.5e-3 < weight.std() < 1.5e-3
            assert weight.abs().max() < 6e-3
            assert not module.offset.bias.any()
            assert not module.scope.weight.any()


def test_initial_values():
    torch.manual_seed(0)
    head = RCNNHead((64, 128, 256, 512), things=80, stuff=53, masks=True)
    smooth = head.pyramid.smooth["p3"]
    limit = math.sqrt(6 / (2 * 256 * 9))
    assert 0.98 * limit < smooth.weight.abs().max() <= limit  # Xavier's uniform distribution
    for module, deviation in (
        (head.regions.box_predictor.classify, 0.01),
        (head.regions.box_predictor.regress, 0.001),
        (head.semantic.predict, 0.01),
        (head.rpn.head.cls_logits, 0.01),
    ):
        assert abs(module.weight.std() / deviation - 1) < 0.1
        assert not module.bias.any()


# --- Pyramid ---


def test_three_stages_equal_torchvisions():
    torch.manual_seed(0)
    pyramid = FeaturePyramid((8, 16, 24, 32), width=32)
    other: Any = FeaturePyramidNetwork([8, 16, 24, 32], 32, LastLevelMaxPool())
    for k, name in enumerate(("p2", "p3", "p4", "p5")):
        other.inner_blocks[k][0].load_state_dict(pyramid.project[name].state_dict())
        other.layer_blocks[k][0].load_state_dict(pyramid.smooth[name].state_dict())
    maps = tuple(torch.rand(2, 8 * (k + 1), 24 // 2**k, 40 // 2**k) for k in range(4))
    names = ("p2", "p3", "p4", "p5")
    with torch.no_grad():
        found = pyramid(maps).levels
        expected = other(OrderedDict(zip(names, maps, strict=True)))
    for name in names:
        torch.testing.assert_close(found[name], expected[name])
    torch.testing.assert_close(found["p6"], expected["pool"])


@pytest.mark.parametrize("size", [(16, 24), (8, 24), (24, 40)])
def test_four_stages_equal_a_loop(size: tuple[int, int]):
    """The coarsest level has weights of its own; where it is enlarged too far, the rest is cut off."""
    torch.manual_seed(0)
    pyramid = FeaturePyramid((8, 16, 24, 32), width=16, stages=4)
    maps = tuple(torch.rand(1, 8 * (k + 1), size[0] // 2**k, size[1] // 2**k) for k in range(4))
    with torch.no_grad():
        found = pyramid(maps)
        sums = {f"p{k + 2}": pyramid.project[f"p{k + 2}"](x) for k, x in enumerate((*maps, maps[3]))}
        guides = {name: x.clone() for name, x in sums.items()}
        for fine, coarse in (("p5", "p6"), ("p4", "p5"), ("p3", "p4"), ("p2", "p3")):
            for row in range(sums[fine].shape[2]):
                for column in range(sums[fine].shape[3]):
                    sums[fine][:, :, row, column] += sums[coarse][:, :, row // 2, column // 2]
        for name, x in sums.items():
            torch.testing.assert_close(found.levels[name], pyramid.smooth[name](x))
    assert [step.name for step in found.steps] == ["p5", "p4", "p3", "p2"]
    for step in found.steps:  # guides are the laterals before the addition
        height, width = guides[step.name].shape[2:]
        torch.testing.assert_close(step.guide[:, :, :height, :width], guides[step.name])
        assert torch.equal(step.guide[:, :, -1], step.guide[:, :, height - 1])
        assert torch.equal(step.guide[..., -1], step.guide[..., width - 1])
        assert step.guide.shape[2:] == step.output.shape[2:]
    assert sums["p6"].shape[2:] == (math.ceil(maps[3].shape[2] / 2), math.ceil(maps[3].shape[3] / 2))


# --- Parts, against slow loops ---


@pytest.mark.parametrize(("height", "width", "stride"), [(1, 1, 4), (3, 5, 16), (2, 1, 64)])
def test_anchors(height: int, width: int, stride: int):
    expected = torch.tensor(loops.anchors(height, width, stride))
    torch.testing.assert_close(level_anchors(height, width, stride), expected)


def test_anchors_by_hand():
    """Square ones have sides of 32 pixels on the finest level, the others the same area."""
    found = level_anchors(1, 2, 4)
    assert found[1].tolist() == [-16, -16, 16, 16]
    assert found[4].tolist() == [-12, -16, 20, 16]
    sides = found[:, 2:] - found[:, :2]
    torch.testing.assert_close(sides.prod(1), torch.full((6,), 1024.0))
    torch.testing.assert_close(sides[:3, 1] / sides[:3, 0], torch.tensor([0.5, 1, 2]))


def test_the_network_has_the_anchors_of_every_level():
    """p6 of a picture of 96 columns has 2 of them, which is not a whole number of strides."""
    head = RCNNHead((8, 8, 8, 8), things=2, width=16)
    sizes = [(16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]
    images = ImageList(torch.zeros(1, 3, 64, 96), [(64, 96)])
    (found,) = head.rpn.anchor_generator(images, [torch.rand(1, 16, *size) for size in sizes])
    expected = [
        row for size, stride in zip(sizes, loops.STRIDES, strict=True) for row in loops.anchors(*size, stride)
    ]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_levels_of_regions():
    """Sides from 112, 224 and 448 pixels on are read from the next level."""
    sides = [1, 55, 111.9, 112, 223.9, 224, 447, 448, 3000]
    boxes = torch.tensor([[5, 7, 5 + side, 7 + side] for side in sides])
    assert region_levels(boxes).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    many = torch.rand(200, 2) * 900
    boxes = torch.cat([many, many + torch.rand(200, 2) * 600 + 1], 1)
    assert region_levels(boxes).tolist() == [loops.level(box) for box in boxes.tolist()]


@pytest.mark.parametrize(("part", "deviations"), [("rpn", (1, 1, 1, 1)), ("regions", (0.1, 0.1, 0.2, 0.2))])
def test_boxes_are_corrected(part: str, deviations: loops.Box):
    """Corrections in units of the deviations; a side changes by a factor of 62.5 at most either way."""
    coder: Any = getattr(RCNNHead((8, 8, 8, 8), things=2, width=16), part).box_coder
    torch.manual_seed(0)
    corners = torch.rand(40, 2) * 50
    boxes = torch.cat([corners, corners + torch.rand(40, 2) * 50 + 1], 1)
    deltas = torch.randn(40, 8) * torch.tensor([1.0, 1, 9, 9] * 2)
    found = coder.decode(deltas, [boxes]).reshape(40, 2, 4)
    clipped = found.clamp(min=0)
    clipped[..., 0::2] = clipped[..., 0::2].clamp(max=70)
    clipped[..., 1::2] = clipped[..., 1::2].clamp(max=60)
    for k, box in enumerate(boxes.tolist()):
        for n in range(2):
            expected = loops.decode(box, deltas[k, 4 * n : 4 * n + 4].tolist(), deviations, 60, 70)
            torch.testing.assert_close(clipped[k, n], torch.tensor(expected).float(), atol=1e-3, rtol=1e-4)
    sides = (found[..., 2:] - found[..., :2]) / (boxes[:, 2:] - boxes[:, :2])[:, None]
    assert sides.min() > 0.99 / 62.5 - 1e-3
    assert sides.max() < 1.01 * 62.5
    assert (deltas * torch.tensor(deviations * 2)).abs().max() > loops.LARGEST or part == "regions"


def test_regions_are_pooled():
    """Every level is read somewhere; positions are pixel centres."""
    torch.manual_seed(0)
    pool: Any = RCNNHead((8, 8, 8, 8), things=2, width=16).regions.box_roi_pool
    levels = {f"p{k + 2}": torch.randn(2, 3, 128 // 2**k, 160 // 2**k) for k in range(5)}
    first = torch.tensor([[0.0, 0, 640, 512], [10.3, 20.7, 15.1, 90.2], [300.5, 200, 420, 333]])
    second = torch.tensor([[30.0, 40, 290, 260], [600, 500, 640, 512]])
    found = pool(levels, [first, second], [(512, 640)] * 2)
    assert {loops.level(box) for box in [*first.tolist(), *second.tolist()]} == {0, 1, 2, 3}
    for k, (picture_number, box) in enumerate(
        [(0, box) for box in first.tolist()] + [(1, box) for box in second.tolist()]
    ):
        level = loops.level(box)
        x = levels[f"p{level + 2}"][picture_number].double().numpy()
        expected = loops.roi_align(x, box, loops.STRIDES[level], 7)
        np.testing.assert_allclose(found[k].numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("across", [False, True])
def test_the_best_boxes_are_kept(across: bool):
    """Of the boxes of a class, or of all of them, those that no better one overlaps by more than half."""
    torch.manual_seed(1)
    regions: Any = RCNNHead((8, 8, 8, 8), things=3, stuff=2 if across else 0, width=128).regions
    corners = torch.rand(60, 4, 2) * 30
    boxes = torch.cat([corners, corners + 10 + torch.rand(60, 4, 2) * 20], 2)
    scores = (torch.randn(60, 4) * 2).softmax(1)
    kept, values, labels = regions._choose(boxes, scores)
    rows = [
        (boxes[k, c].tolist(), scores[k, c].item(), 0 if across else c, c)
        for k in range(60)
        for c in (1, 2, 3)
        if scores[k, c] > 0.05
    ]
    best = loops.suppress([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows], 0.5)[
        :100
    ]
    assert len(best) > 5
    assert labels.tolist() == [rows[k][3] for k in best]
    torch.testing.assert_close(values, torch.tensor([rows[k][1] for k in best]))
    torch.testing.assert_close(kept, torch.tensor([rows[k][0] for k in best]))


def test_no_more_than_a_hundred_boxes():
    regions: Any = RCNNHead((8, 8, 8, 8), things=1, width=16).regions
    corners = torch.arange(150)[:, None] * torch.tensor([20.0, 0])
    boxes = torch.cat([corners, corners + 10], 1)[:, None].expand(-1, 2, -1)
    scores = torch.linspace(0.1, 0.9, 150)[:, None].expand(-1, 2)
    kept, values, _ = regions._choose(boxes, scores)
    assert torch.equal(kept, boxes[:, 1].flip(0)[:100])
    assert torch.equal(values, scores[:, 1].flip(0)[:100])


@pytest.mark.parametrize(
    "box",
    [
        (3.2, 4.9, 20.1, 17.3),
        (-5.0, -3.0, 9.0, 40.0),
        (7.2, 7.2, 8.6, 8.6),
        (2.0, 3.0, 10.0, 11.0),
        (40.0, 40.0, 50.0, 50.0),
    ],
)
def test_masks_are_pasted(box: tuple[float, float, float, float]):
    random = np.random.default_rng(0)
    mask = random.random((28, 28)).astype(np.float32)
    mask[:14] = 1  # a whole half, up to the edges
    found = paste(torch.from_numpy(mask)[None, None], torch.tensor([box]), 24, 30)
    np.testing.assert_array_equal(found[0].numpy(), loops.paste(mask, box, 24, 30))
    assert found.any() == (box[0] < 30)


def test_masks_of_whole_boxes():
    """A mask of ones covers the pixels whose centres lie in its box; an empty box has none."""
    boxes = torch.tensor([[2.0, 3, 6, 5], [4, 4, 4, 9], [0, 0, 8, 6]])
    found = paste(torch.ones(3, 1, 28, 28), boxes, 6, 8)
    expected = torch.zeros(3, 6, 8, dtype=torch.bool)
    expected[0, 3:5, 2:6] = expected[2] = True
    assert torch.equal(found, expected)
    assert paste(torch.ones(0, 1, 28, 28), torch.zeros(0, 4), 6, 8).shape == (0, 6, 8)


# --- Whole networks ---


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder("resnet18").eval()


def host(encoder: Encoder, *, stuff: int = 0, **options: Any) -> RCNN:
    torch.manual_seed(1)
    head = RCNNHead(encoder.channels, things=3, stuff=stuff, width=128 if stuff else 64, **options)
    head.regions.detections_per_img = MOST  # not 100: their masks would take most of the time
    return RCNN(encoder, head).eval()


@pytest.mark.parametrize("upsampler", OPERATORS)
@pytest.mark.parametrize("stages", [3, 4])
def test_objects_of_pictures(encoder: Encoder, upsampler: str, stages: int):
    """Random weights find something everywhere: a class in four has a probability above the threshold."""
    network = host(encoder, masks=True, upsampler=upsampler, stages=stages)
    found = network.objects(picture(41, 70, batch=2))
    for objects in found:
        assert (objects.height, objects.width) == (41, 70)
        assert 0 < len(objects) <= MOST
        assert objects.masks.shape == (len(objects), 41, 70)
        assert set(objects.classes) <= {0, 1, 2}
        assert (np.diff(objects.scores) <= 0).all()
        assert objects.boxes.min() >= 0
        assert (objects.boxes.max(0) <= [70, 41, 70, 41]).all()
        assert not objects.crowd.any()
    steps = network.intermediates(picture(41, 70)).steps
    assert [step.name for step in steps] == ["p5", "p4", "p3", "p2"][4 - stages :]
    assert steps[-1].output.shape[2:] == ((16, 24) if stages == 3 else (16, 32))
    for step in steps:
        operator = network.operator(step.name)
        assert torch.equal(operator(*OPERATORS[upsampler].inputs(step.input, step.guide)), step.output)


def test_segments_of_pictures(encoder: Encoder):
    network = host(encoder, masks=True, stuff=2)
    image = picture(64, 80, batch=2)
    for k, panoptic in enumerate(network.panoptic(image, threshold=0.3, stuff_area=9)):
        assert panoptic.segments.shape == (64, 80)
        assert set(panoptic.classes) <= {0, 1, 2, 3, 4}
        ground = network(image).stuff(k, (3, 4)).classes
        # Where there is no object, every pixel has its class of stuff, or nothing.
        labels = panoptic.labels()
        free = labels > 2
        assert free.any()
        assert ((labels == ground) | (labels == 255))[free].all()
    assert len(network.panoptic(image, threshold=1.0, stuff_area=64 * 80 + 1)[0].classes) == 0


def test_a_picture_seen_at_another_size(encoder: Encoder):
    """Boxes come back at the picture's own size, and so do stuff and masks."""
    network = host(encoder, masks=True, stuff=2)
    image = picture(40, 60)
    large = torch.nn.functional.interpolate(image, size=(80, 120), mode="bilinear")
    (found,), (expected,) = network.objects(image, size=(80, 120)), network.objects(large)
    np.testing.assert_allclose(found.boxes, expected.boxes / 2, atol=1e-4)
    assert found.masks.shape[1:] == (40, 60)
    assert network.panoptic(image, size=(80, 120))[0].segments.shape == (40, 60)


@pytest.mark.parametrize(
    ("size", "expected"), [((480, 640), (800, 1067)), ((640, 427), (1199, 800)), ((400, 1000), (533, 1333))]
)
def test_usual_size(size: tuple[int, int], expected: tuple[int, int]):
    assert usual_size(*size) == expected


def test_padding_is_the_mean_colour(encoder: Encoder):
    """So that it is zero where the first convolution reads it."""
    network = host(encoder, stages=4)
    mean = encoder.mean.expand(1, 3, 64, 128).clone()
    image = picture(50, 70)
    mean[:, :, :50, :70] = image
    with torch.no_grad():
        for found, expected in zip(network.encode(image), encoder(mean), strict=True):
            torch.testing.assert_close(found, expected)
        assert host(encoder).encode(image)[0].shape[2:] == (16, 24)


def test_pictures_of_eight_bits_are_scaled(encoder: Encoder):
    network, levels = host(encoder), (picture(50, 70) * 255).round()
    with torch.no_grad():
        for found, expected in zip(network.encode(levels.byte()), network.encode(levels / 255), strict=True):
            torch.testing.assert_close(found, expected)
    sized = network.objects(levels.byte(), size=(64, 96)), network.objects(levels / 255, size=(64, 96))
    np.testing.assert_allclose(sized[0][0].boxes, sized[1][0].boxes, atol=1e-3)
    with pytest.raises(ValueError, match=r"RGB in \[0, 1\], got values from 0 to 255"):
        network(levels)
    with pytest.raises(ValueError, match=r"RGB in \[0, 1\], got values from 0 to 255"):
        network.objects(levels, size=(64, 96))


def test_boxes_without_masks(encoder: Encoder):
    (objects,) = host(encoder).objects(picture(32, 32))
    assert objects.masks is None
    assert len(objects) > 0


def test_training_leaves_alone_what_is_frozen():
    torch.manual_seed(0)
    network = panoptic_rcnn("resnet18", upsampler="dysample", things=2, stuff=2).train()
    statistics = {key: value.clone() for key, value in network.state_dict().items() if "running" in key}
    box = torch.tensor([[4.0, 6, 50, 40]])
    mask = torch.zeros(1, 64, 64)
    mask[:, 6:40, 4:50] = 1
    target = {"boxes": box, "labels": torch.tensor([2]), "masks": mask}
    losses, logits = network.head.losses(network.encode(picture(64, 64)), [target])
    assert len(losses) == 5
    total: Any = sum(losses.values()) + logits.square().mean()
    total.backward()
    for key, parameter in network.named_parameters():
        frozen = key.startswith(("encoder.backbone.conv1", "encoder.backbone.bn1", "encoder.backbone.layer1"))
        assert (parameter.grad is None) == frozen, key
    assert all(parameter.grad.any() for parameter in network.head.upsamplers.parameters())
    for key, value in network.state_dict().items():
        if "encoder" in key and "running" in key:
            assert torch.equal(value, statistics[key]), key


def test_a_network_learns_one_picture(encoder: Encoder):
    """The labels, boxes and masks that it learns are those that it returns: no class is off by one."""
    torch.manual_seed(0)
    network = host(encoder, masks=True)
    image = torch.zeros(1, 3, 96, 96)
    image[:, :, 20:60, 30:80] = 1
    mask = image[:, 0]
    target = {"boxes": torch.tensor([[30.0, 20, 80, 60]]), "labels": torch.tensor([3]), "masks": mask}
    with torch.no_grad():
        maps = network.encode(image)
    optimiser = torch.optim.Adam(network.head.parameters(), lr=1e-3)
    network.train()
    network.head.regions.fg_bg_sampler.batch_size_per_image = 64
    for _ in range(40):
        losses, _ = network.head.losses(maps, [target])
        optimiser.zero_grad()
        total: Any = sum(losses.values())
        total.backward()
        optimiser.step()
    (found,) = network.eval().objects(image)
    assert found.classes[0] == 2
    assert found.scores[0] > 0.8
    np.testing.assert_allclose(found.boxes[0], [30, 20, 80, 60], atol=4)
    overlap = (found.masks[0] & (mask[0] > 0).numpy()).sum() / (found.masks[0] | (mask[0] > 0).numpy()).sum()
    assert overlap > 0.8


def test_what_is_refused(encoder: Encoder):
    with pytest.raises(ValueError, match="backbone must be a ResNet, such as resnet50, got 'mit_b1'"):
        faster_rcnn("mit_b1")
    with pytest.raises(ValueError, match="no upsampler is called 'wavelet'"):
        panoptic_rcnn("resnet18", upsampler="wavelet")
    with pytest.raises(ValueError, match="1 to 255 classes, some of them things, got 0, 3"):
        RCNNHead(RESNET_50, things=0, stuff=3)
    with pytest.raises(ValueError, match=r"width must be a positive multiple of 128 .*, got 64"):
        RCNNHead(RESNET_50, things=2, stuff=3, width=64)
    with pytest.raises(ValueError, match="objects must have masks"):
        host(encoder, stuff=2).panoptic(picture(32, 32))
    with pytest.raises(ValueError, match="a head without a semantic branch finds no stuff"):
        host(encoder, masks=True).panoptic(picture(32, 32))


@pytest.mark.unhooked
def test_what_is_refused_by_type(encoder: Encoder):
    with pytest.raises(ValueError, match="stages must be 3 or 4, got 5"):
        mask_rcnn("resnet18", stages=5)
    with pytest.raises(ValueError, match=r"image must have 3 channels \(RGB\), got 1"):
        host(encoder)(torch.rand(1, 1, 32, 32))
