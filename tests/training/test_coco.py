"""Truth of objects from COCO's files: a small data set made by hand; pycocotools is the judge of masks."""

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as judge

from dysample.cli.train import note_left_out
from dysample.models.annotations import Objects, Panoptic, boxes_of
from dysample.training import data as pictures
from dysample.training.coco import (
    CocoObjects,
    CocoPanoptic,
    detection_listing,
    instance_listing,
    panoptic_listing,
    read_objects,
    read_panoptic,
)
from dysample.training.data import PictureData
from dysample.training.listing import DataError, LeftOut
from dysample.training.recipe import CocoFiles, load_recipe
from dysample.training.stages import training_pictures
from dysample.training.truth import TRUTHS, Framing, Truth, framed_objects, framed_panoptic
from tests import ROOT
from tests.training.datasets import make_data, make_recipe

CLASSES = ("background", "cat", "dog")
SIZE = (20, 30)
SQUARE = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [4, 2, 6, 8], "iscrowd": 0}
POLYGON = [[4, 2, 10, 2, 10, 10, 4, 10]]


def content(annotations: list[Any], **changes: Any) -> dict[str, Any]:
    """A file of two pictures of 20 × 30 pixels, with three categories of which the task has two."""
    images = [
        {"id": number, "file_name": f"train/p{number}.jpg", "height": SIZE[0], "width": SIZE[1]}
        for number in (1, 2)
    ]
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}, {"id": 5, "name": "tree"}]
    return {"images": images, "annotations": annotations, "categories": categories} | changes


def write(folder: Path, made: Any, *, name: str = "made.json", **style: Any) -> Path:
    """Write a file and the photographs that it may list."""
    (folder / "train").mkdir(exist_ok=True)
    for number in (1, 2):
        path = folder / "train" / f"p{number}.jpg"
        if not path.exists():
            cv2.imwrite(str(path), np.full((*SIZE, 3), 90 * number, np.uint8))
    (folder / name).write_text(json.dumps(made, **style))
    return folder / name


def square(top: int, left: int, bottom: int, right: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def reasons(left_out: tuple[LeftOut, ...]) -> dict[str, tuple[int, str]]:
    return {reason.words: (reason.count, reason.first) for row in left_out for reason in row.reasons}


# --- Boxes ---


def test_boxes_become_edges_inside_the_picture(tmp_path: Path) -> None:
    rows = [
        SQUARE,
        SQUARE | {"id": 2, "category_id": 3, "bbox": ["1.5", "2", 3.25, "4"], "iscrowd": 1},
        SQUARE | {"id": 3, "bbox": [-5, -5, 100, 8.5]},
        {"id": "four", "image_id": 1, "category_id": 3, "bbox": [29.5, 19.5, 2, 2]},
    ]
    found = read_objects(write(tmp_path, content(rows)), CLASSES).read("p1", SIZE)
    assert found.boxes.tolist() == [[4, 2, 10, 10], [1.5, 2, 4.75, 6], [0, 0, 30, 3.5], [29.5, 19.5, 30, 20]]
    assert found.classes.tolist() == [2, 1, 2, 1]
    assert found.crowd.tolist() == [False, True, False, False]
    assert found.scores.tolist() == [1, 1, 1, 1]
    assert found.masks is None


def test_pictures_keep_their_order_and_those_without_objects_stay(tmp_path: Path) -> None:
    path = write(tmp_path, content([SQUARE]))
    found = read_objects(path, CLASSES, masks=False)
    assert found.names == ("p1", "p2")
    assert [(row.name, row.path, row.height, row.width) for row in found.pictures] == [
        (f"p{number}", tmp_path / "train" / f"p{number}.jpg", *SIZE) for number in (1, 2)
    ]
    assert found.left_out == ()
    assert len(found.read("p2", SIZE)) == 0
    with_masks = read_objects(write(tmp_path, content([])), CLASSES, masks=True).read("p2", SIZE)
    assert with_masks.boxes.shape == (0, 4)
    assert with_masks.masks.shape == (0, *SIZE)


def test_file_names_are_relative_to_the_folder_of_pictures(tmp_path: Path) -> None:
    made = content([])
    for image in made["images"]:
        image["file_name"] = image["file_name"].removeprefix("train/")
    path = write(tmp_path, made)
    assert read_objects(path, CLASSES, pictures=tmp_path / "train").picture("p2").is_file()
    with pytest.raises(DataError, match=r"made\.json has no pictures that can be used: 2 of 2 pictures were"):
        read_objects(path, CLASSES)


def test_names_have_their_folders_where_stems_are_not_unique(tmp_path: Path) -> None:
    made = content([])
    made["images"][1]["file_name"] = "other/p1.jpg"
    path = write(tmp_path, made)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "p1.jpg").write_bytes((tmp_path / "train" / "p2.jpg").read_bytes())
    assert read_objects(path, CLASSES).names == ("train/p1", "other/p1")


# --- Masks ---


def masks_of(folder: Path, *segmentations: Any) -> np.ndarray:
    rows = [SQUARE | {"id": number, "segmentation": each} for number, each in enumerate(segmentations)]
    found = read_objects(write(folder, content(rows)), CLASSES, masks=True)
    assert found.left_out == ()
    masks = found.read("p1", SIZE).masks
    assert masks is not None
    return masks


