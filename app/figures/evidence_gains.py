"""What the evidence page draws, in printed units: gains over the reference, ours and the paper's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dysample.analysis.evidence import Evidence, EvidenceRow, HeadlineValue, Trained
from dysample.analysis.paper import PaperTable, paper_table
from dysample.analysis.score_specs import ScoreSpec, score_spec
from dysample.models.manifest import Kind
from dysample.ops.dysample import DySample
from dysample.ops.registry import operator_spec

Family = Literal["fixed", "convolution", "kernel", "guided", "points"]
FAMILIES: Mapping[Family, str] = {
    "fixed": "fixed interpolation",
    "convolution": "convolution",
    "kernel": "learned kernels",
    "guided": "learned kernels with a guide",
    "points": "DySample",
}
# Okabe-Ito, darkened where it would be too faint on white; each has a contrast of 3 to 1 on white and black.
COLOURS: Mapping[Family, str] = {
    "fixed": "#7F7F7F",
    "convolution": "#B5618F",
    "kernel": "#0072B2",
    "guided": "#009E73",
    "points": "#D55E00",
}
SYMBOLS: Mapping[Family, str] = {
    "fixed": "square",
    "convolution": "cross",
    "kernel": "triangle-up",
    "guided": "diamond",
    "points": "circle",
}
# The authors' page of segmentation code says of SegFormer-B1 that its mIoU on ADE20K is unstable by so much.
PAPER_NOISE: Mapping[tuple[str, str], float] = {("table4", "miou"): 0.5}
_COUNTERPARTS: Mapping[Kind, tuple[str, Mapping[str, str]]] = {
    "segmentation": ("table4", {"miou": "miou", "boundary_miou": "biou"}),
    "depth": ("table9", {}),  # its columns have the names of our scores
}


@dataclass(frozen=True, slots=True)
class Gain:
    """What an upsampler scored, and by how much that is more than the reference, as printed.

    Attributes:
        upsampler: Name in `OPERATORS`, or a variant's.
        label: Name for people.
        family: What kind of upsampler it is.
        mean: Over the seeds.
        deviation: Sample standard deviation over the seeds; None for a single one.
        value: Mean difference to the reference; None where there is none.
        low: Lower end of its interval.
        high: Upper end of its interval.
        seeds: How many runs.
    """

    upsampler: str
    label: str
    family: Family
    mean: float
    deviation: float | None
    value: float | None
    low: float | None
    high: float | None
    seeds: int

    @property
    def told(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class PaperScore:
    """A number of the paper.

    Attributes:
        upsampler: Name in `OPERATORS`.
        value: As printed.
        gain: Less that of the same table's bilinear interpolation.
        source: Table and row.
    """

    upsampler: str
    value: float
    gain: float
    source: str


def family(upsampler: str) -> Family:
    """The kind of an upsampler, from the table of operators."""
    spec = operator_spec(upsampler)
    if spec.factory is DySample:
        return "points"
    if not spec.has_footprint:
        return "convolution"
    if spec.needs_guide:
        return "guided"
    return "kernel" if spec.paper else "fixed"


def gains(evidence: Evidence, score: str, trained: Trained) -> tuple[Gain, ...]:
    """All rows that were trained one way, the best on top."""
    spec = score_spec(score)
    found = [gain(row, score) for row in evidence.rows if row.trained == trained]
    return tuple(sorted(found, key=lambda each: each.mean, reverse=spec.better == "higher"))


def gain(row: EvidenceRow, score: str) -> Gain:
    """One score of a row, as printed."""
    factor, value = score_spec(score).factor, value_of(row, score)
    deviation, found = value.spread.deviation, value.difference
    return Gain(
        upsampler=row.upsampler,
        label=operator_spec(row.upsampler).label,
        family=family(row.upsampler),
        mean=factor * value.spread.mean,
        deviation=None if deviation is None else factor * deviation,
        value=factor * found.value if found else None,
        low=factor * found.low if found else None,
        high=factor * found.high if found else None,
        seeds=len(row.seeds),
    )


def value_of(row: EvidenceRow, score: str) -> HeadlineValue:
    """One score of a row, as it is kept."""
    return next(value for value in row.scores if value.score == score)


def compared(found: Iterable[Gain]) -> tuple[Gain, ...]:
    """Those that have a difference."""
    return tuple(each for each in found if each.value is not None)


def noise(evidence: Evidence, score: str, trained: Trained) -> float | None:
    """The standard deviation of runs that differ by their seed alone, as printed."""
    found = evidence.noise(score, trained)
    return None if found is None else score_spec(score).factor * found


def counterpart(kind: Kind, score: str) -> tuple[str, str]:
    """Table and column of the paper that hold a score for all upsamplers."""
    table, columns = _COUNTERPARTS[kind]
    return table, columns.get(score, score)


def counterpart_kind(table: str) -> Kind | None:
    """The kind of task that a table of the paper can be compared with; None for the others."""
    return next((kind for kind, (name, _) in _COUNTERPARTS.items() if name == table), None)


def paper_scores(name: str, column: str) -> tuple[PaperScore, ...]:
    """The numbers of a column, with their gains over the table's bilinear interpolation."""
    table = paper_table(name)
    baseline = float(table.where("upsampler", "bilinear").column(column)[0])
    return tuple(
        PaperScore(upsampler, float(cell), round(float(cell) - baseline, 6), source(table, index))
        for index, (upsampler, cell) in enumerate(
            zip(table.column("upsampler"), table.column(column), strict=True)
        )
    )


def source(table: PaperTable, row: int) -> str:
    """Table and row of a number, such as "Table 4, row 2"."""
    return f"{table.title.partition(':')[0]}, row {row + 1}"


def unit(spec: ScoreSpec) -> str:
    """The score's name with the unit of its printed values."""
    return f"{spec.label} ({spec.unit})" if spec.unit else spec.label


def number(value: float | None, spec: ScoreSpec, *, sign: bool = False) -> str:
    """A printed value or difference; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:{'+' if sign else ''}.{spec.digits}f}".replace("-", "−")


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
