"""Scores, differences and the paper's numbers of every kind of objects, as a row of the table has them."""

from dataclasses import asdict, fields

import numpy as np
import pytest

from dysample.models.annotations import Panoptic
from dysample.models.manifest import WeightsEntry
from dysample.scores.paper import paper_table, printed_scores
from dysample.scores.scorers import SCORERS, Scorer
from dysample.scores.specs import score_spec
from tests.scores.objects import boxes, masked
from tests.scores.rows import CLASSES, ROWS, task


def panoptic(segments: list, classes: list[int]) -> Panoptic:
    n = len(classes)
    return Panoptic(
        np.array(segments, np.uint8), np.array(classes, np.uint8), np.ones(n, np.float32), np.zeros(n, bool)
    )


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_says_what_is_stored_shown_and_printed(kind: str):
    row = ROWS[kind]
    scorer = row.scorer(task(CLASSES))
    assert isinstance(scorer, Scorer)
    assert {score_spec(name).factor for name in row.headline} == {100}
    assert set(row.shown) <= set(row.headline)
    assert set(row.shown) <= {field.name for field in fields(WeightsEntry)}


def test_only_scored_things_count_as_objects():
    truth = boxes(40, 40, [(0, 0, 9, 9), (20, 20, 30, 30), (5, 20, 9, 30)], [0, 1, 2])
    found = boxes(40, 40, [(20, 20, 30, 30)], [1], [0.9])
    score = ROWS["detection"].score(task(), found, truth)
    assert score is not None
    assert asdict(score)["per_class"] == (None, 1, 0, None)
    assert asdict(score)["box_ap"] == 0.5
    alone = ROWS["detection"].score(task(("background", "cat")), found, truth)
    assert alone is not None
    assert asdict(alone)["box_ap"] == 1


def test_one_picture_without_a_truth_has_no_score():
    empty = masked(np.zeros((0, 8, 8), bool), [])
    assert ROWS["detection"].score(task(), empty, boxes(8, 8, [(0, 0, 4, 4)], [0])) is None
    assert ROWS["instances"].score(task(), empty, empty) is None
    nothing = panoptic([[0, 0]], [])
    assert ROWS["panoptic"].score(task(CLASSES), nothing, nothing) is None


def test_one_picture_is_scored():
    mask = np.zeros((1, 8, 8), bool)
    mask[0, 2:6, 2:6] = True
    one = masked(mask, [2])
    masks = ROWS["instances"].score(task(), one, one)
    assert masks is not None
    assert {asdict(masks)[name] for name in ROWS["instances"].headline} == {1}
    whole = panoptic([[1, 2, 2]], [0, 3])
    both = ROWS["panoptic"].score(task(CLASSES), whole, whole)
    assert both is not None
    assert {asdict(both)[name] for name in ROWS["panoptic"].headline} == {1}


def test_windows_are_those_of_the_kind():
    reference, other = panoptic([[1] * 9] * 9, [0]), panoptic([[1] * 9] * 8 + [[1] * 8 + [2]], [0, 1])
    assert (window := ROWS["panoptic"].window([other], 3, reference)).x == window.y == 6
    found, nothing = boxes(9, 9, [(6, 6, 9, 9)], [1]), boxes(9, 9, [], [])
    assert (window := ROWS["detection"].window([nothing], 3, found)).x == window.y == 6
    assert ROWS["detection"].ranges([nothing], found, None) is None


# --- The paper ---


def test_the_paper_s_numbers_by_hand():
    """From the PDF: Tables 6 to 8, ResNet-50."""
    found = {each.upsampler: each for each in ROWS["detection"].printed("box_ap")}
    assert (found["dysample+"].value, found["dysample+"].gain, found["dysample+"].row) == (38.7, 1.2, 12)
    assert found["a2u"].gain == -0.2
    assert found["nearest"].gain == 0
    masks = {each.upsampler: each for each in ROWS["instances"].printed("mask_ap75")}
    assert (masks["dysample+"].value, masks["dysample+"].gain, masks["dysample+"].row) == (38.2, 1.0, 26)
    stuff = {each.upsampler: each for each in ROWS["panoptic"].printed("pq_stuff")}
    assert (stuff["dysample+"].value, stuff["dysample+"].gain) == (30.8, 1.9)
    assert SCORERS["segmentation"].printed("boundary_miou")[0].value == 27.8
    assert SCORERS["depth"].printed("rms")[-1].gain == pytest.approx(0.393 - 0.402)


@pytest.mark.parametrize("row", [*ROWS.values(), *SCORERS.values()], ids=[*ROWS, *SCORERS])
def test_all_upsamplers_of_a_table_are_compared_once(row):
    compared = set(paper_table(row.paper).column("upsampler"))
    for name in row.headline:
        found = row.printed(name)
        if name != "boundary_ap":
            assert {each.upsampler for each in found} == compared
            assert len(found) == len(compared)
        else:
            assert found == ()


def test_rows_that_do_not_begin_with_interpolation_are_refused():
    with pytest.raises(ValueError, match=r"Table 6: .* with .* must begin with plain interpolation"):
        printed_scores("table6", "ap", {"upsampler": "dysample"})
    with pytest.raises(ValueError, match="must begin with plain interpolation"):
        printed_scores("table6", "ap", {"backbone": "r18"})
    with pytest.raises(ValueError, match="has no column 'host'"):
        printed_scores("table6", "ap", {"host": "r50"})
