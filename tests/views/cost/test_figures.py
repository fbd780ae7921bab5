"""Figures, tables and sentences of the Cost page, against made-up numbers."""

from dataclasses import replace

import numpy as np
import pytest

from app.views.cost.memory import counts, dominates, memory, memory_alt, shares
from app.views.cost.rows import Way, of_way, plain, reasons, timed, ways
from app.views.cost.times import _apart, bars, bars_data, ends, lines, lines_data
from app.views.cost.words import (
    bars_caption,
    beside_headline,
    beside_the_paper,
    headline,
    machine_line,
    numbers,
)
from app.views.evidence.bubbles import printed_ranges
from dysample.measure.case import PAPER_SIZE, MapSize
from dysample.measure.timing import Spread
from dysample.scores.paper import paper_table
from tests.views.cost.made import BILINEAR_MS, RATIOS, SMALL, profile, report, result

COPY = Spread(4.0, 3.0, 5.0)  # 2 MB in half a millisecond, a quarter of bilinear's two
LARGE = MapSize(64, 64, 64)


def test_bars_go_from_bilinear_to_the_ratio_the_quickest_first():
    found = timed(report().rows, "forward")
    assert [each.label for each in found] == [
        "Bilinear, channels last", "Nearest", "DySample", "Bilinear, NCHW", "CARAFE", "Pixel shuffle"
    ]  # fmt: skip
    figure = bars(found, copy=COPY)
    drawn = {
        label: base + x
        for trace in figure.data
        if trace.type == "bar"
        for label, base, x in zip(trace.y, trace.base, trace.x, strict=True)
    }
    assert drawn["DySample"] == pytest.approx(RATIOS["dysample"])
    assert drawn["Pixel shuffle"] == pytest.approx(RATIOS["pixelshuffle"])
    assert figure.layout.xaxis.type == "log"
    low, high = 10 ** np.array(figure.layout.xaxis.range)
    assert low < min(drawn.values())
    assert high > max(drawn.values())
    (limits,) = (trace for trace in figure.data if trace.name == "a copy of as many bytes")
    assert limits.x == pytest.approx([0.25] * 6)
    data = bars_data(found, COPY)
    assert data["milliseconds"][2] == pytest.approx(BILINEAR_MS * RATIOS["dysample"])
    assert np.isnan(bars_data(found, None)["copy_ratio"]).all()


def test_the_papers_range_stands_beside_dysample_alone():
    found = timed(report((PAPER_SIZE,)).rows, "forward")
    figure = bars(found, copy=None, printed=printed_ranges())
    (marks,) = (trace for trace in figure.data if trace.name == "the paper, on an RTX 3090")
    assert marks.y == ("DySample",)
    assert marks.x[0] - marks.error_x.arrayminus[0] == pytest.approx(6.2 / 1.6)
    assert marks.x[0] + marks.error_x.array[0] == pytest.approx(7.6 / 1.6)


def test_training_has_its_own_times():
    rows = report(training=True).rows
    (found,) = (each for each in timed(rows, "training") if each.label == "CARAFE")
    assert found.ratio.median == 2 * RATIOS["carafe"]
    assert not timed(report().rows, "training")


def test_rows_that_ran_one_way():
    rows = report().rows
    other = [
        replace(
            row, case=replace(row.case, layout="channels_last"), implementation=row.implementation and "plain"
        )
        for row in rows
        if row.case.operator != "bilinear"
    ]
    assert ways([*rows, *other]) == (Way("nchw", "native"), Way("channels_last", "plain"))
    chosen = of_way([*rows, *other], Way("channels_last", "plain"))
    assert {row.case.operator for row in chosen} == set(RATIOS)
    assert [row.case.layout for row in chosen if row.case.operator == "bilinear"] == ["nchw", "channels_last"]
    assert {row.case.layout for row in chosen if row.case.operator != "bilinear"} == {"channels_last"}


def test_the_headline_is_computed():
    machine = report().machine
    told = headline(timed(report().rows, "forward"), "forward", machine)
    assert told == (
        "On the CPU (Abacus, 1 thread), with a map of 64×32×32, against PyTorch’s bilinear "
        "interpolation in NCHW (2 ms): Bilinear, channels last 0.25 times (the best bilinear), DySample "
        "0.80 times (the quickest DySample) and CARAFE 4.00 times (the quickest learned kernel)."
    )
    alone = [each for each in timed(report().rows, "forward") if each.label == "Pixel shuffle"]
    assert "Pixel shuffle 16.00 times (the quickest)" in headline(alone, "forward", machine)


def test_the_papers_card_is_told_apart_from_this_machine():
    told = beside_headline(timed(report((PAPER_SIZE,)).rows, "forward"))
    assert told.startswith("**On an RTX 3090** the paper has 3.88 to 4.75 times for all four of DySample")
    assert "by the native sampler" in told
    assert "DySample-S" not in told
    rows = [row for row in report((PAPER_SIZE,)).rows if row.case.operator == "bilinear"]
    assert beside_headline(timed(rows, "forward")) == ""


