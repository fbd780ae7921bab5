"""Verdicts, captions and text alternatives of the Evidence page."""

from collections.abc import Sequence

from app.views.evidence.bubbles import Bubble
from app.views.evidence.forest import ClassGains, extremes, scale_of
from app.views.evidence.gains import (
    VERDICTS,
    Gain,
    Pair,
    compared,
    listed,
    number,
    reference_name,
    unit,
)
from app.views.evidence.tables import TRAINED
from dysample.ops.registry import OPERATORS, operator_spec
from dysample.scores.evidence import Evidence, Trained, short_training
from dysample.scores.paired import LEVEL, RESAMPLES
from dysample.scores.paper import paper_table
from dysample.scores.specs import ScoreSpec

AUTHORS = (
    "The authors say, beside their segmentation code, that mIoU on ADE20K may vary by ±{:g} between runs"
)

_SIZE = "The area of a bubble is the number of multiply-accumulates of the upsamplers"
_OUT = ", with an interval that excludes zero"


def where(evidence: Evidence) -> str:
    """Return the data set, split and number of pictures."""
    return f"{evidence.dataset}, {evidence.split}, {evidence.pictures} pictures"


def how_to_read(evidence: Evidence, encoder: str) -> str:
    """Return a caption on the columns of the table.

    Args:
        evidence: What is shown.
        encoder: The upsampler that the encoder of all heads was trained with.
    """
    reference = operator_spec(evidence.reference).label
    words = (
        f"Scored on {where(evidence)}. Mean and sample standard deviation over the seeds; difference "
        f"from {reference}: the mean paired difference from {reference} trained the same way, with the ends "
        f"of its {LEVEL:.0%} interval from {RESAMPLES:,} resamples of seeds and pictures."
    )
    if any(row.trained == "heads" for row in evidence.rows):
        words += (
            " Heads were trained on the frozen features of one encoder, itself trained with "
            f"{operator_spec(encoder).label}: their seeds show how heads vary, not encoders."
        )
    return f"{words} {short_training(evidence)}".rstrip()


def verdict(found: Sequence[Gain], spec: ScoreSpec, reference: str, noise: float | None) -> str:
    """Return which upsamplers differ from the reference, and for which that is uncertain."""
    rows = compared(found)
    if not rows:
        return (
            f"Nothing was trained the same way as {reference} with a seed in common, so nothing is compared."
        )
    better, worse, unknown = _sorted(rows, spec)
    parts = [
        f"{word}: {listed(names)}."
        for word, names in (
            (f"Better than {reference}{_OUT}", better),
            (
                "Significantly worse" if better else f"Worse than {reference}{_OUT}",
                worse,
            ),
            ("Undecided, because the interval contains zero", unknown),
        )
        if names
    ]
    if noise is not None:
        within = [row.label for row in rows if abs(row.value or 0) <= noise]
        if within:
            parts.append(f"Within seed-to-seed noise: {listed(within)}.")
    if any(row.seeds == 1 for row in rows):
        parts.append(
            "Where there is one seed, the interval covers the choice of pictures alone: how much another run "
            "would differ is not known."
        )
    return " ".join(parts)


def forest_caption(
    evidence: Evidence,
    spec: ScoreSpec,
    trained: Trained,
    noise: float | None,
    paper_noise: float | None,
    beyond: Sequence[Gain] = (),
) -> str:
    """Return a caption on differences, intervals and bands, and on what lies beyond the axis."""
    parts = [
        f"{evidence.title}, {TRAINED[trained]}: differences of {unit(spec)} from "
        f"{operator_spec(evidence.reference).label}’s on {where(evidence)}. Bars are {LEVEL:.0%} intervals."
    ]
    if beyond:
        outliers = [f"{gain.label} ({number(gain.value, spec, sign=True)})" for gain in beyond]
        parts.append(f"Beyond the axis, which is made for the others: {listed(outliers)}.")
    if noise is None:
        parts.append("There is no noise band: no upsampler has two seeds yet.")
    else:
        parts.append(
            f"Grey band: ±{number(noise, spec)}, the standard deviation of our runs that differ by their "
            "seed alone, median over the rows."
        )
    if paper_noise is not None:
        parts.append(f"Dotted: {AUTHORS.format(paper_noise).replace('The', 'the', 1)}.")
    return " ".join(parts)


def forest_alt(found: Sequence[Gain], spec: ScoreSpec, reference: str) -> str:
    """Return the differences in words."""
    phrases = [
        f"{each.label} {number(each.value, spec, sign=True)} from {number(each.low, spec, sign=True)} to "
        f"{number(each.high, spec, sign=True)}"
        for each in compared(found)
    ]
    return f"{unit(spec)}, difference from {reference}, with intervals: {'; '.join(phrases)}."


def classes_caption(evidence: Evidence, found: ClassGains, spec: ScoreSpec) -> str:
    """Return the caption of the map of classes."""
    reference = operator_spec(evidence.reference).label
    return (
        f"{spec.label} of every class: difference from {reference} in percentage points, means over the "
        f"seeds: orange where the upsampler is better, blue where {reference} is. {_capped(found, spec)}"
        "A class that few pictures show varies most; single classes have no intervals here."
    )