def test_polygons_are_filled_their_parts_united_and_cut_off_at_the_edge(tmp_path: Path) -> None:
    parts = [*POLYGON, [20.0, 12.0, 25.0, 12.0, 25.0, 18.0, 20.0, 18.0]]
    overlapping = [*POLYGON, [6, 4, 14, 4, 14, 12, 6, 12]]
    outside = [[-7.0, -4.0, 5.0, -4.0, 5.0, 6.0, -7.0, 6.0]]
    beyond = [[25, 15, 47, 15, 47, 33, 25, 33]]
    found = masks_of(tmp_path, POLYGON, parts, overlapping, outside, beyond)
    np.testing.assert_array_equal(found[0], square(2, 4, 10, 10))
    np.testing.assert_array_equal(found[1], square(2, 4, 10, 10) | square(12, 20, 18, 25))
    np.testing.assert_array_equal(found[2], square(2, 4, 10, 10) | square(4, 6, 12, 14))
    np.testing.assert_array_equal(found[3], square(0, 0, 6, 5))
    np.testing.assert_array_equal(found[4], square(15, 25, 20, 30))


def test_run_lengths_go_down_the_columns(tmp_path: Path) -> None:
    """Rows 2 to 9 of columns 4 to 9, written as runs by hand: 82 outside, 8 inside, 12 outside ..."""
    counts = [82, *[8, 12] * 5, 8, 410]
    found = masks_of(tmp_path, {"size": list(SIZE), "counts": counts})
    np.testing.assert_array_equal(found[0], square(2, 4, 10, 10))


def encoded(mask: np.ndarray) -> dict[str, Any]:
    code = judge.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(code["size"]), "counts": code["counts"].decode()}


def test_compressed_codes_of_pycocotools_come_back_as_the_masks_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    masks = [rng.random(SIZE) < share for share in (0.02, 0.3, 0.5, 0.9, 0.99)]
    masks += [square(0, 0, *SIZE), square(19, 29, 20, 30), square(0, 0, 1, 1), square(0, 3, 20, 4)]
    found = masks_of(tmp_path, *map(encoded, masks))
    np.testing.assert_array_equal(found, masks)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools, NumPy 2
