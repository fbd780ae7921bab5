"""The sentences of the page about evidence, made from the numbers."""

from collections.abc import Sequence

from app.views.evidence.bubbles import Bubble
from app.views.evidence.forest import ClassGains, extremes, scale_of
from app.views.evidence.gains import VERDICTS, Gain, Pair, compared, listed, number, unit
from app.views.evidence.tables import TRAINED
from dysample.ops.registry import OPERATORS, operator_spec
from dysample.scores.evidence import Evidence, Trained, short_training
from dysample.scores.paired import LEVEL, RESAMPLES
from dysample.scores.paper import paper_table
from dysample.scores.specs import ScoreSpec

AUTHORS = (
    "The authors say, beside their segmentation code, that mIoU on ADE20K may vary by ±{:g} between runs"
)

_ENCODER = "bilinear"  # what the encoder of all heads learned with
_OUT = ", with an interval that leaves zero out"


def where(evidence: Evidence) -> str:
    """What was scored."""
    return f"{evidence.dataset}, {evidence.split}, {evidence.pictures} pictures"


def how_to_read(evidence: Evidence) -> str:
    """What the columns of the table are."""
    reference = operator_spec(evidence.reference).label
    words = (
        f"Scored on {where(evidence)}. Mean and sample standard deviation over the seeds; less {reference}: "
        f"the mean paired difference to {reference} trained the same way, and the ends of its {LEVEL:.0%} "
        f"interval from {RESAMPLES:,} resamples of seeds and pictures."
    )
    if any(row.trained == "heads" for row in evidence.rows):
        words += (
            " Heads were trained on the frozen features of one encoder, itself trained with "
            f"{operator_spec(_ENCODER).label}: their seeds tell how heads vary, not encoders."
        )
    return f"{words} {short_training(evidence)}".rstrip()


def verdict(found: Sequence[Gain], spec: ScoreSpec, reference: str, noise: float | None) -> str:
    """Which upsamplers differ from the reference, and of which that cannot be told."""
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
                f"Worse than {reference}, likewise" if better else f"Worse than {reference}{_OUT}",
                worse,
            ),
            ("Cannot be told, because the interval contains zero", unknown),
        )
        if names
    ]
    if noise is not None:
        within = [each.label for each in rows if abs(each.value or 0) <= noise]
        if within:
            parts.append(f"No farther from zero than runs differ by their seed: {listed(within)}.")
    if any(each.seeds == 1 for each in rows):
        parts.append(
            "Where there is one seed, the interval is about the pictures alone: how much another run would "
            "differ is not known."
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
    """What the differences, intervals and bands are, and which lie beyond the axis."""
    parts = [
        f"{evidence.title}, {TRAINED[trained]}: differences of {unit(spec)} to "
        f"{operator_spec(evidence.reference).label}’s on {where(evidence)}. Bars are {LEVEL:.0%} intervals."
    ]
    if beyond:
        told = [f"{each.label} ({number(each.value, spec, sign=True)})" for each in beyond]
        parts.append(f"Beyond the axis, which is made for the others: {listed(told)}.")
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
    """The differences in words."""
    told = [
        f"{each.label} {number(each.value, spec, sign=True)} from {number(each.low, spec, sign=True)} to "
        f"{number(each.high, spec, sign=True)}"
        for each in compared(found)
    ]
    return f"{unit(spec)} less {reference}, with intervals: {'; '.join(told)}."


def classes_caption(evidence: Evidence, found: ClassGains, spec: ScoreSpec) -> str:
    """What the map of classes shows."""
    reference = operator_spec(evidence.reference).label
    return (
        f"{spec.label} of every class less {reference}’s, in percentage points, means over the seeds: orange "
        f"where the upsampler is better, blue where {reference} is. {_capped(found, spec)}A class that few "
        "pictures show varies most; single classes have no intervals here."
    )


def _capped(found: ClassGains, spec: ScoreSpec) -> str:
    most = scale_of(found)
    if not (abs(found.values) > most).any():
        return ""
    return f"Beyond ±{number(most, spec)} the colour stays the same. "


def classes_alt(found: ClassGains, spec: ScoreSpec) -> str:
    """Most and least of each upsampler in words."""
    told = [
        f"{label}: {number(least, spec, sign=True)} for {low} to {number(most, spec, sign=True)} for {high}"
        for label, high, most, low, least in extremes(found)
    ]
    return f"Differences of {len(found.classes)} classes. {'; '.join(told)}."


def scatter_caption(
    evidence: Evidence,
    spec: ScoreSpec,
    table: str,
    noise: float | None,
    paper: float | None,
    beyond: Sequence[Gain] = (),
) -> str:
    """What lies where in the scatter, and what beyond its axis."""
    parts = [
        f"Gains over bilinear: the paper’s (its {table}) across, ours on {evidence.title} upwards, "
        f"{unit(spec)}, with {LEVEL:.0%} intervals. Networks, data and training differ, so signs and order "
        "can agree, sizes need not."
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
            f"Beyond the axis, at the numbers beside them: {listed([each.label for each in beyond])}."
        )
    return " ".join(parts)


def scatter_alt(found: Sequence[Pair], spec: ScoreSpec) -> str:
    """The pairs in words."""
    told = [
        f"{each.ours.label}: paper {number(each.paper.gain, spec, sign=True)}, ours "
        f"{number(each.ours.value, spec, sign=True)}, {VERDICTS[each.verdict]}"
        for each in found
    ]
    return f"Gains over bilinear of {spec.label}. {'; '.join(told)}."


def bubbles_alt(found: Sequence[Bubble], score: str) -> str:
    """The bubbles in words."""
    told = [
        f"{each.label} {each.score:.4g} at {each.latency:.2g} × bilinear’s latency and {each.macs:.3g} G MACs"
        for each in found
    ]
    return f"{score} against latency: {'; '.join(told)}."


def _sorted(rows: Sequence[Gain], spec: ScoreSpec) -> tuple[list[str], list[str], list[str]]:
    sign = 1 if spec.better == "higher" else -1
    told = [each for each in rows if each.told]
    better = [each.label for each in told if sign * (each.value or 0) > 0]
    worse = [each.label for each in told if each.label not in better]
    return better, worse, [each.label for each in rows if not each.told]


# The captions of the bubble charts: where each number comes from.


_SIZE = "The area of a bubble is the number of multiply-accumulates of the upsamplers"


def paper_caption(found: Sequence[Bubble], machine: str | None) -> str:
    """The sources of the paper's bubbles.

    Args:
        found: What is drawn.
        machine: What the latencies were measured on here; None for those that the paper prints.
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
    there = {each.label for each in found}
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
    """The sources of our bubbles."""
    map_size = paper_table("figure8").column("input")[0].replace("x", "×")
    return (
        f"{unit(spec)}: {evidence.title}, {TRAINED[trained]}, {where(evidence)}. {_SIZE} in this task’s "
        f"network for one picture of {size[1]}×{size[0]} pixels, counted operation by operation (true MACs, "
        f"see `python -m dysample complexity`). Latency: one enlargement by 2 of a {map_size} map on "
        f"{machine}, {date}, `docs/benchmark.json`."
    )
