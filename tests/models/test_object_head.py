"""The small network for objects: its steps, its anchors, and pictures of any size."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision.models.detection.image_list import ImageList

from dysample.models.encoder import Encoder
from dysample.models.object_head import ObjectDetector, ObjectHead, Widths
from dysample.models.tasks import KINDS
from dysample.ops.registry import OPERATORS
from dysample.training.recipe import load_recipe
from tests.models.hosts import disturbed, picture, small_encoder

WIDTHS = Widths(pyramid=32, semantic=16, box=16, mask=16)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return small_encoder()


def make(encoder: Encoder, upsampler: str = "nearest", widths: Widths = WIDTHS) -> ObjectDetector:
    """A host that finds objects in noise, since no score is too low for it."""
    torch.manual_seed(1)
    head = ObjectHead(encoder.channels, widths=widths, things=3, stuff=1, upsampler=upsampler)
    disturbed(head)
    head.regions.score_thresh = 0.0
    return ObjectDetector(encoder, head).eval()


@pytest.mark.parametrize("name", OPERATORS)
def test_steps(encoder: Encoder, name: str) -> None:
    """Three steps, each guided by the lateral that its output is added to, and made again by its operator."""
    host = make(encoder, name)
    with torch.no_grad():
        steps = host.intermediates(picture(64, 96)).steps
        for step in steps:
            again = host.operator(step.name)(*OPERATORS[name].inputs(step.input, step.guide))
            assert torch.equal(again, step.output)
            assert step.guide.shape == step.output.shape
    assert [(step.name, tuple(step.output.shape[2:])) for step in steps] == [
        ("p4", (4, 6)),
        ("p3", (8, 12)),
        ("p2", (16, 24)),
    ]


@pytest.mark.parametrize("size", [(32, 32), (33, 97), (1, 1), (40, 200)])
def test_what_is_found_lies_in_the_picture(encoder: Encoder, size: tuple[int, int]) -> None:
    height, width = size
    with torch.no_grad():
        found = make(encoder)(picture(*size))
    objects = found.objects(0, (1, 2, 3))
    assert (objects.height, objects.width) == size
    assert len(objects) > 0 or size == (1, 1)  # a box of one pixel is too small for torchvision
    assert (objects.boxes >= 0).all()
    assert (objects.boxes <= [width, height, width, height]).all()
    assert (np.diff(objects.scores) <= 0).all()
    assert set(objects.classes.tolist()) <= {1, 2, 3}
    assert objects.masks is not None
    assert objects.masks.shape == (len(objects), height, width)
    assert found.stuff(0, (0,)).classes.shape == size


def test_anchors_lie_at_multiples_of_the_stride(encoder: Encoder) -> None:
    """In a picture of 96 x 352 pixels p6 has 2 x 6 positions: 64 pixels apart, not 352 / 6."""
    host, seen = make(encoder), list[torch.Tensor]()
    host.head.rpn.anchor_generator.register_forward_hook(lambda module, inputs, output: seen.extend(output))
    with torch.no_grad():
        host(picture(96, 352))
    (anchors,) = seen
    counts = [(96 // s) * (352 // s) for s in (4, 8, 16, 32)]
    assert len(anchors) == 3 * (sum(counts) + 2 * 6)
    coarsest = anchors[-3 * 12 :].view(2, 6, 3, 4)
    centres = (coarsest[..., :2] + coarsest[..., 2:]) / 2
    for row in range(2):
        for column in range(6):
            for centre in centres[row, column]:
                assert centre.tolist() == [64 * column, 64 * row]
    areas = (coarsest[..., 2] - coarsest[..., 0]) * (coarsest[..., 3] - coarsest[..., 1])
    torch.testing.assert_close(areas, torch.full_like(areas, 256.0**2), rtol=0.01, atol=0)
    assert set(anchors[: 3 * counts[0] : 3, 0].add(anchors[: 3 * counts[0] : 3, 2]).div(2).tolist()) == {
        4.0 * k for k in range(352 // 4)
    }


def test_other_devices_leave_no_anchors_behind(encoder: Encoder) -> None:
    """Anchors on the device "meta" have no numbers, and a default device is not that of the maps."""
    head = make(encoder).head
    anchors = head.rpn.anchor_generator
    maps = [torch.zeros(1, 32, side, side) for side in (16, 8, 4, 2, 1)]
    pictures = ImageList(torch.zeros(1, 3, 64, 64), [(64, 64)])
    (wanted,) = make(encoder).head.rpn.anchor_generator(pictures, maps)
    assert anchors(pictures, [x.to("meta") for x in maps])[0].is_meta
    with FakeTensorMode(allow_non_fake_inputs=True):
        anchors(pictures, maps)
    with torch.device("meta"):
        (within,) = anchors(pictures, maps)
    (after,) = anchors(pictures, maps)
    assert type(after) is torch.Tensor
    assert torch.equal(within, wanted)
    assert torch.equal(after, wanted)


def test_a_head_without_masks_or_stuff_finds_boxes(encoder: Encoder) -> None:
    host = make(encoder, widths=Widths(pyramid=32, semantic=0, box=16, mask=0))
    with torch.no_grad():
        found = host(picture(64, 64))
    assert found.objects(0, (0, 1, 2)).masks is None
    with pytest.raises(ValueError, match="without a semantic branch"):
        found.stuff(0, (0,))


def test_the_kinds_see_the_same_objects(encoder: Encoder) -> None:
    """Boxes, masks and the panoptic map of one network agree, and classes are those of the task."""
    task = replace(
        load_recipe("everyday-panoptic").task,
        classes=("cat", "sky", "cow", "dog"),
        scored=("cat", "sky", "cow", "dog"),
        things=("cat", "cow", "dog"),
    )
    with torch.no_grad():
        found = make(encoder)(picture(64, 96))
    boxes, masks = (KINDS[kind].annotation(task, found) for kind in ("detection", "instances"))
    np.testing.assert_array_equal(boxes.boxes, masks.boxes)
    np.testing.assert_array_equal(boxes.classes, masks.classes)
    assert set(boxes.classes.tolist()) <= {0, 2, 3}
    assert masks.masks is not None
    assert boxes.classes.tolist() == [(0, 2, 3)[label - 1] for label in found.labels[0].tolist()]
    sure = replace(found, scores=tuple(torch.ones_like(scores) for scores in found.scores))
    whole = KINDS["panoptic"].annotation(task, sure)
    assert whole.segments.shape == (64, 96)
    assert set(whole.classes.tolist()) <= {0, 1, 2, 3}
    for number, label in enumerate(whole.classes.tolist(), start=1):
        pixels = whole.segments == number
        if label != 1:
            assert any((pixels <= mask).all() for mask in masks.masks)


def test_what_is_sure_enough_is_the_same_before_and_after_the_masks_are_drawn(encoder: Encoder) -> None:
    with torch.no_grad():
        found = make(encoder)(picture(48, 64))
    scores = found.scores[0].numpy()
    for score in (0.0, float(np.median(scores)), float(scores.max()), 1.0):
        sure, chosen = found.above(score).objects(0, (1, 2, 3)), scores >= np.float32(score)
        every = found.objects(0, (1, 2, 3))
        assert len(sure) == chosen.sum()
        for name in ("boxes", "classes", "scores", "masks"):
            np.testing.assert_array_equal(getattr(sure, name), getattr(every, name)[chosen])
        np.testing.assert_array_equal(found.above(score).stuff(0, (0,)).classes, found.stuff(0, (0,)).classes)


def test_stuff_is_the_class_of_the_largest_logit_and_the_first_of_equal_ones(encoder: Encoder) -> None:
    with torch.no_grad():
        found = make(encoder)(picture(32, 32))
    logits = torch.randint(0, 3, (1, 4, 32, 32), generator=torch.Generator().manual_seed(0)).float()
    said = replace(found, semantic=logits).stuff(0, (5, 2, 7)).classes
    for y in range(32):
        for x in range(32):
            values = logits[0, :, y, x].tolist()
            assert said[y, x] == (5, 2, 7, 255)[values.index(max(values))]