def test_damaged_codes_are_left_out_and_those_that_still_fit_are_read_as_pycocotools_does(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(1)
    whole = encoded(rng.random(SIZE) < 0.3)["counts"]
    codes = [whole[:-1], whole[:7], whole + "0", whole + "P", "", "\0", "é", "P" * 20, "~"]
    for _ in range(200):
        place = int(rng.integers(len(whole)))
        codes.append(whole[:place] + chr(int(rng.integers(48, 112))) + whole[place + 1 :])
    rows = [
        SQUARE | {"id": number, "segmentation": {"size": list(SIZE), "counts": code}}
        for number, code in enumerate(codes)
    ]
    found = read_objects(write(tmp_path, content(rows)), CLASSES, masks=True)
    found_reasons = reasons(found.left_out)
    assert found_reasons["with a damaged run-length code"][0] >= 6
    assert found_reasons["with run lengths that do not add up to the picture"][0] > 100
    kept = found.read("p1", SIZE)
    assert len(kept) == len(codes) - sum(count for count, _ in found_reasons.values())
    judged = [judge.decode({"size": list(SIZE), "counts": code}) for code in codes if fits(code)]
    np.testing.assert_array_equal(kept.masks, [mask.astype(bool) for mask in judged])
    assert len(kept) > 1


def fits(code: str) -> bool:
    """Whether the runs of a code are none below zero and add up to the picture, read in a slow loop."""
    if not code or min(code) < "0" or max(code) > "o":
        return False
    runs: list[int] = []
    place = 0
    while place < len(code):
        value = shift = 0
        more = True
        while more:
            if place == len(code):
                return False
            bits = ord(code[place]) - 48
            value |= (bits & 31) << shift
            more = bool(bits & 32)
            place, shift = place + 1, shift + 5
            if not more and bits & 16:
                value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return min(runs) >= 0 and sum(runs) == SIZE[0] * SIZE[1]


def test_masks_of_pictures_of_several_objects_stay_with_their_objects(tmp_path: Path) -> None:
    rows = [
        SQUARE | {"id": 1, "image_id": 2, "category_id": 3, "segmentation": POLYGON},
        SQUARE | {"id": 2, "segmentation": encoded(square(5, 5, 9, 9)), "iscrowd": 1},
        SQUARE | {"id": 3, "category_id": 5, "segmentation": POLYGON},
        SQUARE | {"id": 4, "category_id": 3, "segmentation": encoded(square(1, 2, 3, 4))},
    ]
    found = read_objects(write(tmp_path, content(rows)), CLASSES, masks=True)
    first, second = found.read("p1", SIZE), found.read("p2", SIZE)
    np.testing.assert_array_equal(first.masks, [square(5, 5, 9, 9), square(1, 2, 3, 4)])
    assert (first.classes.tolist(), first.crowd.tolist()) == ([2, 1], [True, False])
    np.testing.assert_array_equal(second.masks, [square(2, 4, 10, 10)])
    assert [str(row) for row in found.left_out] == [
        "1 of 4 objects was left out: 1 of a category that the task does not have "
        "(first: annotation 3 of made.json: tree)"
    ]


# --- What cannot be used ---

RUNS = {"size": list(SIZE), "counts": [82, 8, 510]}
FAULTS: list[tuple[Any, str]] = [
    ({"bbox": [4, 2, 0, 8]}, "with a box of no area"),
    ({"bbox": [4, 2, 6, -8]}, "with a box of no area"),
    ({"bbox": [4, 2, 1e-9, 8]}, "with a box of no area"),
    ({"bbox": [30, 2, 6, 8]}, "with a box outside the picture"),
    ({"bbox": [4, -9, 6, 8]}, "with a box outside the picture"),
    ({"bbox": [4, 2, 6]}, "whose 'bbox' is not four numbers"),
    ({"bbox": None}, "whose 'bbox' is of the wrong type"),
    ({"bbox": "4 2 6 8"}, "whose 'bbox' is of the wrong type"),
    ({"bbox": [4, 2, 6, "wide"]}, "whose 'bbox' is of the wrong type"),
    ({"bbox": [4, 2, True, 8]}, "whose 'bbox' is of the wrong type"),
    ({"bbox": [4, 2, [6], 8]}, "whose 'bbox' is of the wrong type"),
    ({"bbox": [4, 2, float("nan"), 8]}, "with a number that is not finite"),
    ({"bbox": [4, 2, float("inf"), 8]}, "with a number that is not finite"),
    ({"bbox": [4, 2, "inf", 8]}, "with a number that is not finite"),
    ({"bbox": [4, 2, 10**400, 8]}, "with a number that is not finite"),
    ({"bbox": ...}, "without 'bbox'"),
    ({"id": ...}, "without 'id'"),
    ({"id": [1]}, "whose 'id' is of the wrong type"),
    ({"id": 100}, "with the id of an earlier one"),
    ({"image_id": ...}, "without 'image_id'"),
    ({"image_id": 1.0}, "whose 'image_id' is of the wrong type"),
    ({"image_id": 8}, "of a picture that is not listed"),
    ({"image_id": "1"}, "of a picture that is not listed"),
    ({"category_id": ...}, "without 'category_id'"),
    ({"category_id": 9}, "of a category that is not listed"),
    ({"category_id": {}}, "whose 'category_id' is of the wrong type"),
    ({"category_id": 5}, "of a category that the task does not have"),
    ({"iscrowd": "no"}, "whose 'iscrowd' is neither 0 nor 1"),
    ({"iscrowd": []}, "whose 'iscrowd' is neither 0 nor 1"),
    ({"segmentation": ...}, "without 'segmentation'"),
    ({"segmentation": None}, "whose 'segmentation' is neither polygons nor run lengths"),
    ({"segmentation": []}, "whose 'segmentation' is neither polygons nor run lengths"),
    ({"segmentation": "ab"}, "whose 'segmentation' is neither polygons nor run lengths"),
    ({"segmentation": {"counts": [600]}}, "whose 'segmentation' is neither polygons nor run lengths"),
    ({"segmentation": POLYGON[0]}, "whose 'segmentation' is neither polygons nor run lengths"),
    ({"segmentation": [POLYGON[0][:4]]}, "with a polygon of fewer than three points"),
    ({"segmentation": [*POLYGON, []]}, "with a polygon of fewer than three points"),
    ({"segmentation": [POLYGON[0][:7]]}, "with a polygon of an odd number of coordinates"),
    ({"segmentation": [[*POLYGON[0][:7], float("nan")]]}, "with a number that is not finite"),
    ({"segmentation": [[4, 2, 10, 2, 10, 1e9]]}, "with a polygon that reaches far out of the picture"),
    ({"segmentation": [[40, 2, 46, 2, 46, 10]]}, "with a mask without pixels"),
    ({"segmentation": RUNS | {"size": [30, 20]}}, "with a mask of another size than the picture"),
    ({"segmentation": RUNS | {"size": None}}, "with a mask of another size than the picture"),
    ({"segmentation": RUNS | {"counts": [600]}}, "with a mask without pixels"),
    ({"segmentation": RUNS | {"counts": []}}, "with run lengths that do not add up to the picture"),
    ({"segmentation": RUNS | {"counts": [82, 8]}}, "with run lengths that do not add up to the picture"),
    ({"segmentation": RUNS | {"counts": [610, -10]}}, "with run lengths that do not add up to the picture"),
    ({"segmentation": RUNS | {"counts": [2**70]}}, "with run lengths that do not add up to the picture"),
    ({"segmentation": RUNS | {"counts": [82.0, 518.0]}}, "with run lengths of the wrong type"),
    ({"segmentation": RUNS | {"counts": 600}}, "with run lengths of the wrong type"),
    ({"segmentation": RUNS | {"counts": "\0\0"}}, "with a damaged run-length code"),
    (None, "that are not JSON objects"),
    ([1, 2], "that are not JSON objects"),
]


@pytest.mark.parametrize(("change", "reason"), FAULTS)
def test_an_entry_that_cannot_be_used_is_left_out_with_its_reason(
    tmp_path: Path, change: Any, reason: str
) -> None:
    good = SQUARE | {"id": 100, "segmentation": POLYGON}
    bad = change
    if isinstance(change, dict):
        bad = {key: value for key, value in (good | {"id": 17} | change).items() if value is not ...}
    named = isinstance(bad, dict) and isinstance(bad.get("id"), int)
    label = f"annotation {bad['id'] if named else 'at place 2'} of made.json"
    found = read_objects(write(tmp_path, content([good, bad, bad])), CLASSES, masks=True)
    assert len(found.read("p1", SIZE)) == 1
    (row,) = found.left_out
    assert (row.sort, row.total, row.count) == ("objects", 3, 2)
    ((words, (_, first)), *_) = reasons(found.left_out).items()
    assert words == reason
    assert first.partition(": ")[0] == label


def test_boxes_alone_do_not_ask_for_masks(tmp_path: Path) -> None:
    found = read_objects(write(tmp_path, content([SQUARE | {"segmentation": "damaged"}])), CLASSES)
    assert len(found.read("p1", SIZE)) == 1
    assert found.left_out == ()


IMAGE = {"id": 2, "file_name": "train/p2.jpg", "height": 20, "width": 30}


@pytest.mark.parametrize(
    ("change", "reason", "first"),
    [
        ({"file_name": "train/gone.jpg"}, "whose file is missing", "picture 2 of made.json: "),
        ({"file_name": "\0"}, "whose file is missing", "picture 2 of made.json: "),
        ({"file_name": 3}, "whose 'file_name' is of the wrong type", "picture 2 of made.json"),
        ({"height": 0}, "whose 'height' is not a whole number of pixels", "picture 2 of made.json"),
        ({"width": 2.5}, "whose 'width' is not a whole number of pixels", "picture 2 of made.json"),
        ({"width": 10**9}, "of more than 50,000,000 pixels", "picture 2 of made.json"),
        ({"width": None}, "whose 'width' is of the wrong type", "picture 2 of made.json"),
        ({"id": None}, "whose 'id' is of the wrong type", "picture at place 2 of made.json"),
    ],
)
def test_a_picture_that_cannot_be_used_is_left_out_with_its_objects(
    tmp_path: Path, change: dict[str, Any], reason: str, first: str
) -> None:
    made = content([SQUARE, SQUARE | {"id": 2, "image_id": 2}])
    made["images"][1] = IMAGE | change
    found = read_objects(write(tmp_path, made), CLASSES)
    assert found.names == ("p1",)
    counted = reasons(found.left_out)
    assert counted.pop(reason)[1].startswith(first)
    ((objects, (count, _)),) = counted.items()
    assert count == 1
    assert objects == f"of a picture that is {'not listed' if change.get('id', 2) is None else 'left out'}"


def test_the_sentence_counts_and_names_the_first_of_each_reason(tmp_path: Path) -> None:
    rows = [SQUARE | {"id": number, "bbox": [4, 2, 0, 8]} for number in (17, 18, 19)]
    rows += [SQUARE | {"id": number, "category_id": 5} for number in range(20, 1220)]
    (row,) = read_objects(write(tmp_path, content([SQUARE, *rows])), CLASSES).left_out
    assert str(row) == (
        "1,203 of 1,204 objects were left out: 3 with a box of no area (first: annotation 17 of made.json), "
        "1,200 of a category that the task does not have (first: annotation 20 of made.json: tree)"
    )


TWICE = [{"id": 1, "file_name": "train/p1.jpg", "height": 20, "width": 30}] * 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", r"made\.json is not JSON: Expecting value in line 1, column 1"),
        (b'{"images": [],\n"annotations": [1,]}', r"is not JSON: .* in line 2, column 1\d"),
        (b"\xff\xfe\xff", r"made\.json is not JSON: byte \d is not text in utf-"),
        (b"[" * 100_000, r"made\.json cannot be read as JSON: "),
        (b"[" + b"9" * 5000 + b"]", r"made\.json cannot be read as JSON: "),
        (b"[]", r"is not in COCO's format: it has to hold an object"),
        (b"{}", r"is not in COCO's format: it has no list 'images'"),
        (b'{"images": [], "annotations": {}}', r"it has something else for a list 'annotations'"),
        (content([], images=[]), r"made\.json has no pictures that can be used"),
        (content([], images=TWICE), r"made\.json: two pictures have the id 1; ids have to differ"),
        (
            content([], images=[TWICE[0], TWICE[0] | {"id": 2}]),
            r"made\.json: the pictures 'train/p1\.jpg' and 'train/p1\.jpg' have one name",
        ),
        (content([], categories=[]), r"none of the classes background, cat, dog: its categories are none"),
        (content([], categories=[{"id": 1, "name": "kat"}]), r"background, cat, dog: its categories are kat"),
        (content([], categories=[{"id": 1}]), r"category 1 cannot be used: it is one without 'name'"),
        (content([], categories=["cat"]), r"category at place 1 cannot be used: it is one that is not"),
        (
            content([], categories=[{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]),
            r"category 1 is listed twice, as 'cat' and as 'dog'",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, text: Any, sentence: str
) -> None:
    path = write(tmp_path, {} if isinstance(text, bytes) else text)
    if isinstance(text, bytes):
        path.write_bytes(text)
    (tmp_path / "made").mkdir()
    for read in (read_objects, read_panoptic):
        with pytest.raises(DataError, match=sentence):
            read(path, CLASSES)


def test_missing_files_and_too_many_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json is missing: is the data folder complete\?"):
        read_objects(tmp_path / "gone.json", CLASSES)
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        read_objects(tmp_path, CLASSES)
    with pytest.raises(DataError, match="at most 255 classes, got 256"):
        read_objects(write(tmp_path, content([])), tuple(map(str, range(256))))


def test_a_photograph_of_another_size_than_the_file_says_is_named(tmp_path: Path) -> None:
    found = read_objects(write(tmp_path, content([SQUARE])), CLASSES)
    with pytest.raises(DataError, match=r"p1: picture \(30, 20\) and truth \(20, 30\) differ in size"):
        found.read("p1", (30, 20))


# --- Panoptic maps ---

SEGMENTS = [
    {"id": 300, "category_id": 7, "iscrowd": 0},
    {"id": 70_000, "category_id": 3, "iscrowd": 1},
    {"id": 9, "category_id": 5},
    {"id": 11, "category_id": 3},  # has no pixels
    {"id": 200_000, "category_id": 8, "iscrowd": 0},
]
CATEGORIES = [
    {"id": 7, "name": "dog", "isthing": 1},
    {"id": 3, "name": "cat", "isthing": 1},
    {"id": 5, "name": "tree", "isthing": 1},
    {"id": 8, "name": "background", "isthing": 0},
]


def panoptic(segments: list[Any]) -> dict[str, Any]:
    rows = [
        {"image_id": number, "file_name": f"m{number}.png", "segments_info": segments} for number in (1, 2)
    ]
    return content(rows, categories=CATEGORIES)


def ids() -> np.ndarray:
    """Four squares on a ground: the segments of `SEGMENTS`, and 123, which no file lists."""
    made = np.full(SIZE, 200_000)
    made[2:6, 2:6] = 300
    made[2:6, 10:14] = 70_000
    made[10:14, 2:6] = 9
    made[10:14, 10:13] = 123
    made[19] = 0
    return made


def write_map(path: Path, made: np.ndarray) -> None:
    """Write ids as COCO does, as R + 256 G + 65536 B; OpenCV takes blue first."""
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.stack([made >> 16, made >> 8 & 255, made & 255], axis=2).astype(np.uint8))


def test_panoptic_maps_in_colours_are_numbered_anew(tmp_path: Path) -> None:
    path = write(tmp_path, panoptic(SEGMENTS))
    for number in (1, 2):
        write_map(tmp_path / "made" / f"m{number}.png", ids())
    found = read_panoptic(path, CLASSES)
    assert found.names == ("p1", "p2")
    truth = found.read("p1", SIZE)
    expected = np.full(SIZE, 3)
    expected[2:6, 2:6], expected[2:6, 10:14], expected[10:14, 2:6], expected[10:14, 10:13] = 1, 2, 0, 0
    expected[19] = 0
    np.testing.assert_array_equal(truth.segments, expected)
    assert truth.segments.dtype == np.uint8
    assert truth.classes.tolist() == [2, 1, 0]
    assert truth.crowd.tolist() == [False, True, False]
    assert truth.scores.tolist() == [1, 1, 1]


def test_segments_left_out_and_pixels_of_unlisted_ones_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, panoptic([*SEGMENTS, SEGMENTS[0], {"id": 0, "category_id": 3}]))
    for number in (1, 2):
        write_map(tmp_path / "made" / f"m{number}.png", ids())
    found = read_panoptic(path, CLASSES)
    assert reasons(found.left_out) == {
        "of a category that the task does not have": (2, "segment 9 in picture p1 of made.json: tree"),
        "with the id of an earlier one": (2, "segment 300 in picture p1 of made.json"),
        "whose 'id' is not from 1 to 16,777,215": (2, "segment 0 in picture p1 of made.json"),
    }
    found.read("p1", SIZE)
    found.read("p1", SIZE)  # counts no pixel twice
    assert str(found.left_out[-1]) == (
        "12 of 600 pixels were left out: 12 of segments that are not listed (first: 123 in m1.png)"
    )
    found.read("p2", SIZE)
    assert (found.left_out[-1].count, found.left_out[-1].total) == (24, 1200)