def _capped(found: ClassGains, spec: ScoreSpec) -> str:
    most = scale_of(found)
    if not (abs(found.values) > most).any():
        return ""
    return (
        f"Colours end at ±{number(most, spec)}, the median over the columns of their largest difference, so "
        "that one column does not fade the others; beyond it they stay the same. "
    )


def classes_alt(found: ClassGains, spec: ScoreSpec) -> str:
    """Return the largest and smallest difference of each upsampler in words."""
    phrases = [
        f"{label}: {number(least, spec, sign=True)} for {low} to {number(most, spec, sign=True)} for {high}"
        for label, high, most, low, least in extremes(found)
    ]
    return f"Differences of {len(found.classes)} classes. {'; '.join(phrases)}."


def scatter_caption(
    evidence: Evidence,
    spec: ScoreSpec,
    table: str,
    noise: float | None,
    paper: float | None,
    beyond: Sequence[Gain] = (),
) -> str:
    """Return a caption on the axes and bands of the scatter, and on what lies beyond its axis."""
    parts = [
        f"Gains over {reference_name(evidence)}: the paper’s (its {table}) across, ours on {evidence.title} "
        f"upwards, {unit(spec)}, with {LEVEL:.0%} intervals. Networks, data and training differ, so signs "
        "and order can agree, sizes need not."
    ]
    bands = [
        f"±{number(half, spec)} {whose}"
        for half, whose in ((noise, "between our runs (level)"), (paper, "between the authors’ (upright)"))
        if half is not None
    ]
    if bands:
        parts.append(f"Grey bands: {listed(bands)}.")
    if beyond:
        parts.append(
            f"Beyond the axis, at the numbers beside them: {listed([gain.label for gain in beyond])}."
        )
    return " ".join(parts)


def scatter_alt(found: Sequence[Pair], spec: ScoreSpec, reference: str) -> str:
    """Return the pairs in words."""
    phrases = [
        f"{each.ours.label}: paper {number(each.paper.gain, spec, sign=True)}, ours "
        f"{number(each.ours.value, spec, sign=True)}, {VERDICTS[each.verdict]}"
        for each in found
    ]
    return f"Gains over {reference} of {spec.label}. {'; '.join(phrases)}."


def bubbles_alt(found: Sequence[Bubble], score: str) -> str:
    """Return the bubbles in words."""
    phrases = [
        f"{each.label} {each.score:.4g} at {each.latency:.2g} × bilinear’s latency and {each.macs:.3g} G MACs"
        for each in found
    ]
    return f"{score} against latency: {'; '.join(phrases)}."


def _sorted(rows: Sequence[Gain], spec: ScoreSpec) -> tuple[list[str], list[str], list[str]]:
    sign = 1 if spec.better == "higher" else -1
    certain = [row for row in rows if row.told]
    better = [row.label for row in certain if sign * (row.value or 0) > 0]
    worse = [row.label for row in certain if row.label not in better]
    return better, worse, [row.label for row in rows if not row.told]


def paper_caption(found: Sequence[Bubble], machine: str | None) -> str:
    """Return the sources of the paper's bubbles.

    Args:
        found: The bubbles.
        machine: Machine that the latencies were measured on here; None for those that the paper prints.
    """
    table, size = paper_table("table4"), paper_table("figure8").column("input")[0].replace("x", "×")
    parts = [
        f"mIoU and operations: {table.title} (the paper calls multiply-accumulates FLOPs). {_SIZE}, as an "
        "increase over bilinear."
    ]
    if machine is not None:
        parts.append(
            f"Latency: one enlargement by 2 of a {size} map, measured with this package on {machine}."
        )
        return " ".join(parts)
    there = {bubble.label for bubble in found}
    absent = [
        OPERATORS[name].label for name in table.column("upsampler") if OPERATORS[name].label not in there
    ]
    parts.append(
        f"Latency: the text of Sec. 3.4, one enlargement by 2 of a {size} map on an RTX 3090; the bar is the "
        "range that it gives for all four of DySample together, drawn at its middle."
    )
    if absent:
        parts.append(
            f"It gives no number for {listed(absent)}; those are only drawn in the paper’s Figures 1 and 8."
        )
    return " ".join(parts)


def our_caption(
    evidence: Evidence, spec: ScoreSpec, trained: Trained, *, size: tuple[int, int], machine: str, date: str
) -> str:
    """Return the sources of our bubbles."""
    map_size = paper_table("figure8").column("input")[0].replace("x", "×")
    return (
        f"{unit(spec)}: {evidence.title}, {TRAINED[trained]}, {where(evidence)}. {_SIZE} in this task’s "
        f"network for one picture of {size[1]}×{size[0]} pixels, counted operation by operation (true MACs, "
        f"see `python -m dysample complexity`). Latency: one enlargement by 2 of a {map_size} map on "
        f"{machine}, {date}, `docs/benchmark.json`."
    )
