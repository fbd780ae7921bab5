"""Which upsampler to take: a written rule over a comparison and known gains, and both as a table."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread
from dysample.ops.registry import OPERATORS
from dysample.scores.gains import PaperGain, Sign, TaskGain
from dysample.scores.specs import score_spec
from dysample.trial.decision import Candidate, Decision
from dysample.trial.deploy import AttemptOutcome

NOTHING = "–"
LEAST_SEEDS = 2
LEAST_ROUNDS = 3  # that quartiles mean something of
EXPORTS = ("torch.export", "ONNX")
MARKS: Mapping[AttemptOutcome, str] = {"yes": "✓", "differs": "≠", "no": "✗", "not installed": NOTHING}
ARROWS: Mapping[Sign, str] = {"better": "↑", "open": "≈", "worse": "↓"}
RULE = (
    "The rule: of the upsamplers whose gain over plain interpolation is above zero in more than half of our "
    f"tasks, with the whole 95 % interval and at least {LEAST_SEEDS} seeds, and below zero in none, and that "
    "export wherever the network as it is does, take the one with the least time here. Where the quartiles "
    "of times overlap, or times are of fewer than three rounds, the one that adds fewest parameters."
)
_ONLY_TRAINING = "Only training can show the effect on accuracy in your network."


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one upsampler's gains in our tasks.

    Attributes:
        better: Number of tasks in which the interval lies above zero.
        open: Number of tasks in which it contains zero.
        worse: Number of tasks in which it lies below zero.
    """

    better: int = 0
    open: int = 0
    worse: int = 0

    @property
    def tasks(self) -> int:
        """Number of tasks that it was trained for often enough."""
        return self.better + self.open + self.worse

    @property
    def convincing(self) -> bool:
        """Whether it gains in more than half of the tasks, and loses in none."""
        return 2 * self.better > self.tasks and not self.worse


@dataclass(frozen=True, slots=True)
class Advice:
    """The upsampler that the rule picks.

    Attributes:
        operator: Its name; empty if nothing is worth its cost.
        words: A sentence or a few that say why.
    """

    operator: str
    words: str


def standing(gains: Iterable[TaskGain], operator: str) -> Standing:
    """Count the tasks in which an upsampler gains or loses; those with a single seed do not count."""
    signs = [gain.sign for gain in gains if gain.upsampler == operator and gain.seeds >= LEAST_SEEDS]
    return Standing(signs.count("better"), signs.count("open"), signs.count("worse"))


def advise(decision: Decision, gains: Sequence[TaskGain]) -> Advice:
    """Apply `RULE`."""
    others = [row for row in decision.rows if row.sites and row.operator != decision.own]
    convincing = [row for row in others if standing(gains, row.operator).convincing]
    able = [row for row in convincing if not _lost_exports(decision, row)]
    if not able:
        return Advice("", " ".join(filter(None, (_nothing(convincing), _bilinear(decision, gains)))))
    best = _cheapest(able)
    words = (
        _why(decision, best, standing(gains, best.operator)),
        _bilinear(decision, gains),
        _ONLY_TRAINING,
    )
    return Advice(best.operator, " ".join(filter(None, words)))


def _cheapest(rows: Sequence[Candidate]) -> Candidate:
    if any(row.time is None or row.rounds < LEAST_ROUNDS for row in rows):
        return min(rows, key=lambda row: row.parameters)
    first = min(rows, key=lambda row: ratio(row).median)
    level = [row for row in rows if ratio(row).lower <= ratio(first).upper]
    return min(level, key=lambda row: (row.parameters, ratio(row).median))


def ratio(row: Candidate) -> Spread:
    """Return the CPU time against the model as it is.

    Raises:
        ValueError: It was not timed.
    """
    if row.time is None:
        raise ValueError(f"{row.operator} was not timed")
    return row.time.busy_ratio


def _lost_exports(decision: Decision, row: Candidate) -> bool:
    """Return whether something fails that the model as it is does."""
    works = {attempt.name for attempt in decision.exports if attempt.outcome == "yes"}
    return any(attempt.outcome in ("no", "differs") for attempt in row.exports if attempt.name in works)