def test_maps_of_one_channel_hold_the_ids_themselves(tmp_path: Path) -> None:
    segments = [{"id": 4, "category_id": 7}, {"id": 254, "category_id": 8}]
    path = write(tmp_path, panoptic(segments))
    (tmp_path / "pan").mkdir()
    values = np.where(square(3, 3, 9, 9), 4, 254).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "pan" / "m1.png"), values)
    cv2.imwrite(str(tmp_path / "pan" / "m2.png"), values)
    truth = read_panoptic(path, CLASSES, maps=tmp_path / "pan").read("p1", SIZE)
    np.testing.assert_array_equal(truth.segments, np.where(square(3, 3, 9, 9), 1, 2))
    np.testing.assert_array_equal(truth.labels(), np.where(square(3, 3, 9, 9), 2, 0))


def test_many_segments_keep_apart_and_too_many_are_refused(tmp_path: Path) -> None:
    segments = [{"id": number * 1000, "category_id": 3} for number in range(1, 256)]
    made = np.zeros(SIZE, int)
    made.ravel()[:254] = np.arange(1, 255) * 1000
    for number in (1, 2):
        write_map(tmp_path / "made" / f"m{number}.png", made)
    truth = read_panoptic(write(tmp_path, panoptic(segments[:254])), CLASSES).read("p1", SIZE)
    np.testing.assert_array_equal(truth.segments, made // 1000)
    with pytest.raises(
        DataError, match=r"made\.json: p1 has 255 segments, and at most 254 can be told apart"
    ):
        read_panoptic(write(tmp_path, panoptic(segments)), CLASSES)


def test_pictures_without_a_map_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, panoptic(SEGMENTS))
    with pytest.raises(DataError, match=r"the folder .*made, with the maps of made\.json, is missing"):
        read_panoptic(path, CLASSES)
    write_map(tmp_path / "made" / "m2.png", ids())
    found = read_panoptic(path, CLASSES)
    assert found.names == ("p2",)
    counted = reasons(found.left_out)
    assert counted["whose PNG file is missing"] == (1, "annotation of picture 1 of made.json: m1.png")
    assert counted["without a map that can be used"] == (1, "p1 of made.json")
    (tmp_path / "made" / "m2.png").unlink()
    with pytest.raises(DataError, match="no pictures that can be used: 2 of 2 pictures were left out"):
        read_panoptic(path, CLASSES)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"segments_info": None}, "whose 'segments_info' is of the wrong type"),
        ({"file_name": ...}, "without 'file_name'"),
        ({"image_id": 1}, "for a picture that has one already"),
        ({"image_id": 5}, "of a picture that is not listed"),
    ],
)
def test_an_entry_of_a_map_that_cannot_be_used_is_left_out(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    made = panoptic(SEGMENTS)
    last = made["annotations"][1] | change
    made["annotations"][1] = {key: value for key, value in last.items() if value is not ...}
    path = write(tmp_path, made)
    for number in (1, 2):
        write_map(tmp_path / "made" / f"m{number}.png", ids())
    found = read_panoptic(path, CLASSES)
    assert found.names == ("p1",)
    assert reasons(found.left_out)[reason][0] == 1


def test_a_damaged_map_and_one_of_another_size_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, panoptic(SEGMENTS))
    write_map(tmp_path / "made" / "m1.png", ids()[:, :29])
    (tmp_path / "made" / "m2.png").write_bytes(b"not a picture")
    found = read_panoptic(path, CLASSES)
    with pytest.raises(DataError, match=r"p1: picture \(20, 30\) and map \(20, 29\) differ in size \(m1"):
        found.read("p1", SIZE)
    with pytest.raises(DataError, match=r"m2\.png is missing or damaged"):
        found.read("p2", SIZE)
    with pytest.raises(DataError, match=r"p1: picture \(20, 29\) and truth \(20, 30\) differ in size"):
        found.read("p1", (20, 29))
    cv2.imwrite(str(tmp_path / "made" / "m2.png"), np.zeros((*SIZE, 3), np.uint16))
    with pytest.raises(DataError, match=r"m2\.png is not a panoptic map: it has to have 8-bit colours"):
        found.read("p2", SIZE)


