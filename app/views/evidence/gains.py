"""Gains over the reference in printed units, ours and the paper's, and how the two agree."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from app.records import within_sentence
from dysample.models.tasks import Kind
from dysample.ops.registry import Family, operator_spec
from dysample.scores.evidence import Evidence, EvidenceRow, HeadlineValue, Trained
from dysample.scores.paper import PaperTable, paper_table
from dysample.scores.scorers import SCORERS
from dysample.scores.specs import ScoreSpec, score_spec

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


@dataclass(frozen=True, slots=True)
class Gain:
    """The score of an upsampler and its gain over the reference, as printed.

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
        """Whether the interval excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class PaperScore:
    """A number of the paper.

    Attributes:
        upsampler: Name in `OPERATORS`.
        value: As printed.
        gain: Less that of the interpolation in the same network, bilinear or nearest.
        source: Table and row.
    """

    upsampler: str
    value: float
    gain: float
    source: str


def gains(evidence: Evidence, score: str, trained: Trained) -> tuple[Gain, ...]:
    """Return the gains of all rows that were trained one way, the best on top."""
    spec = score_spec(score)
    found = [gain(row, score) for row in evidence.rows if row.trained == trained]
    return tuple(sorted(found, key=lambda each: each.mean, reverse=spec.better == "higher"))


def gain(row: EvidenceRow, score: str) -> Gain:
    """Return one score of a row, as printed."""
    factor, value = score_spec(score).factor, value_of(row, score)
    deviation, found, spec = value.spread.deviation, value.difference, operator_spec(row.upsampler)
    return Gain(
        upsampler=row.upsampler,
        label=spec.label,
        family=spec.family,
        mean=factor * value.spread.mean,
        deviation=None if deviation is None else factor * deviation,
        value=factor * found.value if found else None,
        low=factor * found.low if found else None,
        high=factor * found.high if found else None,
        seeds=len(row.seeds),
    )


def value_of(row: EvidenceRow, score: str) -> HeadlineValue:
    """Return one score of a row, as stored."""
    return next(value for value in row.scores if value.score == score)


def compared(found: Iterable[Gain]) -> tuple[Gain, ...]:
    """Return the gains that have a difference."""
    return tuple(each for each in found if each.value is not None)


def noise(evidence: Evidence, score: str, trained: Trained) -> float | None:
    """Return the standard deviation of runs that differ by their seed alone, as printed."""
    found = evidence.noise(score, trained)
    return None if found is None else score_spec(score).factor * found


def counterpart(kind: Kind, score: str) -> tuple[str, str]:
    """Return the table and column of the paper that hold a score for all upsamplers."""
    scoring = SCORERS[kind]
    return scoring.paper, scoring.columns.get(score, score)


def counterpart_kind(table: str) -> Kind | None:
    """Return the kind of task that a table of the paper can be compared with; None for other tables."""
    return next((kind for kind, scoring in SCORERS.items() if scoring.paper == table), None)


def paper_scores(kind: Kind, score: str) -> tuple[PaperScore, ...]:
    """Return the paper's numbers of a score, with their gains over the interpolation of the same table.

    There are none of a score that the table lacks.
    """
    scoring = SCORERS[kind]
    table = paper_table(scoring.paper)
    return tuple(
        PaperScore(each.upsampler, each.value, each.gain, source(table, each.row - 1))
        for each in scoring.printed(score)
    )


def reference_name(evidence: Evidence) -> str:
    """Return the upsampler that the others are compared with, as it is written within a sentence."""
    return within_sentence(operator_spec(evidence.reference).label)


def source(table: PaperTable, row: int) -> str:
    """Return table and row of a number, for example "Table 4, row 2"."""
    return f"{table.title.partition(':')[0]}, row {row + 1}"


def unit(spec: ScoreSpec) -> str:
    """Return the name of a score with the unit of its printed values."""
    return f"{spec.label} ({spec.unit})" if spec.unit else spec.label


def number(value: float | None, spec: ScoreSpec, *, sign: bool = False) -> str:
    """Return a value or difference as printed; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:{'+' if sign else ''}.{spec.digits}f}".replace("-", "−")