def test_on_a_gpu_every_call_has_a_second_time_as_a_graph():
    made = report(device="cuda")
    found = timed(made.rows, "forward")
    by_label = {each.label: each for each in found}
    call, graph = by_label["DySample"], by_label["DySample, as a graph"]
    # 1.6 ms and a fifth beside 2 ms and a fifth; without that of launching, 0.8.
    assert (call.milliseconds.median, call.ratio.median) == pytest.approx((1.8, 1.8 / 2.2))
    assert (graph.milliseconds.median, graph.ratio.median, graph.bilinear.median) == (1.6, 0.8, 2.0)
    assert (call.graph, graph.graph) == (False, True)
    assert "CARAFE, as a graph" not in by_label  # it could not be recorded
    assert plain(found) == tuple(each for each in found if "as a graph" not in each.label)
    told = headline(found, "forward", made.machine)
    assert told.startswith("On the GPU (Some GPU), with a map of 64×32×32")
    assert "DySample 0.82 times (the quickest DySample)" in told
    assert "recorded as a CUDA graph" in bars_caption(found, "forward", None, paper=False)
    assert "graph" not in bars_caption(timed(report().rows, "forward"), "forward", None, paper=False)
    drawn = [y for trace in bars(found, copy=COPY).data if trace.type == "bar" for y in trace.y]
    assert {"DySample", "DySample, as a graph"} <= set(drawn)
    table = numbers(made.rows, None, {})
    index = table["Operator"].index("DySample")
    assert table["Forward (ms)"][index] == pytest.approx(1.8)
    assert table["As a graph (ms)"][index] == 1.6
    assert table["As a graph (ms)"][table["Operator"].index("CARAFE")] is None
    assert "As a graph (ms)" not in numbers(report().rows, None, {})


def test_types_are_ways_of_their_own():
    rows = report(device="cuda", dtypes=("float32", "float16")).rows
    assert ways(rows) == (Way("nchw", "native"), Way("nchw", "native", "float16"))
    half = of_way(rows, Way("nchw", "native", "float16"))
    assert len(half) == len(rows) / 2
    assert {row.case.dtype for row in half} == {"float16"}


def test_what_dominates_is_computed():
    told = dominates(profile().calls)
    assert "**the 3×3 convolution between all channels** in Pixel shuffle (90 %)" in told
    assert "**the convolutions that predict kernels** in CARAFE (50 %)" in told
    assert "**reading the map and writing the output** in DySample (60 %)" in told
    figure = shares(profile().calls)
    assert np.sum([trace.x for trace in figure.data], axis=0) == pytest.approx([100, 100, 100])
    assert [trace.x[2] for trace in figure.data] == pytest.approx([60, 20, 0, 10, 10])


def test_lines_over_the_size():
    rows = report((LARGE, SMALL)).rows
    figure = lines(rows, "forward")
    (line,) = (trace for trace in figure.data if trace.name == "CARAFE")
    assert line.x == (1024, 4096)
    assert line.y == pytest.approx((4.0, 8.0))
    assert figure.layout.xaxis.ticktext == ("32×32", "64×64")
    assert len(figure.layout.annotations) == 6
    assert len(lines_data(rows, "forward")["ratio"]) == 12
    (first, last) = next(pair for pair in ends(rows, "forward") if pair[0].label == "DySample")
    assert (first.ratio.median, last.ratio.median) == pytest.approx((0.8, 1.6))


def test_names_do_not_cover_each_other():
    moved = _apart({"a": 0.0, "b": 0.01, "c": 0.02, "d": 1.0}, 0.1)
    places = sorted(moved.values())
    assert np.diff(places).min() >= 0.0998
    assert moved["d"] == 1.0
    assert moved["b"] == pytest.approx(0.01, abs=1e-3)


def test_memory_and_operations():
    rows = report().rows
    peak, kept = memory(rows).data
    assert set(peak.x) == {8.0}
    assert set(kept.x) == {4.0}
    assert "CARAFE 8.0 and 4.0" in memory_alt(rows)
    _, true, paper = counts(rows).data
    assert set(true.x) == {1.0}
    assert set(paper.x) == {2.0}


def test_the_table_has_everything_that_is_known():
    found = numbers(report(training=True).rows, COPY, {"dysample": 32_768})
    index = found["Operator"].index("DySample")
    assert found["Forward (ms)"][index] == pytest.approx(1.6)
    assert found["Fwd + bwd, × bilinear"][index] == pytest.approx(1.6)
    assert found["Of copying (%)"][index] == pytest.approx(100 * 0.5 / 1.6)
    assert found["Weights only"][index] == 32_768
    assert found["MACs, paper’s rule (M)"][index] == 2000
    assert "Of copying (%)" not in numbers(report().rows, None, {})


def test_the_papers_times_stand_beside_ours():
    found = beside_the_paper(timed(report((PAPER_SIZE,)).rows, "forward"))
    assert found["Operator"] == ["Bilinear", "DySample"]
    low = paper_table("figure8").column("latency_ms_low")
    assert found["Paper (ms)"] == [low[0], f"{low[1]} to 7.6"]
    assert found["Paper, × bilinear"] == ["1.00", "3.88 to 4.75"]
    assert found["Ours, × bilinear"][0] == 1.0  # the one in NCHW
    gpu = beside_the_paper(timed(report((PAPER_SIZE,), device="cuda").rows, "forward"))
    assert gpu["Ours (ms)"][0] == pytest.approx(2.2)  # of plain calls, as the paper's


def test_the_machine_is_reported_with_its_load():
    made = result()
    told = machine_line(made, Way("nchw", "native"))
    for words in (
        "Abacus",
        "1 of 2 cores",
        "load 0.5",
        "16.0 GB/s",
        "native sampler",
        "NCHW",
        "2026-01-02, 03:04",
    ):
        assert words in told, words
    busy = replace(made, machine=replace(made.machine, load=5.0))
    assert "trust ratios" in machine_line(busy, Way("nchw", ""))
    assert "trust ratios" not in told


def test_reasons_are_sentences():
    refused = [replace(row, forward=None, reason="channels must be even.") for row in report().rows[3:4]]
    assert reasons(refused) == ("Pixel shuffle: channels must be even.",)