# --- As a data set ---

Open = Callable[[Path, CocoFiles, str, tuple[str, ...]], CocoObjects | CocoPanoptic]


def as_kind(patch: pytest.MonkeyPatch, open_: Open, framed: Callable[..., Any] = framed_objects) -> None:
    """Let "segmentation" be read from COCO's files."""
    row = TRUTHS["segmentation"]
    made = Truth(
        {"made": CocoFiles("{split}.json")}, CocoFiles, open_, framed, row.batch, row.loss, row.words
    )
    patch.setitem(TRUTHS, "segmentation", made)


def test_a_split_is_read_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    as_kind(monkeypatch, detection_listing)
    (tmp_path / "made").mkdir()
    write(tmp_path / "made", content([SQUARE, SQUARE | {"id": 2, "category_id": 5}]), name="val.json")
    data = PictureData(tmp_path, "made", "val", "segmentation", classes=CLASSES)
    assert data.title == "made val, 2 pictures"
    first = data[0]
    assert (first.name, first.image.shape) == ("p1", (*SIZE, 3))
    assert first.truth.boxes.tolist() == [[4, 2, 10, 10]]
    assert [len(truth) for truth in data.truths()] == [1, 0]
    note_left_out(data)
    assert capsys.readouterr().err == (
        "note: made val: 1 of 2 objects was left out: 1 of a category that the task does not have "
        "(first: annotation 2 of val.json: tree)\n"
    )
    with pytest.raises(DataError, match=r"made/train\.json is missing"):
        PictureData(tmp_path, "made", "train", "segmentation", classes=CLASSES)


