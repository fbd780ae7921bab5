"""Errors of learning. They run without the shape hook, which would raise first."""

import numpy as np
import pytest

from dysample.explain.learn import LearnSettings, train_steps
from dysample.explain.learn_tasks import bright_regions, mask_problem, picture_problem, rings

pytestmark = pytest.mark.unhooked


@pytest.mark.parametrize(
    ("height", "width", "scale", "message"),
    [
        (47, 60, 2, r"at scale 2, the picture must have from 48 to 256 pixels a side, got 60 x 47"),
        (96, 95, 4, r"at scale 4, .* from 96 to 256 pixels a side, got 95 x 96"),
        (100, 257, 2, r"from 48 to 256 pixels a side, got 257 x 100"),
        (96, 96, 1, r"scale must be an integer of at least 2, got 1"),
        (96, 96, 2.0, r"scale must be an integer of at least 2, got 2\.0"),
    ],
)
def test_sizes_and_scales(height, width, scale, message):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=message):
        picture_problem(image, scale=scale)
    with pytest.raises(ValueError, match=message):
        mask_problem(image, image[..., 0] > 99, scale=scale)


@pytest.mark.parametrize("image", [rings(48)[..., :1], rings(48)[..., 0], rings(48).astype(np.float32)])
def test_pictures_that_are_not_8_bit_colour(image):
    with pytest.raises(ValueError, match="the picture must be 8-bit RGB, got"):
        picture_problem(image)


def test_a_picture_without_detail():
    with pytest.raises(ValueError, match="no detail that bilinear misses"):
        picture_problem(np.full((48, 48, 3), 90, np.uint8))


def test_masks():
    image = rings(48)
    mask = np.zeros((48, 48), bool)
    with pytest.raises(ValueError, match=r"the mask must have the picture's size \(48, 48\), got \(40, 48\)"):
        mask_problem(image, mask[:40])
    with pytest.raises(ValueError, match="neither empty nor full in the training squares"):
        mask_problem(image, mask)
    mask[3, 3] = True
    with pytest.raises(ValueError, match="neither empty nor full in the held-out squares"):
        mask_problem(image, mask)


def test_made_pictures_have_pixels():
    with pytest.raises(ValueError, match="size must be at least 1 pixel, got 0"):
        rings(0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": 3}, "groups must divide 16 at scale 2, got 3"),
        ({"groups": 0}, "groups must divide 16 at scale 2, got 0"),
        ({"scope": 0}, "scope must be a positive number, got 0"),
        ({"style": "lo"}, "style must be 'lp' or 'pl', got 'lo'"),
        ({"initial": "cubic"}, "initial must be 'bilinear' or 'nearest', got 'cubic'"),
    ],
)
def test_options_are_refused_before_anything_is_learnt(settings, message):
    with pytest.raises(ValueError, match=message):
        train_steps(picture_problem(rings(48)), LearnSettings(**settings))


@pytest.mark.parametrize("counts", [{"steps": 0}, {"snapshot_every": 0}])
def test_counts(counts):
    with pytest.raises(ValueError, match="steps and snapshot_every must be at least 1, got"):
        train_steps(mask_problem(rings(48), bright_regions(rings(48))), LearnSettings(), **counts)