def _why(decision: Decision, row: Candidate, known: Standing) -> str:
    added = f"{row.parameters:+,} parameters ({_percent(row.parameters, decision.parameters)})"
    where = f"{known.better} of our {known.tasks} tasks, below it in none"
    return (
        f"**{OPERATORS[row.operator].label}**: {added}, {_takes(decision, row)}; above plain interpolation "
        f"in {where}."
    )


def _takes(decision: Decision, row: Candidate) -> str:
    if row.time is None:
        return "time not measured"
    words = f"{ratio(row).median:.2f} times the network’s time here"
    bar = next((each for each in decision.rows if each.operator == "bilinear"), None)
    if bar is None or bar.time is None:
        return words
    return f"{words} (with bilinear interpolation {ratio(bar).median:.2f} times)"


def _nothing(convincing: Sequence[Candidate]) -> str:
    if convincing:
        names = ", ".join(OPERATORS[row.operator].label for row in convincing)
        return (
            f"Nothing here is worth its cost: {names} would gain, but the network no longer exports with it. "
            f"{_ONLY_TRAINING}"
        )
    return (
        "Nothing here is worth its cost by these numbers: no upsampler that can be in this network is above "
        f"plain interpolation in most of our tasks and below it in none. {_ONLY_TRAINING}"
    )


def _bilinear(decision: Decision, gains: Sequence[TaskGain]) -> str:
    """Return what bilinear interpolation does for a network that enlarges by nearest."""
    known = [gain for gain in gains if gain.upsampler == "nearest" and gain.reference == "bilinear"]
    worse = sum(gain.sign == "worse" for gain in known if gain.seeds >= LEAST_SEEDS)
    if decision.own != "nearest" or 2 * worse <= len(known):
        return ""
    return (
        "Bilinear interpolation alone, which has nothing to learn, is above this network’s nearest in "
        f"{worse} of our {len(known)} tasks."
    )


# --- The table ---


def columns(
    decision: Decision, paper: Sequence[PaperGain], gains: Sequence[TaskGain]
) -> Mapping[str, tuple[str, ...]]:
    """Return the comparison for people, a row for each upsampler; a dash where there is no number."""
    rows = decision.rows
    table = {
        "Upsampler": [_name(decision, row) for row in rows],
        "Parameters": [f"{row.parameters:+,}" if row.sites else NOTHING for row in rows],
        "MACs": [_giga(row.macs) for row in rows],
        "Time, CPU": [_ratio(row.time, "busy") for row in rows],
        "Time, GPU": [_ratio(row.gpu, "launched") for row in rows],
        "Training memory": [_memory(decision.memory, row.memory) for row in rows],
        **{name: [_mark(row, name) for row in rows] for name in EXPORTS},
        "Gain in the paper": [_in_paper(paper, row.operator) for row in rows],
        "Gain here": [_here(standing(gains, row.operator), row.operator) for row in rows],
    }
    if not any(row.gpu for row in rows):
        del table["Time, GPU"]
    return {name: tuple(cells) for name, cells in table.items()}


def gain_columns(gains: Sequence[TaskGain]) -> Mapping[str, tuple[str, ...]]:
    """Return our gains in full, a row for each upsampler that can be swapped in, a column for each task."""
    tasks = {gain.task: gain for gain in gains}
    names = [name for name, spec in OPERATORS.items() if not spec.needs_guide]
    found = {(gain.upsampler, gain.task): gain for gain in gains}
    shown = [name for name in names if any((name, task) in found for task in tasks)]
    table = {"Upsampler": tuple(OPERATORS[name].label for name in shown)}
    for task, example in tasks.items():
        spec = score_spec(example.score)
        title = f"{example.title}, {spec.label}{f' ({spec.unit})' if spec.unit else ''}"
        table[title] = tuple(_gain(found.get((name, task))) for name in shown)
    return table


