"""What upsamplers gain over the interpolation that a network had: in the paper's tables, and in our runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dysample.scores.evidence import Evidence, EvidenceRow, Trained, read_evidence
from dysample.scores.paper import paper_table
from dysample.scores.specs import score_spec

Sign = Literal["better", "worse", "open"]


@dataclass(frozen=True, slots=True)
class _TableScore:
    """A score in a table of the paper."""

    table: str
    label: str
    column: str
    baseline: str
    unit: str
    rows: Mapping[str, str] = field(default_factory=dict[str, str])
    factor: float = 1.0
    noisy: bool = False


_RESNETS = {"r50": "R50", "r101": "R101"}
_SWINS = {"swin-b": "Swin-B", "swin-l": "Swin-L"}
_MASKED = {"bbox": "boxes", "segm": "masks"}
_SOURCES = (
    _TableScore("table4", "SegFormer-B1, ADE20K", "miou", "bilinear", "mIoU", noisy=True),
    *(
        _TableScore(
            "table5", f"MaskFormer {name}, ADE20K", "miou", "nearest", "mIoU", {"backbone": key}, noisy=True
        )
        for key, name in _SWINS.items()
    ),
    *(
        _TableScore("table6", f"Faster R-CNN {name}, COCO", "ap", "nearest", "AP", {"backbone": key})
        for key, name in _RESNETS.items()
    ),
    *(
        _TableScore(
            "table7",
            f"Mask R-CNN {name}, COCO {what}",
            "ap",
            "nearest",
            "AP",
            {"task": task, "backbone": key},
        )
        for key, name in _RESNETS.items()
        for task, what in _MASKED.items()
    ),
    *(
        _TableScore("table8", f"Panoptic FPN {name}, COCO", "pq", "nearest", "PQ", {"backbone": key})
        for key, name in _RESNETS.items()
    ),
    _TableScore("table9", "DepthFormer, NYU Depth V2", "delta1", "bilinear", "δ1", factor=100.0),
)


@dataclass(frozen=True, slots=True)
class PaperGain:
    """Gains of the upsamplers in one network of the paper.

    Attributes:
        label: Network and data.
        unit: Name of the score.
        table: Number of the table.
        baseline: Name of the interpolation that the network had.
        gains: Differences from the baseline in points (hundredths), by name of the upsampler.
        noisy: Whether the authors state a noise for these data.
    """

    label: str
    unit: str
    table: str
    baseline: str
    gains: Mapping[str, float]
    noisy: bool


def paper_gains() -> tuple[PaperGain, ...]:
    """Return the gains in all networks of tables 4 to 9."""
    return tuple(map(_gain, _SOURCES))


def _gain(source: _TableScore) -> PaperGain:
    table = paper_table(source.table)
    number = table.title.partition(":")[0]
    for column, value in source.rows.items():
        table = table.where(column, value)
    scores = dict(zip(table.column("upsampler"), map(float, table.column(source.column)), strict=True))
    base = scores[source.baseline]
    gains = {
        name: round(source.factor * (value - base), 6)
        for name, value in scores.items()
        if name != source.baseline
    }
    return PaperGain(source.label, source.unit, number, source.baseline, gains, source.noisy)


# --- Ours ---


@dataclass(frozen=True, slots=True)
class TaskGain:
    """The gain of an upsampler in one of our tasks, by the task's most important score.

    Attributes:
        task: Name of the task.
        title: Title of the task.
        upsampler: Name in `OPERATORS`.
        reference: Name of the upsampler that the difference is taken to.
        score: Name of the score in `SCORES`.
        value: Mean paired difference as printed; positive is better, whichever way the score counts.
        low: Lower end of its 95 % interval.
        high: Upper end.
        seeds: Number of runs.
    """

    task: str
    title: str
    upsampler: str
    reference: str
    score: str
    value: float
    low: float
    high: float
    seeds: int

    @property
    def sign(self) -> Sign:
        """Whether the interval lies above zero or below it; "open" if it contains zero."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "open"


def task_gains(folder: Path, trained: Trained = "heads") -> tuple[TaskGain, ...]:
    """Return the gains in all tasks that have evidence, in the order of the tasks' names.

    Args:
        folder: Folder of the shipped weights.
        trained: What of the networks was trained.

    Raises:
        EvidenceError: A file of evidence is damaged.
    """
    found = [read_evidence(path) for path in sorted(folder.glob("*/evidence.json"))]
    return tuple(gain for evidence in found for gain in _of_task(evidence, trained))


def _of_task(evidence: Evidence, trained: Trained) -> list[TaskGain]:
    rows = [row for row in evidence.rows if row.trained == trained]
    return [gain for row in rows if (gain := _of_row(evidence, row)) is not None]


def _of_row(evidence: Evidence, row: EvidenceRow) -> TaskGain | None:
    name = evidence.headline[0]
    spec, found = score_spec(name), row.scores[0].difference
    if found is None:
        return None
    factor = spec.factor if spec.better == "higher" else -spec.factor
    low, high = sorted((factor * found.low, factor * found.high))
    return TaskGain(
        task=evidence.task,
        title=evidence.title,
        upsampler=row.upsampler,
        reference=evidence.reference,
        score=name,
        value=factor * found.value,
        low=low,
        high=high,
        seeds=len(row.seeds),
    )
