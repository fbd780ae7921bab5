"""The loss of objects against its parts, and what a head learns by it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dysample.models.annotations import Objects, Panoptic
from dysample.models.encoder import Encoder
from dysample.models.object_head import ObjectDetector, ObjectHead, Widths
from dysample.models.tasks import KINDS, Task
from dysample.training.losses import ObjectTargets, object_loss
from dysample.training.recipe import load_recipe
from dysample.training.truth import TRUTHS

CHANNELS = (8, 8, 8, 8)
WIDTHS = Widths(pyramid=32, semantic=16, box=32, mask=16)
# Stuff between things, so that numbers of things are not those of classes.
CLASSES = ("cat", "sky", "dog")


def task() -> Task:
    own = load_recipe("everyday-panoptic").task
    return replace(own, classes=CLASSES, scored=CLASSES, things=("cat", "dog"), widths=tuple(WIDTHS))


def head(*, things: int = 2, stuff: int = 1) -> ObjectHead:
    torch.manual_seed(0)
    return ObjectHead(CHANNELS, widths=WIDTHS, things=things, stuff=stuff)


def maps(batch: int = 2, side: int = 64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    sides = [side // stride for stride in (4, 8, 16, 32)]
    return tuple(torch.randn(batch, 8, n, n, generator=generator) for n in sides)


def truth(cat: tuple[int, int, int, int], dog: tuple[int, int, int, int] | None = None) -> Panoptic:
    """A map of 64x64 pixels with sky around a cat and perhaps a dog, whose boxes are given."""
    segments = np.ones((64, 64), np.uint8)
    for number, box in ((2, cat), (3, dog)):
        if box is not None:
            left, top, right, bottom = box
            segments[top:bottom, left:right] = number
    count = 3 if dog else 2
    return Panoptic(
        segments,
        classes=np.array([1, 0, 2], np.uint8)[:count],
        scores=np.ones(count, np.float32),
        crowd=np.zeros(count, bool),
    )


def batch(*truths: Panoptic) -> ObjectTargets:
    targets = TRUTHS["panoptic"].batch(truths)
    assert isinstance(targets, ObjectTargets)
    return targets


def test_the_loss_is_the_sum_of_torchvisions_and_half_of_the_stuffs() -> None:
    targets = batch(truth((8, 8, 40, 40), (44, 20, 60, 60)), truth((0, 30, 30, 64)))
    model = head()
    torch.manual_seed(2)  # regions are sampled
    loss = object_loss(task(), [], 0.0)(model, maps(), targets, (3, 7))
    by_hand = [
        {
            "boxes": torch.tensor([[8.0, 8, 40, 40], [44, 20, 60, 60]]),
            "labels": torch.tensor([1, 2]),
            "masks": torch.zeros(2, 64, 64, dtype=torch.uint8),
        },
        {
            "boxes": torch.tensor([[0.0, 30, 30, 64]]),
            "labels": torch.tensor([1]),
            "masks": torch.zeros(1, 64, 64, dtype=torch.uint8),
        },
    ]
    for row in by_hand:
        for mask, (left, top, right, bottom) in zip(row["masks"], row["boxes"].int().tolist(), strict=True):
            mask[top:bottom, left:right] = 1
    stuff = torch.zeros(2, 64, 64, dtype=torch.long)
    for label, row in zip(stuff, by_hand, strict=True):
        label[row["masks"].bool().any(0)] = 1
    torch.manual_seed(2)
    parts, coarse = model.losses(maps(), by_hand)
    assert set(parts) == {
        "loss_objectness",
        "loss_rpn_box_reg",
        "loss_classifier",
        "loss_box_reg",
        "loss_mask",
    }
    assert coarse is not None
    large = F.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=False)
    every = F.cross_entropy(large, stuff, reduction="none")
    # One pixel of every block of four by four, the same in all.
    row, column = np.random.default_rng([3, 7, 4]).integers(4, size=2)
    expected = sum(parts.values()) + 0.5 * every[:, row::4, column::4].mean()
    torch.testing.assert_close(loss, expected)


def test_pictures_without_objects_or_known_pixels_have_a_finite_loss() -> None:
    empty = Panoptic(np.zeros((64, 64), np.uint8), *(np.zeros(0, kind) for kind in ("u1", "f4", bool)))
    model = head()
    loss = object_loss(task(), [], 0.0)(model, maps(), batch(empty, empty), (0, 0))
    assert loss.isfinite()
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_crowds_and_boxes_without_area_are_not_learned() -> None:
    boxes = np.array([[0, 0, 9, 9], [5, 5, 5, 9], [1, 2, 3, 4]], np.float32)
    objects = Objects(
        16,
        16,
        boxes=boxes,
        classes=np.array([0, 0, 2], np.uint8),
        scores=np.ones(3, np.float32),
        masks=None,
        crowd=np.array([True, False, False]),
    )
    targets = TRUTHS["detection"].batch([objects])
    assert isinstance(targets, ObjectTargets)
    assert targets.classes is None
    (row,) = targets.objects
    assert row["boxes"].tolist() == [[1, 2, 3, 4]]
    assert row["classes"].tolist() == [2]
    assert "masks" not in row


STEPS = 120


@pytest.mark.slow
def test_a_network_learns_to_find_two_squares() -> None:
    """One picture, learned by heart: boxes, classes, masks and what is around them come out."""
    torch.manual_seed(0)
    encoder = Encoder("mobilenet_v2")
    host = ObjectDetector(encoder, ObjectHead(encoder.channels, widths=WIDTHS, things=2, stuff=1)).train()
    known = truth((4, 6, 30, 34), (36, 20, 60, 60))
    image = torch.zeros(1, 3, 64, 64)
    image[0, 0, 6:34, 4:30] = 1
    image[0, 2, 20:60, 36:60] = 1
    optimiser = torch.optim.AdamW(host.parameters(), lr=2e-3)
    loss = object_loss(task(), [], 0.0)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for step in range(STEPS):
        optimiser.zero_grad()
        loss(host.head, host.encoder(image), batch(known), (0, step)).backward()
        optimiser.step()
        slower.step()
    for module in host.modules():  # statistics of one picture, as they were in training
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    with torch.no_grad():
        host.encoder(image)
        found = host.eval()(image)
    objects = KINDS["instances"].annotation(task(), found).above(0.5)
    expected = known.objects((0, 2))
    assert set(objects.classes.tolist()) == {0, 2}
    # Of each class the surest one: so short a training leaves a second one on some processors.
    best = [int(np.argmax(np.where(objects.classes == index, objects.scores, 0))) for index in (0, 2)]
    np.testing.assert_allclose(objects.boxes[best], expected.boxes, atol=6)
    shared = (objects.masks[best] & expected.masks).sum((1, 2))
    assert (shared / (objects.masks[best] | expected.masks).sum((1, 2)) > 0.7).all()
    whole = KINDS["panoptic"].annotation(task(), found)
    assert sorted(whole.classes.tolist()) == [0, 1, 2]
    assert (whole.labels() == known.labels()).mean() > 0.85
    assert KINDS["detection"].annotation(task(), found).masks is None