def as_csv(decision: Decision, paper: Sequence[PaperGain], gains: Sequence[TaskGain]) -> str:
    """Return all numbers of the comparison as CSV, unrounded, a row for each upsampler."""
    tasks = tuple(dict.fromkeys(gain.task for gain in gains))
    found = {(gain.upsampler, gain.task): gain for gain in gains}
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(
        [
            *("upsampler", "sites", "parameters_added", "macs_added"),
            *(f"cpu_time_ratio{end}" for end in ("", "_lower", "_upper")),
            *(f"gpu_time_ratio{end}" for end in ("", "_lower", "_upper")),
            *("training_memory_mib", "training_memory_mib_as_it_is"),
            *(name.replace(".", "_").lower() for name in EXPORTS),
            *("paper_gain_least", "paper_gain_most", "paper_networks"),
            *(f"{task}_{end}" for task in tasks for end in ("gain", "low", "high", "seeds")),
            "note",
        ]
    )
    for row in decision.rows:
        printed = [gain.gains[row.operator] for gain in paper if row.operator in gain.gains]
        ours = [found.get((row.operator, task)) for task in tasks]
        writer.writerow(
            [
                *(row.operator, row.sites, row.parameters, row.macs.value),
                *_numbers(row.time and row.time.busy_ratio),
                *_numbers(row.gpu and row.gpu.launched_ratio),
                *(row.memory.value, decision.memory.value),
                *(_outcome(row, name) or "" for name in EXPORTS),
                *((min(printed), max(printed), len(printed)) if printed else ("", "", 0)),
                *(
                    number
                    for gain in ours
                    for number in ((gain.value, gain.low, gain.high, gain.seeds) if gain else ("",) * 4)
                ),
                row.reason,
            ]
        )
    return target.getvalue()


def _numbers(spread: Spread | None) -> tuple[float | str, ...]:
    return ("", "", "") if spread is None else (spread.median, spread.lower, spread.upper)


def _name(decision: Decision, row: Candidate) -> str:
    label = OPERATORS[row.operator].label
    if row.operator == decision.own:
        return f"{label} (as it is)"
    partly = 0 < row.sites < len(decision.sites)
    return f"{label} ({row.sites} of {len(decision.sites)} sites)" if partly else label


def _ratio(found: Race | None, clock: str) -> str:
    spread = None if found is None else found.launched_ratio if clock == "launched" else found.busy_ratio
    if spread is None:
        return NOTHING
    return f"× {spread.median:.2f} ({spread.lower:.2f} to {spread.upper:.2f})"


def _memory(before: Cost, after: Cost) -> str:
    if before.value is None or after.value is None:
        return NOTHING
    more = after.value - before.value
    return f"{_minus(f'{more:+,.1f}')} MiB ({_percent(more, before.value)})"


def _giga(cost: Cost) -> str:
    return NOTHING if cost.value is None else _minus(f"{cost.value / 1e9:+.3f} G")


def _mark(row: Candidate, name: str) -> str:
    outcome = _outcome(row, name)
    return NOTHING if outcome is None else MARKS[outcome]


def _outcome(row: Candidate, name: str) -> AttemptOutcome | None:
    return next((attempt.outcome for attempt in row.exports if attempt.name == name), None)


def _in_paper(paper: Sequence[PaperGain], operator: str) -> str:
    found = [gain.gains[operator] for gain in paper if operator in gain.gains]
    if not found:
        return NOTHING
    ends = _minus(f"{min(found):+.1f}"), _minus(f"{max(found):+.1f}")
    return f"{ends[0]} to {ends[1]} ({len(found)})" if len(found) > 1 else f"{ends[0]} (1)"


def _here(known: Standing, operator: str) -> str:
    if not known.tasks:
        return "reference" if operator == "bilinear" else NOTHING
    counts: Mapping[Sign, int] = {"better": known.better, "open": known.open, "worse": known.worse}
    return "  ".join(f"{ARROWS[sign]} {count}" for sign, count in counts.items() if count)


def _gain(gain: TaskGain | None) -> str:
    if gain is None:
        return NOTHING
    spec = score_spec(gain.score)
    value, low, high = (_minus(f"{number:+.{spec.digits}f}") for number in (gain.value, gain.low, gain.high))
    once = "" if gain.seeds >= LEAST_SEEDS else " (one seed)"
    return f"{ARROWS[gain.sign]} {value} [{low}, {high}]{once}"


def _percent(part: float, whole: float) -> str:
    return _minus(f"{100 * part / whole:+.1f} %")


def _minus(text: str) -> str:
    return text.replace("-", "−")
