"""Evidence beside the paper: agreement, tables, the bubble chart and the ablations."""

import csv
import io
from dataclasses import replace

import pytest

from app.views.evidence import words
from app.views.evidence.bubbles import bubbles, paper_bubbles, side_by_side
from app.views.evidence.gains import (
    PaperScore,
    agreement_sentences,
    gains,
    order,
    pairs,
    paper_scores,
    reference_name,
)
from app.views.evidence.scatter import (
    ABLATIONS,
    beside_the_paper,
    options,
    paper_row,
    scatter,
    scatter_beyond,
    scatter_data,
)
from app.views.evidence.tables import as_csv, everything, measured, paper_columns
from dysample.ops.registry import OPERATORS
from dysample.scores.evidence import Evidence
from dysample.scores.paper import TABLES, paper_table
from dysample.scores.specs import score_spec
from tests.views.evidence.made import DEPTH, STREET, depth, gain, objects, segmentation

MIOU, RMS = score_spec("miou"), score_spec("rms")


@pytest.fixture(scope="module")
def street() -> Evidence:
    return segmentation(STREET, (0, 1, 2))


def printed(name: str, value: float) -> PaperScore:
    return PaperScore(name, 40 + value, value, "Table 4, row 0")


def test_agreement_follows_from_signs_and_intervals():
    ours = [
        gain("carafe", 1.0, 0.5, 1.5),
        gain("dysample", -1.0, -1.4, -0.6),
        gain("sapa", 0.2, -0.1, 0.6),
        gain("fade", 0.9, 0.7, 1.2),
    ]
    paper = [printed("carafe", 1.1), printed("dysample", 1.5), printed("sapa", 1.4), printed("fade", 0.0)]
    found = pairs(ours, paper)
    assert [each.verdict for each in found] == ["agrees", "contradicts", "open", "tie"]
    # By hand: carafe > fade and sapa > fade in the paper, here only the first; dysample is last of all here.
    assert order(found).pairs == 6
    assert order(found).same == 1
    told = agreement_sentences(found, MIOU, "bilinear", 0.5)
    assert (
        "**1 contradicts the paper**: DySample (−1.00 [−1.40, −0.60] here, +1.50 in Table 4, row 0)" in told
    )
    assert "FADE lies within the ±0.5" in told
    assert "one seed" not in told
    alone = agreement_sentences(pairs([replace(ours[0], seeds=1)], paper), MIOU, "bilinear", None)
    assert "With one seed" in alone


def test_overlapping_intervals_tell_no_order():
    found = pairs(
        [gain("carafe", 1, 0.2, 2), gain("sapa", 0.8, 0.1, 1.5)], paper_scores("segmentation", "miou")
    )
    assert "order is undecided" in agreement_sentences(found, MIOU, "bilinear", None)


def test_the_papers_gains_are_over_its_own_bilinear():
    found = {each.upsampler: each for each in paper_scores("segmentation", "miou")}
    assert found["dysample-s+"].gain == pytest.approx(43.58 - 41.68)
    assert found["dysample-s+"].source == "Table 4, row 10"
    assert {each.upsampler: each.gain for each in paper_scores("depth", "rms")}["sapa"] == pytest.approx(
        0.004
    )


@pytest.mark.parametrize(
    ("kind", "score", "value", "gained", "where"),
    [
        ("detection", "box_ap", 38.7, 1.2, "Table 6, row 12"),
        ("detection", "box_ap75", 42.2, 1.4, "Table 6, row 12"),
        ("panoptic", "pq", 41.5, 1.3, "Table 8, row 12"),
        ("panoptic", "pq_stuff", 30.8, 1.9, "Table 8, row 12"),
    ],
)
def test_the_papers_objects_gain_over_its_own_nearest(
    kind: str, score: str, value: float, gained: float, where: str
):
    found = {each.upsampler: each for each in paper_scores(kind, score)}
    assert len(found) == 12
    assert found["nearest"].gain == 0
    printed = found["dysample+"]
    assert (printed.value, printed.gain, printed.source) == (value, pytest.approx(gained), where)


def test_masks_are_compared_with_the_papers_masks_and_boundaries_with_nothing():
    found = {each.upsampler: each for each in paper_scores("instances", "mask_ap")}
    assert found["nearest"].value == 34.7
    assert found["dysample+"].value == 35.7
    assert paper_scores("instances", "boundary_ap") == ()


@pytest.mark.parametrize("kind", ["detection", "instances", "panoptic"])
def test_our_objects_stand_beside_the_papers(kind: str):
    evidence = objects(kind)
    score = evidence.headline[0]
    both = pairs(gains(evidence, score, "heads"), paper_scores(kind, score))
    assert [each.ours.upsampler for each in both] == ["dysample+"]  # the paper has no bilinear there
    told = agreement_sentences(both, score_spec(score), reference_name(evidence), None)
    assert "1 differs from nearest with the same sign as in the paper (DySample+)" in told
    assert words.scatter_alt(both, score_spec(score), "nearest").startswith("Gains over nearest of ")


def test_the_scatter_has_every_pair_once(street: Evidence):
    both = pairs(gains(street, "miou", "heads"), paper_scores("segmentation", "miou"))
    figure = scatter(both, MIOU, noise=0.2, paper_noise=0.5)
    names = [label for trace in figure.data for label in trace.text]
    assert sorted(names) == sorted(
        spec.label for spec in OPERATORS.values() if spec.in_paper and spec.family != "fixed"
    )
    assert {trace.marker.symbol for trace in figure.data} == {"cross", "triangle-up", "diamond", "circle"}


