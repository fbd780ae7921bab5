"""Comparisons of hand-made boxes and masks: numbers, colours, labels, files."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from app.records import Comparison, Layer
from app.settings import CompareSettings
from app.theme import CHANGED, CONFUSED, FALSE, FOUND, MISSED, ONLY_HERE, ONLY_THERE, SAME, class_colours
from app.views.compare import numbers, object_archive, object_panes, sheet
from app.views.compare.compute import close_up
from app.views.compare.marks import FILL, HALO, STRONG, Frame, ObjectMark, marks_png
from app.views.compare.verdicts import errors, roll
from dysample.models.annotations import Objects
from dysample.training.coco import read_objects
from tests.views.compare.made import HEIGHT, WIDTH, decoded, made_comparison

CLASSES = ("background", "cat", "dog")
THINGS = ("cat", "dog")
CAT, DOG = 1, 2
# Left, top, right, bottom. Bilinear finds two of them; nearest the left one, too wide, and the right one.
LEFT, MIDDLE, RIGHT = (10, 20, 50, 80), (70, 30, 100, 90), (120, 40, 150, 100)
WIDER = (10, 20, 52, 80)
BOX_SCORES = {"box_ap": 0.25, "box_ap50": 0.5}
MASK_SCORES = {"mask_ap": 0.25, "boundary_ap": 0.125}


def objects(
    boxes: Sequence[tuple[int, int, int, int]],
    classes: Sequence[int],
    scores: Sequence[float] | None = None,
    *,
    masks: bool,
    crowd: Sequence[bool] | None = None,
) -> Objects:
    """Rectangles, as boxes or as masks."""
    pixels = np.zeros((len(boxes), HEIGHT, WIDTH), bool)
    for mask, (left, top, right, bottom) in zip(pixels, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return Objects(
        HEIGHT,
        WIDTH,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        classes=np.array(classes, np.uint8),
        scores=np.ones(len(boxes), np.float32) if scores is None else np.array(scores, np.float32),
        masks=pixels if masks else None,
        crowd=np.zeros(len(boxes), bool) if crowd is None else np.array(crowd, bool),
    )


def compared(
    *, masks: bool, truth: Objects | None = None, scored: dict[str, Objects] | None = None
) -> Comparison:
    right = objects([LEFT, MIDDLE], [CAT, DOG], [0.9, 0.8], masks=masks)
    return made_comparison(
        "instances" if masks else "detection",
        CLASSES,
        objects([LEFT, MIDDLE], [CAT, DOG], masks=masks) if truth is None else truth,
        right=right,
        wrong=objects([WIDER, RIGHT], [CAT, DOG], [0.95, 0.75], masks=masks),
        scores=MASK_SCORES if masks else BOX_SCORES,
        things=THINGS,
        scored=scored,
    )


@pytest.fixture(params=[False, True], ids=["boxes", "masks"])
def comparison(request: pytest.FixtureRequest) -> Comparison:
    return compared(masks=request.param)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def opaque(layer: Layer, colour: str) -> np.ndarray:
    """Where a layer has opaque pixels of a colour."""
    return (decoded(layer.png) == (*rgb(colour), 255)).all(-1)


def on_the_edge(box: tuple[int, int, int, int]) -> np.ndarray:
    """The pixels of a box next to its border."""
    left, top, right, bottom = box
    edge = np.zeros((HEIGHT, WIDTH), bool)
    edge[top:bottom, left:right] = True
    edge[top + 1 : bottom - 1, left + 1 : right - 1] = False
    return edge


# --- Numbers ---


def test_the_table_counts_what_each_finds(comparison: Comparison) -> None:
    columns = numbers.columns(comparison)
    assert columns["Objects"] == [2, 2]
    assert columns["Objects added"] == [1, None]
    assert columns["Objects lost"] == [1, None]
    sort = "masks" if comparison.reference.masks is not None else "boxes"
    assert columns[f"IoU of {sort} (%)"] == [pytest.approx(100 * 40 / 42), None]
    name = "Mask" if sort == "masks" else "Box"
    assert columns[f"{name} AP on test (%)"] == [25, 25]
    # One of two is found, at all thresholds up to 0.95: AP50 of the cat is 1, of the dog 0.
    assert columns[f"{name} AP50 here (%)"] == [pytest.approx(50), pytest.approx(100)]


def test_the_changed_pixels_are_the_columns_and_the_objects_that_one_lacks() -> None:
    columns = numbers.columns(compared(masks=True))
    changed = 2 * 60 + 30 * 60 + 30 * 60
    assert columns["Pixels changed (%)"] == [pytest.approx(100 * changed / (HEIGHT * WIDTH)), None]


def test_average_precision_ranks_what_is_not_shown_too() -> None:
    """Nearest has the dog as well, with a score below the threshold."""
    hidden = {
        "nearest": objects([LEFT, RIGHT, MIDDLE], [CAT, DOG, DOG], [0.95, 0.75, 0.2], masks=False),
        "bilinear": objects([LEFT, MIDDLE], [CAT, DOG], [0.9, 0.8], masks=False),
    }
    columns = numbers.columns(compared(masks=False, scored=hidden))
    assert columns["Objects"] == [2, 2]
    # The dog comes second of its class: its precision is a half.
    assert columns["Box AP50 here (%)"] == [pytest.approx(75, abs=0.5), pytest.approx(100)]


def test_what_is_shown_counts_however_low_its_score(comparison: Comparison) -> None:
    from app.views.compare.compute import compare

    def lowered(row):
        said = replace(row.answer.annotation, scores=row.answer.annotation.scores / 10)
        return replace(row.answer, annotation=said)

    answers = {row.name: lowered(row) for row in comparison.compared}
    entries = {row.name: row.weights for row in comparison.compared}
    low = compare(comparison.task, comparison.picture, answers, entries, threshold=0.05)
    for title in ("Objects", "Objects added", "Objects lost"):
        assert numbers.columns(low)[title] == numbers.columns(comparison)[title]
    assert low.window == comparison.window


# --- Colours ---


def test_boxes_have_the_colours_of_their_classes_and_a_halo() -> None:
    nearest, bilinear, truth = object_panes.panes(compared(masks=False), "answers")
    cat, dog = (class_colours(CLASSES)[index] for index in (CAT, DOG))
    for layer, box, colour in ((nearest, RIGHT, dog), (bilinear, LEFT, cat), (truth, MIDDLE, dog)):
        left, top, right, bottom = box
        pixels = decoded(layer.png)
        # The upper edge may lie beneath a label.
        assert opaque(layer, colour)[top + 25 : bottom, left].all()
        assert opaque(layer, colour)[bottom - 1, left:right].all()
        assert (pixels[top + 25 : bottom, left - 1] == HALO).all()
        assert (pixels[bottom, left:right] == HALO).all()
        assert pixels[bottom - 10, (left + right) // 2, 3] == 0
    assert not opaque(bilinear, dog)[RIGHT[1] : RIGHT[3], RIGHT[0] : RIGHT[2]].any()
    legend = object_panes.legend(compared(masks=False), "answers").entries
    assert {entry.name: entry.colour for entry in legend} == {"cat": cat, "dog": dog}


def test_an_object_with_a_mask_has_one_colour_in_all_panes() -> None:
    layers = object_panes.panes(compared(masks=True), "answers")
    legend = {
        entry.name: entry.colour for entry in object_panes.legend(compared(masks=True), "answers").entries
    }
    assert list(legend) == ["cat 1", "dog 1", "dog 2"]  # the reference's two, then nearest's own
    assert len(set(legend.values())) == 3
    for layer, boxes in zip(
        layers,
        (
            {"cat 1": WIDER, "dog 2": RIGHT},
            {"cat 1": LEFT, "dog 1": MIDDLE},
            {"cat 1": LEFT, "dog 1": MIDDLE},
        ),
        strict=True,
    ):
        pixels = decoded(layer.png)
        for name, (left, top, right, bottom) in boxes.items():
            x, y = (left + right) // 2, (top + bottom) // 2 + 10
            assert tuple(pixels[y, x]) == (*rgb(legend[name]), FILL)
            assert tuple(pixels[y, right - 1]) == (*rgb(legend[name]), 255)


def test_changes_are_quiet_where_both_agree_and_strong_where_one_lacks_an_object(
    comparison: Comparison,
) -> None:
    nearest, bilinear = object_panes.panes(comparison, "changes")
    for layer, colour, box in ((nearest, ONLY_HERE, RIGHT), (nearest, SAME, WIDER), (bilinear, SAME, LEFT)):
        assert (opaque(layer, colour) & on_the_edge(box))[box[3] - 1, box[0] : box[0] + 30].all()
    # What is only in the reference is dashed.
    dashes = opaque(nearest, ONLY_THERE) & on_the_edge(MIDDLE)
    assert 0.25 < dashes[:, MIDDLE[0]].sum() / (MIDDLE[3] - MIDDLE[1]) < 0.75
    assert not (opaque(bilinear, ONLY_HERE) | opaque(bilinear, ONLY_THERE)).any()
    assert nearest.note == "2 objects: 1 as with Bilinear, 1 only here, 1 only there"
    assert bilinear.note == "2 objects. The reference that the others are compared with"
    names = [entry.name for entry in object_panes.legend(comparison, "changes").entries]
    assert names[:3] == ["only here", "only in Bilinear (dashed)", "in both"]


def test_the_pixels_in_which_two_masks_differ_are_marked() -> None:
    nearest, bilinear = object_panes.panes(compared(masks=True), "changes")
    changed = (decoded(nearest.png) == (*rgb(CHANGED), STRONG)).all(-1)
    assert changed[40:80, 50:52].all()  # above, a label may lie
    assert not np.delete(changed, [50, 51], axis=1).any()
    assert not (decoded(bilinear.png) == (*rgb(CHANGED), STRONG)).all(-1).any()


def test_errors_are_found_missed_false_or_of_the_wrong_class() -> None:
    """Nearest has the cat, calls the dog a cat, has one that is not there, and misses another."""
    far = (110, 90, 140, 118)
    truth = objects([LEFT, MIDDLE, far], [CAT, DOG, DOG], masks=False)
    made = compared(masks=False, truth=truth)
    answer = objects([LEFT, MIDDLE, RIGHT], [CAT, CAT, DOG], [0.9, 0.8, 0.7], masks=False)
    rows = (
        replace(made.compared[0], answer=replace(made.compared[0].answer, annotation=answer)),
        made.compared[1],
    )
    nearest, bilinear = object_panes.panes(replace(made, compared=rows), "errors")
    assert nearest.note == "1 found, 1 missed, 1 false, 1 of the wrong class"
    assert bilinear.note == "2 found, 1 missed, 0 false, 0 of the wrong class"
    for colour, box in ((FOUND, LEFT), (CONFUSED, MIDDLE), (FALSE, RIGHT)):
        assert opaque(nearest, colour)[box[3] - 1, box[0] : box[2]].any()
    assert opaque(nearest, MISSED)[far[1] : far[3], far[0]].any()
    assert nearest.alt == f"Errors of Nearest: {nearest.note}"


def test_what_lies_in_a_crowd_is_neither_right_nor_wrong() -> None:
    truth = objects([LEFT, (60, 0, 160, 120)], [CAT, DOG], masks=True, crowd=[False, True])
    answer = objects([LEFT, MIDDLE, RIGHT], [CAT, DOG, CAT], masks=True)
    found = errors(answer, truth)
    assert found.found.tolist() == [0]
    assert found.false.tolist() == [2]  # the cat is not in a crowd of cats
    assert found.missed.tolist() == []


def test_without_truth_there_are_no_errors_and_no_scores_of_the_picture(comparison: Comparison) -> None:
    blind = replace(comparison, picture=replace(comparison.picture, truth=None))
    assert not [title for title in numbers.columns(blind) if "here (%)" in title]
    assert [layer.title for layer in object_panes.panes(blind, "answers")] == ["Nearest", "Bilinear"]


def test_nothing_found_is_said(comparison: Comparison) -> None:
    masks = comparison.reference.masks is not None
    nothing = objects([], [], masks=masks)
    rows = tuple(replace(row, answer=replace(row.answer, annotation=nothing)) for row in comparison.compared)
    empty = replace(comparison, reference=nothing, compared=rows)
    for show in ("answers", "changes", "errors"):
        layers = object_panes.panes(empty, show)
        assert (decoded(layers[1].png)[..., 3] > 0).any() == (show == "errors")
    answers = object_panes.panes(empty, "answers")
    assert answers[0].alt == "Objects with Nearest: none"
    assert answers[1].note.startswith("No objects. ")


def test_objects_keep_their_number_from_answer_to_answer() -> None:
    answers = [
        objects([LEFT, MIDDLE], [CAT, DOG], masks=True),
        objects([RIGHT, WIDER], [DOG, CAT], masks=True),
        objects([LEFT, RIGHT], [DOG, DOG], masks=True),
    ]
    numbered = roll(answers)
    assert numbered.rows == ((0, 1), (2, 0), (3, 2))
    assert numbered.classes == (CAT, DOG, DOG, DOG)


# --- Close-ups and labels ---


def test_the_close_up_is_the_part_of_the_whole_without_edges_where_it_is_cut() -> None:
    wide = (0, 0, 160, 120)
    made = compared(masks=True, truth=objects([wide], [CAT], masks=True))
    part = close_up(made)
    window = made.window
    assert part.picture.image.shape == (window.size, window.size, 3)
    assert part.whole is made
    (*_, truth) = object_panes.panes(part, "answers")
    pixels = decoded(truth.png)
    assert pixels.shape == (window.size, window.size, 4)
    cut_left, cut_top = window.x > 2, window.y > 2
    assert (pixels[10:-10, 0, 3] == FILL).all() == cut_left
    assert (pixels[0, 10:-10, 3] == FILL).all() == cut_top
    assert cut_left or cut_top
    whole, cut = (object_panes.panes(each, "changes")[0].note for each in (made, part))
    assert whole == cut


def test_labels_do_not_cover_one_another_where_there_is_room() -> None:
    """Three objects in one place, in a picture of 500 x 400 pixels, and a label each."""
    colours = ("#112233", "#445566", "#778899")
    boxes = [(100.0, 100.0, 300.0, 300.0), (104.0, 102.0, 298.0, 303.0), (98.0, 99.0, 305.0, 290.0)]
    marks = [ObjectMark(box, None, colour, "sheep 0.98") for box, colour in zip(boxes, colours, strict=True)]
    frame = Frame(0, 0, 500, 400)
    plain = decoded(marks_png((400, 500), frame, [replace(mark, label="") for mark in marks]))
    pixels = decoded(marks_png((400, 500), frame, marks))
    areas = [((pixels == (*rgb(colour), 255)).all(-1)).sum() for colour in colours]
    lines = [((plain == (*rgb(colour), 255)).all(-1)).sum() for colour in colours]
    plates = [area - line for area, line in zip(areas, lines, strict=True)]
    assert min(plates) > 0.5 * max(plates)
    assert max(plates) > 400


def test_small_pictures_have_no_labels() -> None:
    mark = ObjectMark((10.0, 20.0, 60.0, 60.0), None, "#112233", "cat 0.98")
    frame = Frame(0, 0, 100, 80)
    assert marks_png((80, 100), frame, [mark]) == marks_png((80, 100), frame, [replace(mark, label="")])


# --- Files ---


def files(comparison: Comparison) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(object_archive.object_maps(comparison))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_archive_is_read_by_pycocotools_and_by_the_training(
    comparison: Comparison, tmp_path: Path
) -> None:
    for name, data in files(comparison).items():
        (tmp_path / name).write_bytes(data)
    masks = comparison.reference.masks is not None
    known = COCO(tmp_path / "nearest.json")
    assert {row["name"] for row in known.loadCats(known.getCatIds())} == set(CLASSES)
    assert [row["score"] for row in known.loadAnns(known.getAnnIds())] == pytest.approx([0.95, 0.75])
    (image,) = known.loadImgs(known.getImgIds())
    assert (image["height"], image["width"], image["file_name"]) == (HEIGHT, WIDTH, "made-photograph.png")
    for name, shown in (
        ("nearest", comparison.compared[0].answer.annotation),
        ("bilinear", comparison.compared[1].answer.annotation),
        ("truth", comparison.picture.truth),
    ):
        back = read_objects(tmp_path / f"{name}.json", CLASSES, masks=masks).read(
            "made-photograph", (HEIGHT, WIDTH)
        )
        np.testing.assert_array_equal(back.boxes, shown.boxes)
        np.testing.assert_array_equal(back.classes, shown.classes)
        if masks:
            np.testing.assert_array_equal(back.masks, shown.masks)


def test_the_numbers_and_the_sheet_can_be_downloaded(comparison: Comparison) -> None:
    settings = CompareSettings("t", ("nearest", "bilinear"), 160, 0.5)
    record = json.loads(numbers.as_json(comparison, settings, "made.jpg"))
    assert record["settings"]["threshold"] == 0.5
    assert record["reference"] == "Bilinear"
    nearest = record["upsamplers"]["nearest"]
    assert (nearest["objects"], nearest["difference"]["only_here"]) == (2, 1)
    made = sheet.printed(comparison, "changes", opacity=1.0, title="made")
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.width == 2126
        assert (np.asarray(picture.convert("RGB")) == rgb(ONLY_HERE)).all(-1).sum() > 1000


def test_the_archive_of_masks_has_their_numbers_and_colours() -> None:
    made = compared(masks=True)
    data = files(made)
    with Image.open(io.BytesIO(data["nearest-ids.png"])) as picture:
        assert picture.mode == "L"
        ids = np.asarray(picture)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, (left, top, right, bottom) in enumerate((WIDER, RIGHT), start=1):
        expected[top:bottom, left:right] = number
    np.testing.assert_array_equal(ids, expected)
    assert data["truth-colours.png"] == object_panes.panes(made, "answers")[-1].png
    np.testing.assert_array_equal(decoded(data["made-photograph.png"])[..., :3], made.picture.image)
    assert "at least 0.5" in data["contents.txt"].decode()
    assert "nearest-ids.png" not in files(compared(masks=False))
    assert json.loads(data["nearest.json"])["info"]["least_score"] == 0.5
