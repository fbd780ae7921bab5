"""The evidence of a task: scores of every upsampler over the seeds, as a record, JSON and a table.

Scores are kept as computed: shares between 0 and 1, and depths in metres.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf, isclose
from pathlib import Path
from statistics import median
from typing import Literal

from dysample.files import record_from, write_aside
from dysample.models.tasks import Kind
from dysample.ops.registry import operator_spec
from dysample.scores.paired import (
    LEVEL,
    RESAMPLES,
    PairedDifference,
    PictureStatistics,
    SeedSpread,
    mean_per_class,
    paired_difference,
    spread,
)
from dysample.scores.scorers import SCORERS
from dysample.scores.specs import ScoreSpec, score_spec

Trained = Literal["heads", "end-to-end"]


class EvidenceError(ValueError):
    """A file of evidence is missing or damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class HeadlineValue:
    """One score of one upsampler.

    Attributes:
        score: Name in `SCORES`.
        spread: Values over the row's seeds.
        difference: Difference to the reference trained the same way; None for the reference itself,
            and if the two share no seed.
        per_class: Mean over the seeds, in the order of the evidence's classes, None for a class that
            does not occur; empty for a score without classes.
    """

    score: str
    spread: SeedSpread
    difference: PairedDifference | None
    per_class: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """Scores of one upsampler, or of a variant of one.

    Attributes:
        upsampler: Name in `OPERATORS`; for a variant with its options, as in "dysample@groups=8".
        trained: "heads" if the network's head alone was trained, on an encoder that all heads share;
            "end-to-end" if the whole network was.
        seeds: Seeds of the runs, ascending.
        scores: One value for each headline score of the evidence, in that order.
        commands: Commands that trained the runs, by seed.
        devices: Devices that the runs were trained on, by seed.
        minutes: Minutes of training, all runs together.
    """

    upsampler: str
    trained: Trained
    seeds: tuple[int, ...]
    scores: tuple[HeadlineValue, ...]
    commands: tuple[str, ...]
    devices: tuple[str, ...]
    minutes: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Scores of all upsamplers that were trained for a task.

    Attributes:
        task: Name of the task.
        title: Title, such as that of the task or of an ablation.
        kind: Kind of the task, which determines its scores.
        dataset: Data set of training and scoring.
        split: Split that was scored.
        pictures: Number of scored pictures.
        data_sha256: Checksum of the split.
        classes: Names of the scored classes, in the order of the per-class values; empty for depth.
        headline: Names of the scores, the most important one first.
        reference: Upsampler that differences are taken to.
        rows: Rows; no two have the same upsampler, trained the same way.
    """

    task: str
    title: str
    kind: Kind
    dataset: str
    split: str
    pictures: int
    data_sha256: str
    classes: tuple[str, ...]
    headline: tuple[str, ...]
    reference: str
    rows: tuple[EvidenceRow, ...]

    def __post_init__(self) -> None:
        """Check that the values are consistent.

        Raises:
            ValueError: They are not.
        """
        names = {score_spec(name).name for name in self.headline}
        if not names or not names <= set(SCORERS[self.kind].headline):
            raise ValueError(f"headline must name scores of {self.kind}, got {self.headline}")
        operator_spec(self.reference)
        if self.pictures < 1:
            raise ValueError(f"pictures must be at least 1, got {self.pictures}")
        keys = [(row.upsampler, row.trained) for row in self.rows]
        if len(set(keys)) < len(keys):
            raise ValueError(f"rows must differ in upsampler or training, got {keys}")
        for row in self.rows:
            _check_row(self, row)

    def noise(self, score: str, trained: Trained) -> float | None:
        """Return the typical spread of a score between runs that differ in their seed alone.

        Returns:
            The median of the standard deviations of the rows that were trained this way, so that one
            row with erratic training does not dominate; None if no row has two seeds.
        """
        known = [
            value.spread.deviation
            for row in self.rows
            for value in row.scores
            if row.trained == trained and value.score == score and value.spread.deviation is not None
        ]
        return median(known) if known else None


def write_evidence(path: Path, evidence: Evidence) -> None:
    """Write evidence as JSON.

    Raises:
        DiskError: The file cannot be written; the old one is intact.
    """
    text = json.dumps(asdict(evidence), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_aside(path, text.encode())


def read_evidence(path: Path) -> Evidence:
    """Read a file that `write_evidence` wrote.

    Raises:
        EvidenceError: There is no such file, or it is damaged.
    """
    if not path.is_file():
        raise EvidenceError(f"there is no evidence in {path}: run `python -m dysample evaluate` to make it")
    try:
        return record_from(Evidence, json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse))
    except (OSError, ValueError) as error:
        advice = "take it from the repository again, or make it with `python -m dysample evaluate`"
        raise EvidenceError(f"{path} is damaged ({error}): {advice}") from error


def _refuse(constant: str) -> float:
    raise ValueError(f"a number must be finite, got {constant}")


def _check_row(evidence: Evidence, row: EvidenceRow) -> None:
    operator_spec(row.upsampler)
    if not row.seeds or list(row.seeds) != sorted(set(row.seeds)):
        raise ValueError(f"the seeds of {row.upsampler} must ascend, got {row.seeds}")
    if not len(row.commands) == len(row.devices) == len(row.seeds):
        raise ValueError(
            f"{row.upsampler} must have a command and a device for each of its seeds {row.seeds}"
        )
    if not 0 <= row.minutes < inf:
        raise ValueError(f"the minutes of {row.upsampler} must be at least 0, got {row.minutes}")
    if tuple(value.score for value in row.scores) != evidence.headline:
        raise ValueError(f"{row.upsampler} must have the scores {evidence.headline} in that order")
    for value in row.scores:
        name = f"{value.score} of {row.upsampler}"
        if len(value.spread.values) != len(row.seeds):
            raise ValueError(f"{name} must have a value for each of the seeds {row.seeds}")
        _check_spread(name, value.spread)
        if len(value.per_class) not in (0, len(evidence.classes)):
            raise ValueError(f"{name} must have a value for each of {len(evidence.classes)} classes or none")
        if value.difference and not value.difference.low <= value.difference.high:
            raise ValueError(f"{name} must have an interval whose lower end is the lower one")


def _check_spread(name: str, given: SeedSpread) -> None:
    """Check the mean and the deviation, which follow from the values and are written for readers."""
    right = spread(given.values)
    same_deviation = (given.deviation is None) == (right.deviation is None) and isclose(
        given.deviation or 0, right.deviation or 0, rel_tol=1e-6, abs_tol=1e-9
    )
    if not isclose(given.mean, right.mean, rel_tol=1e-6, abs_tol=1e-9) or not same_deviation:
        raise ValueError(f"{name} must have the mean and the deviation of its values, got {given}")


# --- Rows from runs ---


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """Scores of one trained network.

    Attributes:
        seed: Seed of its training.
        statistics: Contributions of every picture to each headline score, in the order of the headline.
        command: Command that trained it.
        device: Device that it was trained on.
        minutes: Minutes of training.
    """

    seed: int
    statistics: tuple[PictureStatistics, ...]
    command: str
    device: str
    minutes: float


def evidence_row(
    upsampler: str,
    runs: Sequence[RunResult],
    reference: Sequence[RunResult],
    *,
    trained: Trained,
    headline: tuple[str, ...],
) -> EvidenceRow:
    """Summarise the runs of an upsampler.

    Args:
        upsampler: Name of the upsampler, or of a variant of one.
        runs: Its runs, in any order.
        reference: Runs of the reference, trained the same way; none for the reference's own row.
        trained: What of the network was trained.
        headline: Names of the scores.

    Raises:
        ValueError: There are no runs, a seed occurs twice, or pictures or scores differ between runs.
    """
    runs = sorted(runs, key=lambda run: run.seed)
    seeds = tuple(run.seed for run in runs)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"{upsampler} must have one run for every seed, got the seeds {seeds}")
    if any(len(run.statistics) != len(headline) for run in (*runs, *reference)):
        raise ValueError(f"every run of {upsampler} and of the reference must have the scores {headline}")
    return EvidenceRow(
        upsampler=upsampler,
        trained=trained,
        seeds=seeds,
        scores=tuple(_value(name, index, runs, reference) for index, name in enumerate(headline)),
        commands=tuple(run.command for run in runs),
        devices=tuple(run.device for run in runs),
        minutes=sum(run.minutes for run in runs),
    )


def _value(name: str, index: int, runs: Sequence[RunResult], reference: Sequence[RunResult]) -> HeadlineValue:
    ours = {run.seed: run.statistics[index] for run in runs}
    theirs = {run.seed: run.statistics[index] for run in reference}
    several = all(statistics.shape[1] > 1 for statistics in ours.values())
    return HeadlineValue(
        score=name,
        spread=spread(statistics.score for statistics in ours.values()),
        difference=paired_difference(ours, theirs) if ours.keys() & theirs.keys() else None,
        per_class=mean_per_class(ours.values()) if several else (),
    )


# --- Table in Markdown ---


NOTHING = "–"
_SHORT_TRAINING = (
    "All heads learned for the same few hundred steps. Deconvolution and pixel shuffle begin with random "
    "filters, where the others begin near an interpolation or an average: so short a training tells little "
    "of what these two can reach."
)
_TRAINED = {"heads": "head on a shared encoder", "end-to-end": "end to end"}


def evidence_table(evidence: Evidence) -> str:
    """Return all rows with every headline score in Markdown, followed by how to read them."""
    specs = [score_spec(name) for name in evidence.headline]
    reference = operator_spec(evidence.reference).label
    titles = ["Upsampler", "Trained", "Seeds"]
    for spec in specs:
        arrow, unit = ("↑" if spec.better == "higher" else "↓"), f" ({spec.unit})" if spec.unit else ""
        titles += [f"{spec.label}{unit} {arrow}", f"less {reference}"]
    rows = [_cells(row, specs) for row in evidence.rows]
    parts = (_heading(evidence), _aligned([titles, *rows]), _note(evidence, reference), _made(evidence))
    return "\n\n".join(parts) + "\n"


def short_training(evidence: Evidence) -> str:
    """Return a caveat about rows whose training was too short; empty if there are none."""
    heads = [row.upsampler for row in evidence.rows if row.trained == "heads"]
    random = any(operator_spec(name).start == "random filters" for name in heads)
    return _SHORT_TRAINING if random else ""


def signed(value: float, spec: ScoreSpec) -> str:
    """Return a difference of a score as text, with its sign."""
    return f"{spec.factor * value:+.{spec.digits}f}".replace("-", "−")


def difference_to_reference(
    evidence: Evidence, upsampler: str, score: str, trained: Trained = "heads"
) -> PairedDifference | None:
    """Return the difference of an upsampler's score to the reference's; None where there is none."""
    for row in evidence.rows:
        if (row.upsampler, row.trained) == (upsampler, trained):
            return next((value.difference for value in row.scores if value.score == score), None)
    return None


def _heading(evidence: Evidence) -> str:
    where = f"{evidence.dataset}, {evidence.split}"
    return f"## {evidence.title}\n\n{where}: {evidence.pictures} pictures."


def _cells(row: EvidenceRow, specs: Sequence[ScoreSpec]) -> list[str]:
    cells = [operator_spec(row.upsampler).label, _TRAINED[row.trained], str(len(row.seeds))]
    for value, spec in zip(row.scores, specs, strict=True):
        cells += [_mean(value, spec), _difference(value, spec)]
    return cells


def _mean(value: HeadlineValue, spec: ScoreSpec) -> str:
    mean = spec.printed(value.spread.mean)
    deviation = value.spread.deviation
    return mean if deviation is None else f"{mean} ± {spec.printed(deviation)}"


def _difference(value: HeadlineValue, spec: ScoreSpec) -> str:
    gap = value.difference
    if gap is None:
        return NOTHING
    return f"{signed(gap.value, spec)} [{signed(gap.low, spec)}, {signed(gap.high, spec)}]"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    titles, *body = (
        [cell.ljust(width) if index < 2 else cell.rjust(width) for index, (cell, width) in enumerate(padded)]
        for padded in (list(zip(row, widths, strict=True)) for row in rows)
    )
    rule = [f"{'-' * (width - 1)}{'-' if index < 2 else ':'}" for index, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *body))


def _note(evidence: Evidence, reference: str) -> str:
    sentences = [
        "Mean ± sample standard deviation over the seeds.",
        f"Less {reference}: the mean difference to {reference} trained the same way, over the seeds that "
        f"both have, and in brackets its {LEVEL:.0%} interval from a bootstrap of seeds and pictures "
        f"({RESAMPLES:,} resamples).",
    ]
    if any(len(row.seeds) == 1 for row in evidence.rows):
        sentences.append("With one seed it tells of the pictures alone, not of how training varies.")
    if any(row.trained == "heads" for row in evidence.rows):
        sentences.append(
            "Heads on a shared encoder were trained on its frozen features: what their seeds show is how the "
            "heads vary, not the encoder."
        )
    return " ".join(filter(None, (*sentences, short_training(evidence))))


def _made(evidence: Evidence) -> str:
    """Return where and how long the runs were trained."""
    devices = dict.fromkeys(device for row in evidence.rows for device in row.devices)
    runs, minutes = sum(len(row.seeds) for row in evidence.rows), sum(row.minutes for row in evidence.rows)
    return (
        f"{runs} runs, {minutes:,.0f} minutes of training ({'; '.join(devices)}). The JSON beside this "
        "table has the command, device and scores of every run."
    )
