"""The numbers of a comparison: as the columns of a table, and as JSON."""

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from app.records import Compared, Comparison
from app.settings import CompareSettings
from app.views.compare.kinds import drawing

Column = list[str] | list[float | None]


def columns(comparison: Comparison[Any]) -> dict[str, Column]:
    """Return one row per upsampler; scores on this picture are left out where its truth is unknown."""
    rows = comparison.compared
    table: dict[str, Column] = {
        "Upsampler": [row.label for row in rows],
        "Upsampler parameters": [float(row.answer.parameters) for row in rows],
    }
    counts = [_objects(comparison, row) for row in rows]
    if None not in counts:
        table["Objects"] = [float(count or 0) for count in counts]
    for number in drawing(comparison.task).numbers:
        if number.record != "score" or comparison.picture.truth is not None:
            table[number.title] = [number.of(row) for row in rows]
    return table


def as_json(comparison: Comparison[Any], settings: CompareSettings, source: str) -> str:
    """Return every number on the page as JSON, with the settings and versions that reproduce it."""
    height, width = comparison.picture.image.shape[:2]
    record = {
        "picture": source,
        "original_size": list(comparison.picture.original),
        "working_size": [height, width],
        "settings": asdict(settings),
        "reference": comparison.reference_label,
        "ranges": asdict(comparison.ranges) if comparison.ranges else None,
        "upsamplers": {row.name: _numbers(comparison, row) for row in comparison.compared},
        "versions": {name: version(name) for name in ("dysample-lab", "torch", "streamlit")},
    }
    return json.dumps(record, indent=1)


def _numbers(comparison: Comparison[Any], row: Compared[Any]) -> dict[str, object]:
    return {
        "objects": _objects(comparison, row),
        "upsampler_parameters": row.answer.parameters,
        "difference": asdict(row.difference) if row.difference else None,
        "score_here": asdict(row.score) if row.score else None,
        "weights": asdict(row.weights),
    }


def _objects(comparison: Comparison[Any], row: Compared[Any]) -> int | None:
    """Return the number of objects that are shown; None for kinds of tasks without objects."""
    count = drawing(comparison.task).count
    return None if count is None else count(comparison.task, row.answer.annotation)
