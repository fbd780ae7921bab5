"""The gallery's pictures with the truths of several tasks."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from app.shared.photos import _measured
from dysample.training.data import PictureData
from dysample.training.recipe import load_recipe
from tests.training.datasets import make_data, make_recipe


def test_truths_that_list_other_pictures_are_matched_by_name(tmp_path: Path) -> None:
    make_data(tmp_path)
    (tmp_path / "camvid" / "short.txt").write_text("p2\np1\n")
    whole, short = (PictureData(tmp_path, "camvid", split, "segmentation") for split in ("train", "short"))
    first = load_recipe(make_recipe(tmp_path))
    other = replace(first, task=replace(first.task, classes=("night", "day")))
    photographs = [_measured(((first, whole), (other, short)), index) for index in range(4)]
    truths = [photograph.truth(other.task) for photograph in photographs]
    assert truths[0] is None
    assert truths[3] is None
    for index in (1, 2):
        np.testing.assert_array_equal(photographs[index].image, whole[index].image)
        np.testing.assert_array_equal(truths[index].classes, whole[index].truth.classes)
    assert photographs[0].truth(replace(first.task, classes=())) is None
