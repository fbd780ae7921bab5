"""Sentences of the Compare page on what memory has made of a picture."""

from collections.abc import Sequence
from typing import Any

from app.records import Comparison


def ways(comparison: Comparison[Any]) -> str:
    """Return sentences on networks that were run in tiles, or not on the usual device; empty for none."""
    rows = comparison.compared
    tiled = {row.label: row.answer.way.tiles for row in rows if row.answer.way.tiles > 1}
    moved = [row.label for row in rows if row.answer.way.on_cpu]
    sentences: list[str] = []
    if tiled:
        counts = sorted(set(tiled.values()))
        sentences.append(
            f"{_named(list(tiled), len(rows))} computed in {_either(counts)} overlapping tiles, because one "
            "pass needs more memory than is free: answers can differ slightly from those of one pass."
        )
    if moved:
        sentences.append(
            f"{_named(moved, len(rows))} computed on the CPU, because the memory of the GPU does not suffice."
        )
    return " ".join(sentences)


def _named(labels: Sequence[str], everything: int) -> str:
    if len(labels) == everything:
        return "The picture was"
    return f"The picture with {', '.join(labels)} was"


def _either(counts: Sequence[int]) -> str:
    return " or ".join(map(str, counts))


def shown(comparison: Comparison[Any], size: tuple[int, int]) -> str:
    """Return a sentence on pictures of which the browser shows fewer rows and columns; empty if of none."""
    height, width = comparison.picture.image.shape[:2]
    if size == (height, width):
        return ""
    return (
        f"Shown at {size[1]}×{size[0]} of {width}×{height} pixels; numbers, the close-up and the maps to "
        "download are those of all pixels."
    )
