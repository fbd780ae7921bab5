"""Comparisons of hand-made panoptic maps: numbers, colours, files."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.records import Comparison
from app.theme import CHANGED, ONLY_HERE, class_colours
from app.views.compare import numbers, object_archive, panoptic_panes
from app.views.compare.marks import FILL, STRONG
from dysample.models.annotations import Panoptic
from dysample.training.coco import read_panoptic
from tests.views.compare.made import HEIGHT, WIDTH, decoded, made_comparison

CLASSES = ("background", "cat", "dog")
THINGS = ("cat", "dog")
BACKGROUND, CAT, DOG = 0, 1, 2
SCORES = {"pq": 0.5, "sq": 0.75, "rq": 0.25}
CAT_AT, DOG_AT = (slice(20, 80), slice(10, 50)), (slice(40, 100), slice(120, 150))


def panoptic(*, dog: bool, wider: int = 0, void: bool = False) -> Panoptic:
    """A cat, a dog if wanted, and the background; the cat perhaps a few columns wider."""
    rows, columns = CAT_AT
    segments = np.full((HEIGHT, WIDTH), 3, np.uint8)
    segments[rows, columns.start : columns.stop + wider] = 1
    if dog:
        segments[DOG_AT] = 2
    if void:
        segments[0] = 0
    return Panoptic(
        segments,
        classes=np.array([CAT, DOG, BACKGROUND], np.uint8),
        scores=np.array([0.9, 0.8, 1.0], np.float32),
        crowd=np.zeros(3, bool),
    )


@pytest.fixture
def comparison() -> Comparison:
    """Bilinear is right; nearest's cat is two columns too wide, and it misses the dog."""
    return made_comparison(
        "panoptic",
        CLASSES,
        panoptic(dog=True, void=True),
        right=panoptic(dog=True),
        wrong=panoptic(dog=False, wider=2),
        scores=SCORES,
        things=THINGS,
    )


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_the_table_holds_the_quality_of_the_picture(comparison: Comparison) -> None:
    columns = numbers.columns(comparison)
    assert columns["Objects"] == [1, 2]
    assert columns["Segments added"] == [0, None]
    assert columns["Segments lost"] == [1, None]
    changed = 2 * 60 + 60 * 30
    assert columns["Pixels changed (%)"] == [pytest.approx(100 * changed / (HEIGHT * WIDTH)), None]
    # The void row is left out of nearest's background.
    background = (HEIGHT - 1) * WIDTH - 40 * 60 - 30 * 60
    ious = (2400 / 2520, (background - 120) / (background + 1800))
    assert columns["PQ here (%)"] == [pytest.approx(100 * sum(ious) / 3), pytest.approx(100)]
    assert columns["RQ here (%)"] == [pytest.approx(200 / 3), pytest.approx(100)]
    assert columns["PQ on test (%)"] == [50, 50]


def test_segments_have_the_colours_of_their_classes(comparison: Comparison) -> None:
    nearest, bilinear, truth = panoptic_panes.panes(comparison, "answers")
    colours = [rgb(colour) for colour in class_colours(CLASSES)]
    pixels = decoded(bilinear.png)
    assert tuple(pixels[60, 30]) == (*colours[CAT], FILL)
    assert tuple(pixels[80, 135]) == (*colours[DOG], FILL)
    assert tuple(pixels[110, 80]) == (*colours[BACKGROUND], FILL)
    assert (pixels[79, 10:50] == (*colours[CAT], 255)).all()  # the outline between two segments
    assert tuple(decoded(nearest.png)[80, 135]) == (*colours[BACKGROUND], FILL)
    assert (decoded(truth.png)[0, :, 3] == 0).all()  # nothing is known there
    assert bilinear.alt == "Segments with Bilinear: 1 cat, 1 dog, background"
    assert nearest.alt == "Segments with Nearest: 1 cat, background"
    legend = panoptic_panes.legend(comparison, "answers").entries
    assert [entry.name for entry in legend] == ["background", "cat", "dog"]


def test_changes_mark_what_one_lacks_and_the_pixels_that_differ(comparison: Comparison) -> None:
    nearest, bilinear = panoptic_panes.panes(comparison, "changes")
    changed = (decoded(nearest.png) == (*rgb(CHANGED), STRONG)).all(-1)
    assert changed[20:80, 50:52].all()
    assert changed[60:80, 130:140].all()
    assert not changed[:, :50].any()
    assert nearest.note == "1 object: 0 only here, 1 only in Bilinear; 10.00 % of pixels differ"
    assert not (decoded(bilinear.png) == (*rgb(CHANGED), STRONG)).all(-1).any()
    swapped = replace(comparison, reference=comparison.compared[0].answer.annotation)
    more = decoded(panoptic_panes.panes(swapped, "changes")[1].png)
    assert (more[60:80, 130:140] == (*rgb(ONLY_HERE), FILL)).all()


def test_errors_count_the_pixels_of_a_wrong_class_where_the_class_is_known(comparison: Comparison) -> None:
    nearest, bilinear = panoptic_panes.panes(comparison, "errors")
    wrong = 100 * (2 * 60 + 60 * 30) / ((HEIGHT - 1) * WIDTH)
    assert nearest.note == (
        f"1 found, 1 missed, 0 false, 0 of the wrong class; {wrong:.1f} % of pixels have a wrong class"
    )
    assert bilinear.note.endswith("; 0.0 % of pixels have a wrong class")
    assert (decoded(nearest.png)[20:80, 50:52] == (*rgb(CHANGED), STRONG)).all()


def test_the_archive_is_a_data_set_of_panoptic_maps(comparison: Comparison, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(object_archive.panoptic_maps(comparison))) as archive:
        archive.extractall(tmp_path)
    for name, shown in (
        ("nearest", comparison.compared[0].answer.annotation),
        ("truth", comparison.picture.truth),
    ):
        found = read_panoptic(tmp_path / f"{name}.json", CLASSES, maps=tmp_path)
        assert found.left_out == ()
        back = found.read("made-photograph", (HEIGHT, WIDTH))
        np.testing.assert_array_equal(back.labels(), shown.labels())
        coded = decoded((tmp_path / f"{name}.png").read_bytes()).astype(int)
        np.testing.assert_array_equal(
            coded[..., 0] + 256 * coded[..., 1] + 65536 * coded[..., 2], shown.segments
        )
    assert (tmp_path / "bilinear-colours.png").read_bytes() == panoptic_panes.panes(comparison, "answers")[
        1
    ].png


def test_without_truth_there_are_no_scores_of_the_picture(comparison: Comparison) -> None:
    blind = replace(comparison, picture=replace(comparison.picture, truth=None))
    assert not [title for title in numbers.columns(blind) if "here (%)" in title]
    assert [layer.title for layer in panoptic_panes.panes(blind, "answers")] == ["Nearest", "Bilinear"]