def test_a_mark_far_out_stands_at_the_end_of_the_axis_with_its_number():
    ours = [
        gain("carafe", 1, 0.5, 1.5),
        gain("fade", 2, 1, 3),
        gain("sapa", -1, -2, 0),
        gain("deconv", -40, -44, -36),
    ]
    both = pairs(ours, paper_scores("segmentation", "miou"))
    figure = scatter(both, MIOU, noise=0.2, paper_noise=0.5)
    assert [each.label for each in scatter_beyond(both)] == ["Deconvolution"]
    trace = next(trace for trace in figure.data if trace.name == "convolution")
    low, _ = figure.layout.yaxis.range
    assert -40 < low < trace.y[0] < -1
    assert trace.text == ("Deconvolution<br>↓ −40.00",)
    assert trace.textposition == ("top center",)
    assert (trace.error_y.array[0], trace.error_y.arrayminus[0]) == (0, 0)
    assert scatter_data(both)["ours"].min() == -40
    assert scatter_beyond(both[:3]) == ()


@pytest.mark.parametrize("name", TABLES)
def test_numbers_of_the_paper_are_numbers(name: str):
    table = paper_table(name)
    columns = paper_columns(table)
    assert {len(cells) for cells in columns.values()} == {len(table.rows)}
    assert columns["Source"][0] == f"{'Figure' if name == 'figure8' else 'Table'} {name[-1]}, row 1"
    scores = [title for title in columns if "mIoU" in title or title in ("AP", "PQ", "δ1")]
    assert all(isinstance(cell, float) for title in scores for cell in columns[title])


def test_totals_and_increases_are_kept_apart():
    columns = paper_columns(paper_table("table4"))
    assert columns["Parameters, network"][:2] == [13.7e6, None]
    assert columns["Parameters, added"][:2] == [None, 3.5e6]
    assert columns["GFLOPs, added"][1] == pytest.approx(34.4)


def test_the_tables_hold_means_and_intervals_as_numbers(street: Evidence):
    table = measured(street, "miou")
    index = table["Upsampler"].index("CARAFE")
    row = next(row for row in street.rows if row.upsampler == "carafe")
    assert table["mIoU (%)"][index] == pytest.approx(100 * row.scores[0].spread.mean)
    assert table["from"][index] == pytest.approx(100 * row.scores[0].difference.low)
    assert table["Seeds"][index] == 3
    saved = list(csv.DictReader(io.StringIO(as_csv(everything(street)))))
    assert len(saved) == len(street.rows)
    assert float(saved[index]["Boundary IoU: to"]) == pytest.approx(100 * row.scores[1].difference.high)
    assert saved[index]["Commands"].count("--seed") == 3


def test_side_by_side_has_a_dash_where_one_of_both_is_missing():
    evidence = depth()
    found, paper = gains(evidence, "rms", "heads"), paper_scores("depth", "rms")
    table = side_by_side(found, paper, pairs(found, paper))
    nearest, fade = table["Upsampler"].index("Nearest"), table["Upsampler"].index("FADE")
    assert (table["Paper"][nearest], table["Ours"][fade]) == (None, None)
    assert evidence.task == DEPTH
    assert table["Both"][table["Upsampler"].index("DySample+")] == "same sign"


def test_bubbles_have_areas_in_proportion_to_operations():
    clock = {name: (1.0 + index, "made up") for index, name in enumerate(OPERATORS)}
    found = paper_bubbles(clock)
    assert len(found) == 12
    figure = bubbles(found, "mIoU (%)", upside_down=False)
    sizes = {
        label: size
        for trace in figure.data
        for label, size in zip(trace.text, trace.marker.size, strict=True)
    }
    assert sizes["Deconvolution"] / sizes["CARAFE"] == pytest.approx(34.4 / 1.5)
    assert sizes["Bilinear"] > 0
    assert "Table 4, row 4" in next(each.words for each in found if each.label == "CARAFE")


def test_the_papers_latencies_are_those_that_its_text_gives():
    found = {each.label: each for each in paper_bubbles(None)}
    assert set(found) == {"Bilinear", "DySample", "DySample+", "DySample-S", "DySample-S+"}
    point = found["DySample"]
    assert (point.latency - point.spread, point.latency + point.spread) == pytest.approx(
        (6.2 / 1.6, 7.6 / 1.6)
    )
    assert found["Bilinear"].spread == 0


@pytest.mark.parametrize(
    ("name", "variant", "miou"),
    [
        ("table1", "dysample@groups=1,scope=1.0,initial=nearest", "41.9"),
        ("table2", "dysample@groups=1", "42.4"),
        ("table3", "dysample+", "43.3"),
        ("figure5", "dysample@groups=1", "42.4"),
        ("figure5", "dysample-s", None),
    ],
)
def test_variants_are_rows_of_the_papers_ablations(name: str, variant: str, miou: str | None):
    index = paper_row(ABLATIONS[name], variant)
    found = None if index is None else paper_table(ABLATIONS[name].table).rows[index]
    assert (None if found is None else found[-2]) == miou


def test_only_dysample_has_variants_here():
    assert options("dysample-s@groups=2")["groups"] == 2
    with pytest.raises(ValueError, match="variants of DySample, got 'carafe'"):
        options("carafe")
    street = segmentation(
        STREET, (0, 1), names={"dysample@groups=1,scope=0.1": 0.3, "dysample@groups=1": 0.31}
    )
    table = beside_the_paper(street, ABLATIONS["table2"], "miou")
    assert table["Paper: mIoU (%)"][:2] == [42.2, 42.4]
    assert table["Source"][0] == "Table 2, row 1"
    assert table["Scope factor"][:2] == [0.1, 0.25]
    table = beside_the_paper(street, ABLATIONS["table3"], "miou")
    assert (table["Groups"][0], table["Dynamic scope"][0]) == (1, "no")
