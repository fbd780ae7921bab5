"""The rule of the advice, on tables made by hand."""

import csv
import io

import pytest

from dysample.measure.machine import Machine
from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread, Timing
from dysample.ops.registry import OPERATORS
from dysample.scores.gains import PaperGain, TaskGain
from dysample.swap.site import Site
from dysample.trial.advice import RULE, advise, as_csv, columns, gain_columns, standing
from dysample.trial.decision import SWAPPABLE, Candidate, Decision
from dysample.trial.deploy import Attempt, AttemptOutcome

MACHINE = Machine("a processor", 2, "", None, "Linux", "3.11", "2.14", "0.1", ())
NONE = Cost(None, "", "")


def site(mode: str = "nearest") -> Site:
    shape = (1, 8, 4, 4), (1, 8, 8, 8)
    return Site("up[0]", "up", 0, 0, 1, "net.py:1", "functional", mode, False, *shape, 2, "swap", "")


def race(median: float, spread: float = 0.01) -> Race:
    timing = Timing(Spread(1, 1, 1), Spread(1, 1, 1), 1)
    ratio = Spread(median, median - spread, median + spread)
    return Race(timing, timing, ratio, ratio)


def row(name: str, time: float | None = 1.1, parameters: int = 10, **more: object) -> Candidate:
    timed = None if time is None else race(time)
    more = {"rounds": 5} | more
    return Candidate(name, sites=1, parameters=parameters, time=timed, **more)


def table(*rows: Candidate, mode: str = "nearest", exports: tuple[Attempt, ...] = ()) -> Decision:
    return Decision(
        "dysample decide", "2026-01-01", MACHINE, "net", (1, 3, 8, 8), 1000, Cost(10**9, "MAC", ""),
        (site(mode),), memory=Cost(100.0, "MiB", ""), rounds=5, rows=rows, exports=exports,
    )  # fmt: skip


def gains(name: str, *signs: str, seeds: int = 3) -> list[TaskGain]:
    ends = {"+": (0.1, 0.3), "0": (-0.1, 0.3), "-": (-0.3, -0.1)}
    return [
        TaskGain(f"task{k}", f"Task {k}", name, "bilinear", "miou", sum(ends[sign]) / 2, *ends[sign], seeds)
        for k, sign in enumerate(signs)
    ]


def attempt(name: str, outcome: AttemptOutcome) -> Attempt:
    return Attempt(name, "how", outcome, None, NONE, "", 1.0)


def test_the_quickest_of_those_that_gain_in_most_tasks_is_taken() -> None:
    found = [*gains("carafe", *"++0"), *gains("dysample", *"++0"), *gains("dysample-s", *"+00")]
    advice = advise(table(row("carafe", 1.5), row("dysample", 1.2), row("dysample-s", 1.0)), found)
    assert advice.operator == "dysample"
    assert advice.words.startswith(
        "**DySample**: +10 parameters (+1.0 %), 1.20 times the network’s time here"
    )
    assert "above plain interpolation in 2 of our 3 tasks, below it in none" in advice.words
    assert "Only training can show the effect on accuracy" in advice.words


def test_half_of_the_tasks_are_not_most() -> None:
    assert not standing(gains("dysample", *"++00"), "dysample").convincing
    assert standing(gains("dysample", *"+++0"), "dysample").convincing


def test_one_loss_is_one_too_many() -> None:
    assert advise(table(row("carafe")), gains("carafe", *"+++-")).operator == ""


def test_a_single_seed_does_not_count() -> None:
    assert standing(gains("dysample", *"+++", seeds=1), "dysample").tasks == 0
    assert advise(table(row("dysample")), gains("dysample", *"+++", seeds=1)).operator == ""


def test_nothing_is_worth_it() -> None:
    words = advise(table(row("carafe")), gains("carafe", *"+00")).words
    assert words.startswith("Nothing here is worth its cost by these numbers")
    assert "Only training can show" in words


def test_times_whose_quartiles_overlap_are_level_and_parameters_decide() -> None:
    found = [*gains("dysample", *"+"), *gains("dysample+", *"+")]
    level = table(row("dysample", 1.10, parameters=20), row("dysample+", 1.11, parameters=10))
    assert advise(level, found).operator == "dysample+"
    apart = table(row("dysample", 1.10, parameters=20), row("dysample+", 1.13, parameters=10))
    assert advise(apart, found).operator == "dysample"


def test_times_of_one_round_tell_nothing() -> None:
    found = [*gains("dysample", *"+"), *gains("dysample+", *"+")]
    once = table(row("dysample", 1.1, 10), row("dysample+", 0.9, 20, rounds=1))
    assert advise(once, found).operator == "dysample"
    often = table(row("dysample", 1.1, 10), row("dysample+", 0.9, 20))
    assert advise(often, found).operator == "dysample+"


