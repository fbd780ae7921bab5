"""The numbers of a comparison as columns, and as JSON."""

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from app.records import Compared, Comparison
from app.settings import CompareSettings
from app.views.compare.kinds import drawing

Column = list[str] | list[float | None]


def columns(comparison: Comparison[Any]) -> dict[str, Column]:
    """One row for each upsampler; columns of this picture's scores only where its truth is known."""
    rows = comparison.compared
    table: dict[str, Column] = {
        "Upsampler": [each.label for each in rows],
        "Head (ms)": [1000 * each.answer.head_seconds for each in rows],
        "Upsampler parameters": [float(each.answer.parameters) for each in rows],
    }
    for number in drawing(comparison.task).numbers:
        if number.record != "score" or comparison.picture.truth is not None:
            table[number.title] = [number.of(each) for each in rows]
    return table


def as_json(comparison: Comparison[Any], settings: CompareSettings, source: str) -> str:
    """Everything that is shown as a number, with what it takes to see it again."""
    height, width = comparison.picture.image.shape[:2]
    record = {
        "picture": source,
        "original_size": list(comparison.picture.original),
        "working_size": [height, width],
        "settings": asdict(settings),
        "reference": comparison.reference_label,
        "ranges": asdict(comparison.ranges) if comparison.ranges else None,
        "encoder_seconds": comparison.compared[0].answer.encoder_seconds,
        "upsamplers": {each.name: _numbers(each) for each in comparison.compared},
        "versions": {name: version(name) for name in ("dysample-lab", "torch", "streamlit")},
    }
    return json.dumps(record, indent=1)


def _numbers(each: Compared[Any]) -> dict[str, object]:
    return {
        "head_seconds": each.answer.head_seconds,
        "upsampler_parameters": each.answer.parameters,
        "difference": asdict(each.difference) if each.difference else None,
        "score_here": asdict(each.score) if each.score else None,
        "weights": asdict(each.weights),
    }
