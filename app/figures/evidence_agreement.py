"""Our gains beside the paper's: what agrees, what contradicts, and what cannot be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from app.figures.evidence_gains import Gain, PaperScore, listed, number
from dysample.analysis.score_specs import ScoreSpec

Verdict = Literal["agrees", "contradicts", "open", "tie"]
VERDICTS: Mapping[Verdict, str] = {
    "agrees": "same sign",
    "contradicts": "contradicts",
    "open": "cannot be told",
    "tie": "no difference in the paper",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One upsampler that both have measured.

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
    """Pairs of upsamplers, by which of the two gains more.

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
    """The upsamplers that both compare with bilinear interpolation, in the order of ours."""
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


def agreement_sentences(found: Sequence[Pair], spec: ScoreSpec, paper_noise: float | None) -> str:
    """Whether ours agree with the paper, in sentences made from the numbers."""
    if not found:
        return "No upsampler has both a gain here and one in the paper yet."
    parts = [_signs(found, spec), _order(order(found))]
    if paper_noise is not None:
        small = [each.ours.label for each in found if abs(each.paper.gain) <= paper_noise]
        if small:
            parts.append(
                f"The paper’s own gain of {listed(small)} lies within the ±{paper_noise:g} by which its runs "
                "vary."
            )
    seeds = min(each.ours.seeds for each in found)
    if seeds == 1:
        parts.append("With one seed the intervals are about the pictures alone: another run may turn a sign.")
    return " ".join(parts)


def _signs(found: Sequence[Pair], spec: ScoreSpec) -> str:
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
        clauses.append(
            f"{len(of['agrees'])} differ from bilinear with the same sign as in the paper ({names['agrees']})"
        )
    if of["contradicts"]:
        told = listed([_contradiction(each, spec) for each in of["contradicts"]])
        clauses.append(f"**{len(of['contradicts'])} against the paper**: {told}")
    if of["open"]:
        clauses.append(
            f"of {len(of['open'])} nothing can be told, as the interval contains zero ({names['open']})"
        )
    if of["tie"]:
        clauses.append(f"{len(of['tie'])} with no difference in the paper ({names['tie']})")
    return f"{both}: {'; '.join(clauses)}."


def _contradiction(each: Pair, spec: ScoreSpec) -> str:
    low, high = number(each.ours.low, spec, sign=True), number(each.ours.high, spec, sign=True)
    ours, theirs = number(each.ours.value, spec, sign=True), number(each.paper.gain, spec, sign=True)
    return f"{each.ours.label} ({ours} [{low}, {high}] here, {theirs} in {each.paper.source})"


def _order(found: Order) -> str:
    if not found.pairs:
        return "There are no two to compare in order."
    start = f"Compared with each other, {found.same} of {found.pairs} pairs are in the paper’s order"
    if not found.separated:
        return f"{start}, but the intervals of all of them overlap, so the order cannot be told."
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
