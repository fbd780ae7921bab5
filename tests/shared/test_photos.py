"""The gallery's pictures with the truths of several tasks."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from app.settings import Source
from app.shared import photos
from app.shared.photos import _measured, _scenes, _spread
from dysample import images
from dysample.images import ImageError
from dysample.models.tasks import Kind
from dysample.training.data import PictureData
from dysample.training.recipe import CocoFiles, load_recipe
from dysample.training.stages import scored_pictures
from tests.training.datasets import make_data, make_objects, make_recipe


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


def test_the_gallery_offers_the_pictures_that_have_every_truth(tmp_path: Path) -> None:
    make_data(tmp_path)
    (tmp_path / "camvid" / "short.txt").write_text("p2\np1\n")
    whole, short = (PictureData(tmp_path, "camvid", split, "segmentation") for split in ("train", "short"))
    recipe = load_recipe(make_recipe(tmp_path))
    assert [item.key for item in _spread(((recipe, whole),))] == [f"camvid-p{k}" for k in range(4)]
    items = _spread(((recipe, whole), (recipe, short)))
    assert [item.key for item in items] == ["camvid-p1", "camvid-p2"]
    np.testing.assert_array_equal(items[0].load().image, whole[1].image)


def test_boxes_masks_and_segments_of_a_photograph_are_found(tmp_path: Path) -> None:
    """Three recipes share photographs; each has its own truth of them, a scene has none."""
    make_data(tmp_path)
    root = tmp_path / "camvid"
    make_objects(root, ("p0", "p1"), (40, 48))
    made = load_recipe(make_recipe(tmp_path)).task
    kinds: dict[Kind, str] = {
        "detection": "objects.json",
        "instances": "objects.json",
        "panoptic": "panoptic.json",
    }
    names = ("ground", "dark", "bright")
    recipes = [
        replace(
            load_recipe(make_recipe(tmp_path)),
            task=replace(made, kind=kind, classes=names, scored=names, things=names[1:]),
            coco=CocoFiles(file),
        )
        for kind, file in kinds.items()
    ]
    sources = tuple((recipe, scored_pictures(recipe, tmp_path)) for recipe in recipes)
    (first, _) = _spread(sources)
    boxes, masks, segments = (first.load().truth(recipe.task) for recipe in recipes)
    assert boxes.masks is None
    assert masks.masks.sum((1, 2)).tolist() == [18 * 18, 16 * 16, 14 * 20]  # the last one is cut off below
    assert boxes.boxes[0].tolist() == [2, 3, 20, 21]
    assert np.bincount(segments.labels().ravel()).tolist()[1:] == [18 * 18 + 14 * 20, 16 * 16]
    scene = next(item for item in _scenes() if item.key == "street").preview()
    assert all(scene.truth(recipe.task) is None for recipe in recipes)


# --- Visitors' own pictures ---


def own(name: str, width: int, height: int) -> Source:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "green").save(file, "PNG")
    return Source(name, file.getvalue() + name.encode())


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may take a gigabyte meanwhile."""
    active, most, both = 0, 0, threading.Barrier(2)

    def decode(data: bytes) -> torch.Tensor:
        nonlocal active, most
        active += 1
        most = max(most, active)
        threading.Event().wait(0.05)
        active -= 1
        return torch.zeros(3, 20, 20)

    def read(name: str) -> None:
        both.wait(10)
        photos.photograph(own(name, 2500, 2000))

    monkeypatch.setattr(images, "decode", decode)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(read, ("one after", "the other")))
    assert most == 1


def test_a_picture_that_the_memory_does_not_suffice_for_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = SimpleNamespace(total=8_000_000_000, available=50_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(ImageError, match="It has 2500×2000 pixels, for which too little memory is free now"):
        photos.photograph(own("too large", 2500, 2000))
    assert photos.photograph(own("small enough", 250, 200)).image.shape == (200, 250, 3)
