"""The comparison of all upsamplers in words, and what is known of it before anything is measured."""

from collections.abc import Sequence

from app.shared.literal import plain
from app.views.model.words import machine_words
from dysample.measure.machine import Machine
from dysample.measure.macs import UNIT, Cost
from dysample.ops.registry import OPERATORS
from dysample.scores.paired import LEVEL
from dysample.trial.advice import LEAST_SEEDS
from dysample.trial.decision import SWAPPABLE, Candidate, Decision, merged
from dysample.trial.survey import Survey, SurveyedSite

_NOT_COUNTED = Cost(None, UNIT, "not counted yet")
_NOWHERE = Machine("", 0, "", None, "", "", "", "", ())


def usual_sites(survey: Survey) -> tuple[str, ...]:
    """Return the names of the sites that are swapped by default."""
    return tuple(row.site.name for row in survey.sites if row.site.choice == "swap")


def unmeasured(survey: Survey, names: Sequence[str], model: str) -> Decision:
    """Return the comparison as far as the survey knows it: sites and added parameters."""
    rows = [row for row in survey.sites if row.site.name in names]
    return Decision(
        command="",
        date="",
        machine=_NOWHERE,
        model=model,
        input=survey.input,
        parameters=survey.parameters,
        macs=survey.macs,
        sites=tuple(row.site for row in rows),
        rows=tuple(_candidate(name, rows) for name in SWAPPABLE),
    )


def _candidate(name: str, rows: Sequence[SurveyedSite]) -> Candidate:
    """Return a row without measurements; without parameters where those that go are not known."""
    options = [option for row in rows for option in row.options if option.operator == name]
    if any(row.site.mode in ("learned", "shuffle") for row in rows):
        return Candidate(name)
    return Candidate(name, len(options), parameters=sum(option.parameters for option in options))


def completed(before: Decision, found: Decision | None) -> Decision:
    """Return a comparison in which rows that have not come yet are as they were before."""
    if found is None:
        return before
    return merged((before, found)) or found


def is_complete(decision: Decision) -> bool:
    """Return whether every upsampler that can be there was timed, or says why not."""
    return all(row.time is not None or row.reason for row in decision.rows if row.sites)


def caption(decision: Decision) -> str:
    """Return what the columns and their signs mean."""
    parts = list[str]()
    if decision.rounds:
        times = "one round" if decision.rounds == 1 else f"median and quartiles of {_rounds(decision)} rounds"
        layout = ", all with channels last" if decision.layout == "channels_last" else ""
        parts.append(
            f"Time: CPU time of the whole network against the network as it is, in turns; {times}{layout}."
        )
    parts.append(
        "Gain in the paper: least to largest in points, in brackets the number of networks. Gain here: our "
        f"tasks in which the {LEVEL:.0%} interval lies above zero (↑), contains it (≈), or lies below (↓)."
    )
    return " ".join(parts)


def _rounds(decision: Decision) -> str:
    found = sorted({row.rounds for row in decision.rows if row.time is not None}) or [decision.rounds]
    return f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"


def how(decision: Decision) -> tuple[str, ...]:
    """Return paragraphs on how everything was measured."""
    parts = [
        "**Gains** are over plain interpolation: in the paper over that which each network of its tables 4 "
        "to 9 had, with one run each; here over that of each task, trained the same way, with at least "
        f"{LEAST_SEEDS} seeds."
    ]
    return (*_measured(decision), *parts) if decision.rounds else tuple(parts)


def _measured(decision: Decision) -> Sequence[str]:
    layouts, machine = decision.layouts, decision.machine
    threads = "one thread" if decision.threads == 1 else f"{decision.threads} threads"
    words = (
        "**Parameters and MACs** are counted, over the network as it is. **Time** is taken after a warm-up, "
        f"each upsampler in turns with the network as it is, in float32 with {threads}."
    )
    if layouts is not None:
        than = "quicker" if decision.layout == "channels_last" else "no quicker"
        words += (
            " With channels last the network as it is takes "
            f"{layouts.busy_ratio.median:.2f} times as long as usual, which is {than}: all run in the "
            "quicker layout, and bilinear interpolation in it is the bar."
        )
    if machine.accelerator:
        words += f" On the {machine.accelerator}: plain calls, by its own events."
    memory = "" if decision.memory.value is None else f" ({decision.memory.value:,.1f} MiB as it is)"
    after = (
        f"**Training memory**: at the peak of a forward and a backward pass, beyond the weights{memory}. "
        "**Exports**: the whole network, output compared with its own; ✓ the same, ≠ different, ✗ fails, – "
        f"not tried. {_lost(decision)}"
    )
    return (words, after.rstrip(), f"{machine_words(machine)} {decision.date}.")


def _lost(decision: Decision) -> str:
    lost = [attempt.name for attempt in decision.exports if attempt.outcome != "yes"]
    return f"The network as it is does not pass {' and '.join(lost)} either." if lost else ""


def notes(decision: Decision) -> tuple[str, ...]:
    """Return sentences on what is missing, by upsampler."""
    rows = dict[str, list[str]]()
    for row in decision.rows:
        rows.setdefault(row.reason, []).append(OPERATORS[row.operator].label)
    return tuple(f"{', '.join(labels)}: {plain(reason)}" for reason, labels in rows.items() if reason)


def gains_caption() -> str:
    """Return how the gains in full are to be read."""
    return (
        f"Differences from the task’s own interpolation, trained the same way, with {LEVEL:.0%} intervals "
        "over seeds and pictures; positive is better. With one seed an interval is about the pictures alone. "
        "The Evidence page has all scores."
    )