def test_without_times_parameters_decide_and_it_says_so() -> None:
    found = [*gains("dysample", *"+"), *gains("dysample+", *"+")]
    advice = advise(table(row("dysample", None, 20), row("dysample+", None, 10)), found)
    assert advice.operator == "dysample+"
    assert "time not measured;" in advice.words


def test_what_no_longer_exports_is_not_taken_unless_the_network_did_not_either() -> None:
    failing = row("dysample", exports=(attempt("torch.export", "yes"), attempt("ONNX", "no")))
    both = (attempt("torch.export", "yes"), attempt("ONNX", "yes"))
    advice = advise(table(failing, exports=both), gains("dysample", *"+"))
    assert advice.operator == ""
    assert "DySample would gain, but the network no longer exports with it" in advice.words
    neither = (attempt("torch.export", "yes"), attempt("ONNX", "no"))
    assert advise(table(failing, exports=neither), gains("dysample", *"+")).operator == "dysample"


def test_what_the_network_has_or_cannot_have_is_not_advised() -> None:
    found = gains("bilinear", *"+++")
    assert advise(table(row("bilinear"), mode="bilinear"), found).operator == ""
    assert advise(table(row("bilinear"), mode="nearest"), found).operator == "bilinear"
    assert advise(table(Candidate("dysample", reason="It cannot.")), gains("dysample", *"+")).operator == ""


def test_bilinear_is_named_as_the_bar_and_as_what_costs_nothing() -> None:
    found = [*gains("dysample", *"+"), *gains("nearest", *"--0")]
    words = advise(table(row("bilinear", 1.02), row("dysample", 1.2)), found).words
    assert "(with bilinear interpolation 1.02 times)" in words
    assert "Bilinear interpolation alone" in words
    assert "above this network’s nearest in 2 of our 3 tasks" in words
    assert "alone" not in advise(table(row("dysample"), mode="bilinear"), found).words


def test_the_rule_says_what_the_tests_above_check() -> None:
    for words in (
        "more than half",
        "below zero in none",
        "2 seeds",
        "export",
        "least time",
        "fewest parameters",
    ):
        assert words in RULE


PAPER = (
    PaperGain("one", "mIoU", "Table 4", "bilinear", {"dysample": 1.0, "carafe": -0.5}, True),
    PaperGain("two", "AP", "Table 6", "nearest", {"dysample": 0.2}, False),
)


def test_the_table_has_a_dash_where_there_is_no_number() -> None:
    one = row("dysample", memory=Cost(90.0, "MiB", ""), macs=Cost(5 * 10**8, "MAC", ""))
    shown = columns(table(one, Candidate("deconv")), PAPER, gains("dysample", *"+0-"))
    assert shown["Upsampler"] == ("DySample", "Deconvolution")
    assert shown["Parameters"] == ("+10", "–")
    assert shown["MACs"] == ("+0.500 G", "–")
    assert shown["Time, CPU"] == ("× 1.10 (1.09 to 1.11)", "–")
    assert shown["Training memory"] == ("−10.0 MiB (−10.0 %)", "–")
    assert shown["Gain in the paper"] == ("+0.2 to +1.0 (2)", "–")
    assert shown["Gain here"] == ("↑ 1  ≈ 1  ↓ 1", "–")
    assert "Time, GPU" not in shown


def test_gains_in_full_have_sign_interval_and_seeds() -> None:
    full = gain_columns([*gains("dysample", *"+-"), *gains("bilinear", "0", seeds=1)])
    assert full["Upsampler"] == ("Bilinear", "DySample")
    assert full["Task 0, mIoU (%)"] == ("≈ +0.10 [−0.10, +0.30] (one seed)", "↑ +0.20 [+0.10, +0.30]")
    assert full["Task 1, mIoU (%)"] == ("–", "↓ −0.20 [−0.30, −0.10]")


def test_the_csv_is_read_by_another_reader() -> None:
    made = table(row("dysample", exports=(attempt("ONNX", "yes"),)), Candidate("carafe", reason="Why, so."))
    rows = list(csv.DictReader(io.StringIO(as_csv(made, PAPER, gains("dysample", *"+")))))
    assert [each["upsampler"] for each in rows] == ["dysample", "carafe"]
    assert float(rows[0]["cpu_time_ratio"]) == pytest.approx(1.1)
    assert rows[0]["onnx"] == "yes"
    assert float(rows[0]["task0_low"]) == pytest.approx(0.1)
    assert rows[1]["note"] == "Why, so."
    assert rows[1]["cpu_time_ratio"] == ""


def test_only_operators_without_a_guide_are_compared() -> None:
    assert set(SWAPPABLE) == {name for name, spec in OPERATORS.items() if not spec.needs_guide}