def test_an_augmented_picture_and_its_boxes_show_the_same_square(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_kind(monkeypatch, instance_listing)
    (tmp_path / "made").mkdir()
    write(tmp_path / "made", content([SQUARE | {"segmentation": POLYGON}]), name="train.json")
    image = np.where(square(2, 4, 10, 10)[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    cv2.imwrite(str(tmp_path / "made" / "train" / "p1.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 100])
    data = PictureData(tmp_path, "made", "train", "segmentation", classes=CLASSES)
    stage = load_recipe(make_recipe(tmp_path)).encoder_stage
    for seed in range(10):
        picture = pictures.augment(data[0], data.truth, stage, np.random.default_rng(seed))
        bright = picture.image.mean(axis=2) > 180
        assert (bright != picture.truth.masks[0])[: SIZE[0]].mean() < 0.05
        np.testing.assert_allclose(picture.truth.boxes, boxes_of(bright[None]), atol=1.01)


OWN = """
[coco]
annotations = "annotations/instances_{split}2017.json"
pictures = "{split}2017"
"""


def test_a_recipe_may_describe_a_data_set_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(make_recipe(tmp_path))
    text = path.read_text().replace('"dark", "bright"', '"cat", "dog"').replace('"camvid"', '"mine"')
    path.write_text(text + OWN)
    recipe = load_recipe(str(path))
    files = CocoFiles("annotations/instances_{split}2017.json", "{split}2017")
    assert recipe.coco == files
    assert recipe.flat()["coco"] == {
        "annotations": files.annotations,
        "pictures": files.pictures,
        "maps": "",
    }
    with pytest.raises(DataError, match=r"segmentation is not read from COCO's files: remove \[coco\]"):
        training_pictures(recipe, tmp_path)
    as_kind(monkeypatch, instance_listing)
    root = tmp_path / "mine"
    (root / "annotations").mkdir(parents=True)
    made = content([SQUARE | {"segmentation": POLYGON}])
    for image in made["images"]:
        image["file_name"] = image["file_name"].removeprefix("train/")
    write(root, made, name="annotations/instances_train2017.json")
    (root / "train").rename(root / "train2017")
    found = training_pictures(recipe, tmp_path)[0].truth
    assert found.classes.tolist() == [1]
    np.testing.assert_array_equal(found.masks, [square(2, 4, 10, 10)])


def test_the_files_of_the_documentation_are_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    (table,), (made,) = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("toml", "json"))
    described = tomllib.loads(table)
    path = Path(make_recipe(tmp_path))
    path.write_text(path.read_text() + table[table.index("[coco]") :])
    files = load_recipe(str(path)).coco
    root = tmp_path / described["dataset"]
    (root / "annotations").mkdir(parents=True)
    (root / "val2017").mkdir()
    (root / "annotations" / "instances_val2017.json").write_text(made)
    (root / "val2017" / "000000000009.jpg").touch()
    found = instance_listing(root, files, described["test_split"], tuple(described["classes"]))
    assert found.left_out == ()
    truth = found.read("000000000009", (480, 640))
    assert truth.boxes.tolist() == [[10, 20, 310, 220]]
    np.testing.assert_array_equal(truth.masks, [square(20, 10, 220, 310, (480, 640))])


def test_a_recipe_with_an_unknown_key_about_files_is_refused(tmp_path: Path) -> None:
    path = Path(make_recipe(tmp_path))
    path.write_text(path.read_text() + OWN + 'folder = "x"\n')
    with pytest.raises(ValueError, match=r"made\.toml is not a complete recipe: .*'folder'"):
        load_recipe(str(path))


def test_panoptic_splits_have_a_folder_of_maps_each(tmp_path: Path) -> None:
    write(tmp_path, panoptic(SEGMENTS), name="panoptic_val.json")
    for folder in ("maps_val", "panoptic_val"):
        for number in (1, 2):
            write_map(tmp_path / folder / f"m{number}.png", ids())
    for maps in ("", "maps_{split}"):
        files = CocoFiles("panoptic_{split}.json", maps=maps)
        found = panoptic_listing(tmp_path, files, "val", CLASSES)
        assert found.read("p2", SIZE).classes.tolist() == [2, 1, 0]


# --- Digests ---


def digest(folder: Path, made: dict[str, Any], *, masks: bool = True, **style: Any) -> bytes:
    found = read_objects(write(folder, made, **style), CLASSES, masks=masks)
    return b"".join(found.content(name) for name in found.names)


def test_the_content_depends_on_what_is_true_and_not_on_how_it_is_written(tmp_path: Path) -> None:
    row = SQUARE | {"segmentation": POLYGON}
    known = digest(tmp_path, content([row]))
    assert digest(tmp_path, content([row]), indent=3) == known
    assert digest(tmp_path, content([row | {"area": 48.0}], info={"year": 2024})) == known
    assert digest(tmp_path, content([dict(reversed(row.items()))])) == known
    assert digest(tmp_path, content([row | {"bbox": ["4", 2.0, 6, 8]}])) == known
    assert digest(tmp_path, content([row | {"segmentation": encoded(square(2, 4, 10, 10))}])) == known
    for change in (
        {"bbox": [4, 2, 6, 8.5]},
        {"category_id": 3},
        {"iscrowd": 1},
        {"image_id": 2},
        {"segmentation": encoded(square(2, 4, 10, 11))},
    ):
        assert digest(tmp_path, content([row | change])) != known
    assert digest(tmp_path, content([row | {"segmentation": []}]), masks=False) == digest(
        tmp_path, content([row]), masks=False
    )


def test_the_content_of_panoptic_truth_is_the_file_s_and_the_map_s(tmp_path: Path) -> None:
    def known(segments: list[Any]) -> bytes:
        return read_panoptic(write(tmp_path, panoptic(segments)), CLASSES).content("p1")

    for number in (1, 2):
        write_map(tmp_path / "made" / f"m{number}.png", ids())
    first = known(SEGMENTS)
    assert known([row | {"area": 3} for row in SEGMENTS]) == first
    assert known(SEGMENTS[1:]) != first
    assert known([SEGMENTS[0] | {"category_id": 3}, *SEGMENTS[1:]]) != first
    write_map(tmp_path / "made" / "m1.png", ids()[::-1])
    assert known(SEGMENTS) != first


def test_digests_cover_names_photographs_and_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_kind(monkeypatch, detection_listing)
    (tmp_path / "made").mkdir()

    def known() -> str:
        return PictureData(tmp_path, "made", "val", "segmentation", classes=CLASSES).digest

    write(tmp_path / "made", content([SQUARE]), name="val.json")
    first = known()
    write(tmp_path / "made", content([SQUARE]), name="val.json", indent=1)
    assert known() == first
    write(tmp_path / "made", content([SQUARE | {"category_id": 3}]), name="val.json")
    assert known() != first
    write(tmp_path / "made", content([SQUARE]), name="val.json")
    cv2.imwrite(str(tmp_path / "made" / "train" / "p2.jpg"), np.zeros((*SIZE, 3), np.uint8))
    assert known() != first


def test_dense_truth_keeps_its_digest_and_its_sentences(tmp_path: Path) -> None:
    make_data(tmp_path)
    root = tmp_path / "camvid"
    data = PictureData(tmp_path, "camvid", "train", "segmentation")
    expected = hashlib.sha256()
    for name in ("p0", "p1", "p2", "p3"):
        expected.update(name.encode() + (root / "rgb" / f"{name}.jpg").read_bytes())
        expected.update((root / "label11" / f"{name}.png").read_bytes())
    assert data.digest == expected.hexdigest()
    assert data.left_out == ()
    cv2.imwrite(str(root / "label11" / "p1.png"), np.zeros((40, 47), np.uint8))
    with pytest.raises(DataError, match=r"^p1: picture \(40, 48\) and truth \(40, 47\) differ in size$"):
        data[1]
    with pytest.raises(DataError, match=rf"^camvid has no val\.txt in {tmp_path}: is the data folder compl"):
        PictureData(tmp_path, "camvid", "val", "segmentation")
    with pytest.raises(DataError, match=r"^no data set called 'made' has truth for depth; .* have: nyuv2$"):
        PictureData(tmp_path, "made", "train", "depth")


# --- Framing ---


def random_framing(rng: np.random.Generator, size: tuple[int, int]) -> Framing:
    factor = float(rng.uniform(0.5, 2.0))
    height, width = (max(1, round(side * factor)) for side in size)
    side = int(rng.integers(16, 48))
    top, left = (int(rng.integers(max(0, length - side) + 1)) for length in (height, width))
    return Framing(factor, height, width, top, left, side, bool(rng.random() < 0.5))


def objects(boxes: list[list[float]], masks: np.ndarray | None = None) -> Objects:
    count = len(boxes)
    return Objects(
        *SIZE,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        classes=np.arange(count, dtype=np.uint8),
        scores=np.ones(count, np.float32),
        masks=masks,
        crowd=np.zeros(count, bool),
    )


def test_boxes_are_framed_like_the_pixels_of_rectangles() -> None:
    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(200):
        framing = random_framing(rng, SIZE)
        top, left = int(rng.integers(17)), int(rng.integers(27))
        bottom, right = int(rng.integers(top + 3, 21)), int(rng.integers(left + 3, 31))
        mask = square(top, left, bottom, right)
        enlarged = cv2.resize(
            mask.astype(np.uint8), (framing.width, framing.height), interpolation=cv2.INTER_NEAREST
        )
        pixels = framing.cut(enlarged, (0,)).astype(bool)
        alone = framed_objects(objects([[left, top, right, bottom]]), framing)
        both = framed_objects(objects([[left, top, right, bottom]], mask[None]), framing)
        assert (both.height, both.width) == (framing.side, framing.side)
        if len(alone) and pixels.any():
            compared += 1
            np.testing.assert_allclose(alone.boxes, boxes_of(pixels[None]), atol=1)
            np.testing.assert_array_equal(both.masks, pixels[None])
            np.testing.assert_array_equal(both.boxes, boxes_of(pixels[None]))
        else:
            assert len(both) == int(pixels.any())
    assert compared > 100


# Twice as large, its rows 0 to 19 and columns 8 to 27, mirrored.
CROP = Framing(factor=2.0, height=40, width=60, top=0, left=8, side=20, mirrored=True)


@pytest.mark.parametrize("known", [False, True], ids=["boxes", "masks"])
def test_objects_cut_to_less_than_a_fifth_become_crowd_and_those_outside_vanish(known: bool) -> None:
    """Ten, two, one and none of their ten columns are left; all rows of the last lie outside."""
    edges = [[4, 0, 14, 5], [12, 0, 22, 5], [13, 0, 23, 5], [14, 0, 24, 5], [0, 12, 30, 20]]
    masks = np.stack([square(top, left, bottom, right) for left, top, right, bottom in edges])
    found = framed_objects(objects(edges, masks if known else None), CROP)
    assert found.classes.tolist() == [0, 1, 2]
    assert found.boxes.tolist() == [[0, 0, 20, 10], [0, 0, 4, 10], [0, 0, 2, 10]]
    assert found.crowd.tolist() == [False, False, True]


def test_the_box_of_a_cut_mask_is_that_of_what_is_left() -> None:
    """An L: its foot, which reaches into the crop, is lower than its leg, which does not."""
    mask = square(0, 0, 8, 3) | square(6, 0, 8, 12)
    found = framed_objects(objects([[0, 0, 12, 8]], mask[None]), CROP)
    assert found.boxes.tolist() == [[4, 12, 20, 16]]


def test_no_objects_are_framed_to_none() -> None:
    found = framed_objects(objects([], np.zeros((0, *SIZE), bool)), CROP)
    assert (len(found), found.masks.shape) == (0, (0, 20, 20))


def test_segments_are_framed_like_labels_and_numbered_anew() -> None:
    segments = np.ones(SIZE, np.uint8)
    segments[:, 0:4] = 2  # outside of the crop
    segments[0:5, 13:23] = 3  # a tenth is left
    segments[6:8, 5:7] = 4
    truth = Panoptic(
        segments,
        classes=np.array([0, 1, 2, 1], np.uint8),
        scores=np.ones(4, np.float32),
        crowd=np.array([False, False, False, True]),
    )
    enlarged = cv2.resize(segments, (60, 40), interpolation=cv2.INTER_NEAREST)
    expected = np.array([0, 1, 0, 2, 3])[enlarged[0:20, 8:28][:, ::-1]]
    found = framed_panoptic(truth, CROP, things=(1, 2))
    np.testing.assert_array_equal(found.segments, expected)
    assert found.classes.tolist() == [0, 2, 1]
    assert found.crowd.tolist() == [False, True, True]
    # The ground loses more than four fifths, but is no object.
    assert framed_panoptic(truth, CROP, things=(1,)).crowd.tolist() == [False, False, True]
    beyond = Framing(factor=1.0, height=20, width=30, top=0, left=0, side=40, mirrored=False)
    padded = framed_panoptic(truth, beyond).segments
    np.testing.assert_array_equal(padded[:20, :30], segments)
    assert not padded[20:].any()
    assert not padded[:, 30:].any()


# --- Real data ---

ALL = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
)


@pytest.mark.data
@pytest.mark.parametrize(
    ("split", "boxed", "boxes", "masked", "instances"),
    [("train", 990, 2414, 794, 1649), ("val", 280, 587, 232, 423)],
)
def test_real_splits_are_complete(split: str, boxed: int, boxes: int, masked: int, instances: int) -> None:
    """The counts are those of the data set's own description; crowds are not among them."""
    root = Path(os.environ["DYSAMPLE_DATA"]) / "voc_instances"
    classes = tuple(ALL.split())
    detection = detection_listing(root, CocoFiles("detection_{split}.json"), split, classes)
    instance = instance_listing(root, CocoFiles("instances_{split}.json"), split, classes)
    for listing, pictures_, objects_ in ((detection, boxed, boxes), (instance, masked, instances)):
        assert listing.left_out == ()
        assert len(listing.names) == pictures_
        truths = [listing.read(row.name, (row.height, row.width)) for row in listing.pictures]
        assert sum(int((~truth.crowd).sum()) for truth in truths) == objects_
    panoptic = panoptic_listing(
        root, CocoFiles("panoptic_{split}.json", maps="pan"), split, ("background", *classes)
    )
    assert panoptic.names == instance.names
    for row in panoptic.pictures[::8]:
        truth = panoptic.read(row.name, (row.height, row.width)).objects(tuple(range(1, 21)))
        known = instance.read(row.name, (row.height, row.width))
        known = known.chosen(~known.crowd)
        assert known.masks is not None
        assert truth.masks is not None
        assert {mask.tobytes() for mask in truth.masks} == {mask.tobytes() for mask in known.masks}
        np.testing.assert_array_equal(known.boxes, boxes_of(known.masks))
    assert panoptic.left_out == ()
