"""The captions of the bubble charts: where each number comes from."""

from collections.abc import Sequence

from app.figures.evidence_bubbles import Bubble
from app.figures.evidence_gains import listed, unit
from app.figures.evidence_tables import TRAINED
from app.figures.evidence_words import where
from dysample.analysis.evidence import Evidence, Trained
from dysample.analysis.paper import paper_table
from dysample.analysis.score_specs import ScoreSpec
from dysample.ops.registry import OPERATORS

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
