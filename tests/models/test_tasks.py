"""What is said of a picture can be cut and resized; tables say what a kind of task is."""

import cv2
import numpy as np
import pytest
import torch

from dysample.models.annotations import Depth, Labels, Objects, Panoptic
from dysample.models.tasks import KINDS, Kind
from dysample.models.weights import join, new_encoder, new_head
from dysample.training.recipe import load_recipe, recipe_names

SIZES = [(7, 5, 14, 10), (480, 640, 240, 320), (97, 61, 33, 640), (1, 9, 5, 1), (100, 100, 49, 51)]


@pytest.mark.parametrize(("height", "width", "rows", "columns"), SIZES)
def test_resizing_takes_the_pixels_that_opencv_takes(
    height: int, width: int, rows: int, columns: int
) -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 255, (height, width), dtype=np.uint8)
    expected = cv2.resize(classes, (columns, rows), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(Labels(classes).resized(rows, columns).classes, expected)
    metres = classes.astype(np.float32)
    np.testing.assert_array_equal(Depth(metres).resized(rows, columns).metres, expected)


def test_a_part_is_the_rectangle_and_contiguous() -> None:
    classes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    part = Labels(classes).part(slice(1, 3), slice(2, 4)).classes
    assert part.tolist() == [[6, 7], [10, 11]]
    assert part.flags.c_contiguous


@pytest.mark.parametrize("name", recipe_names())
def test_the_networks_of_a_task_are_those_of_its_kind(name: str) -> None:
    task = load_recipe(name).task
    encoder = new_encoder(task)
    assert encoder.strides[0] == KINDS[task.kind].finest
    host = join(task, encoder, new_head(task, encoder.channels, "bilinear")).eval()
    with torch.no_grad():
        output = host(torch.zeros(1, 3, 32, 64))
    said = KINDS[task.kind].annotation(task, output)
    expected: dict[Kind, type] = {
        "segmentation": Labels,
        "depth": Depth,
        "detection": Objects,
        "instances": Objects,
        "panoptic": Panoptic,
    }
    assert isinstance(said, expected[task.kind])