def listed(names: Sequence[str]) -> str:
    """Return names as in a sentence: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


# --- Our gains beside the paper's ---


Verdict = Literal["agrees", "contradicts", "open", "tie"]
VERDICTS: Mapping[Verdict, str] = {
    "agrees": "same sign",
    "contradicts": "contradicts",
    "open": "undecided",
    "tie": "no difference in the paper",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """An upsampler with a gain of ours and one of the paper's.

    Attributes:
        ours: Our gain, with its interval.
        paper: The paper's number.
        verdict: "open" where our interval contains zero, "tie" where the paper's gain is zero.
    """

    ours: Gain
    paper: PaperScore
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Order:
    """Pairs of upsamplers, by which of the two has the larger gain.

    Attributes:
        pairs: Those that differ in the paper and here.
        same: Those in the same order as in the paper.
        separated: Those whose intervals here do not overlap.
        separated_same: Those of the separated that are in the paper's order.
    """

    pairs: int
    same: int
    separated: int
    separated_same: int


def pairs(ours: Sequence[Gain], paper: Sequence[PaperScore]) -> tuple[Pair, ...]:
    """Return the upsamplers that both compare with an interpolation, in the order of ours."""
    printed = {each.upsampler: each for each in paper}
    return tuple(
        Pair(each, printed[each.upsampler], _verdict(each, printed[each.upsampler]))
        for each in ours
        if each.value is not None and each.upsampler in printed
    )


def order(found: Sequence[Pair]) -> Order:
    """Compare all upsamplers with each other."""
    total = same = apart = apart_same = 0
    for one, other in combinations(found, 2):
        product = ((one.ours.value or 0) - (other.ours.value or 0)) * (one.paper.gain - other.paper.gain)
        if product == 0:
            continue
        total, same = total + 1, same + (product > 0)
        if _separated(one.ours, other.ours):
            apart, apart_same = apart + 1, apart_same + (product > 0)
    return Order(total, same, apart, apart_same)


def agreement_sentences(
    found: Sequence[Pair], spec: ScoreSpec, reference: str, paper_noise: float | None
) -> str:
    """Return sentences on whether our gains agree with the paper's."""
    if not found:
        return "No upsampler has both a gain here and one in the paper yet."
    parts = [_signs(found, spec, reference), _order(order(found))]
    if paper_noise is not None:
        small = [each.ours.label for each in found if abs(each.paper.gain) <= paper_noise]
        if small:
            parts.append(
                f"The paper’s own gain of {listed(small)} lies within the ±{paper_noise:g} by which its runs "
                "vary."
            )
    seeds = min(each.ours.seeds for each in found)
    if seeds == 1:
        parts.append(
            "With one seed the intervals cover the choice of pictures alone: another run may turn a sign."
        )
    return " ".join(parts)


def _signs(found: Sequence[Pair], spec: ScoreSpec, reference: str) -> str:
    of = {verdict: [each for each in found if each.verdict == verdict] for verdict in VERDICTS}
    names = {verdict: listed([each.ours.label for each in each_of]) for verdict, each_of in of.items()}
    total = len(found)
    both = (
        f"Of {total} upsamplers that both have measured"
        if total > 1
        else "Of the one upsampler that both have"
    )
    clauses: list[str] = []
    if of["agrees"]:
        differing = _counted(of["agrees"], "differs", "differ")
        clauses.append(f"{differing} from {reference} with the same sign as in the paper ({names['agrees']})")
    if of["contradicts"]:
        told = listed([_contradiction(each, spec) for each in of["contradicts"]])
        clauses.append(f"**{_counted(of['contradicts'], 'contradicts', 'contradict')} the paper**: {told}")
    if of["open"]:
        undecided = _counted(of["open"], "is", "are")
        clauses.append(f"{undecided} undecided, because the interval contains zero ({names['open']})")
    if of["tie"]:
        clauses.append(f"{len(of['tie'])} with no difference in the paper ({names['tie']})")
    return f"{both}: {'; '.join(clauses)}."


def _counted(found: Sequence[Pair], one: str, several: str) -> str:
    """Return their number with the verb that fits it."""
    return f"{len(found)} {one if len(found) == 1 else several}"


def _contradiction(each: Pair, spec: ScoreSpec) -> str:
    low, high = number(each.ours.low, spec, sign=True), number(each.ours.high, spec, sign=True)
    ours, theirs = number(each.ours.value, spec, sign=True), number(each.paper.gain, spec, sign=True)
    return f"{each.ours.label} ({ours} [{low}, {high}] here, {theirs} in {each.paper.source})"


def _order(found: Order) -> str:
    if not found.pairs:
        return "There are no two to compare in order."
    start = f"Compared with each other, {found.same} of {found.pairs} pairs are in the paper’s order"
    if not found.separated:
        return f"{start}, but all of their intervals overlap, so the order is undecided."
    held = f"{found.separated_same} of the {found.separated} whose intervals do not overlap"
    return f"{start}, and {held}."


def _verdict(ours: Gain, paper: PaperScore) -> Verdict:
    if not ours.told:
        return "open"
    if paper.gain == 0:
        return "tie"
    return "agrees" if (ours.value or 0) * paper.gain > 0 else "contradicts"


def _separated(one: Gain, other: Gain) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low or other.high < one.low
