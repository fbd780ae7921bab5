"""What was measured of a swap, in sentences and a short table."""

from collections.abc import Mapping, Sequence

from dysample.analysis.bench.machine import Machine
from dysample.analysis.bench.timing import Race, Spread
from dysample.analysis.trial.deploy import Attempt, Outcome
from dysample.analysis.trial.report import TrialReport
from dysample.analysis.trial.start import Start

OUTCOMES: Mapping[Outcome, str] = {
    "yes": ":green[✓]",
    "differs": ":orange[≠]",
    "no": ":red[✗]",
    "not installed": "–",
}


def start_sentences(start: Start) -> tuple[str, ...]:
    """The check of the output before training, sentence by sentence."""
    lines = list[str]()
    if start.zero_offsets.value is not None:
        kind = (
            "Each site is one enlargement, so this is rounding."
            if start.exact
            else "Some sites enlarge in several steps, aligned corners or were learned, so it need not be 0."
        )
        lines.append(
            f"With all offsets zero, the output of the swapped model is "
            f"**{scientific(start.zero_offsets.value)}** from the original’s. {kind}"
        )
    if start.interpolated.value is not None:
        lines.append(
            f"From plain interpolation at the same places, step by step, it is "
            f"**{scientific(start.interpolated.value)}**: this is rounding always."
        )
    if start.fresh.value is None:
        lines.append(f"Fresh from the swap, outputs cannot be compared: {start.fresh.method}.")
    else:
        lines.append(
            f"Fresh from the swap, with the small random offsets that training starts from, it is "
            f"**{scientific(start.fresh.value)}** from the original’s."
        )
    return (*lines, "All in units of the largest output of the original.")


def race_columns(race: Race) -> Mapping[str, Sequence[str]]:
    """Times before and after."""
    rows = (("Original", race.baseline), ("Swapped", race.candidate))
    return {
        "Model": [name for name, _ in rows] + ["Swapped / original"],
        "Wall clock (ms)": [_spread(each.wall, 1) for _, each in rows] + [f"× {_spread(race.wall_ratio, 2)}"],
        "CPU time (ms)": [_spread(each.busy, 1) for _, each in rows] + [f"× {_spread(race.busy_ratio, 2)}"],
    }


def race_caption(report: TrialReport) -> str:
    """How the times were measured."""
    threads = "one thread" if report.threads == 1 else f"{report.threads} threads"
    return (
        f"Medians, with quartiles in brackets, of {report.rounds} rounds; the models took turns in one "
        f"process with {threads}, in eval mode, float32. {machine_words(report.machine)} {report.date}. CPU "
        "time is disturbed least by what else the machine does."
    )


def machine_words(machine: Machine) -> str:
    """Where something was measured."""
    load = "" if machine.load is None else f", load before {machine.load:.1f}"
    return (
        f"{machine.processor}, {machine.cores} cores{load}; PyTorch {machine.torch}, dysample-lab "
        f"{machine.dysample}."
    )


def attempt_words(attempt: Attempt) -> str:
    """One thing that was tried, in a line."""
    sign, parts = OUTCOMES[attempt.outcome], [attempt.how]
    if attempt.difference.value is not None:
        parts.append(f"difference {scientific(attempt.difference.value)} of the largest output")
    if attempt.words:
        parts.append(attempt.words.rstrip("."))
    if attempt.original is not None:
        parts.append("the original works" if attempt.original == "yes" else "nor does the original work")
    return f"{sign} **{attempt.name}**, {attempt.seconds:.1f} s: {'; '.join(parts)}."


def scientific(value: float) -> str:
    """A small number, such as 1.6e−02; zero is 0."""
    return "0" if value == 0 else f"{value:.1e}".replace("e-", "e−")


def _spread(spread: Spread, digits: int) -> str:
    return f"{spread.median:,.{digits}f} ({spread.lower:,.{digits}f} to {spread.upper:,.{digits}f})"
