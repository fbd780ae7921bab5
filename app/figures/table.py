"""The numbers of a comparison as columns, and as JSON."""

import json
from dataclasses import asdict
from importlib.metadata import version

from app.records import Compared, Comparison
from app.settings import CompareSettings

Column = list[str] | list[float | None]


def columns(comparison: Comparison) -> dict[str, Column]:
    """One row for each upsampler; a column of this picture's scores only where its truth is known."""
    rows = comparison.compared
    table: dict[str, Column] = {
        "Upsampler": [each.label for each in rows],
        "Head (ms)": [1000 * each.labelling.head_seconds for each in rows],
        "Upsampler parameters": [float(each.labelling.parameters) for each in rows],
        "Pixels changed (%)": [_percent(each.difference.share if each.difference else None) for each in rows],
        "Changed at boundaries (%)": [
            _percent(each.difference.boundary_share if each.difference else None) for each in rows
        ],
    }
    if comparison.picture.truth is not None:
        table["mIoU here (%)"] = [_percent(each.score.miou if each.score else None) for each in rows]
        table["Boundary IoU here (%)"] = [
            _percent(each.score.boundary_miou if each.score else None) for each in rows
        ]
    table["mIoU on test (%)"] = [_percent(each.weights.miou) for each in rows]
    table["Boundary IoU on test (%)"] = [_percent(each.weights.boundary_miou) for each in rows]
    return table


def as_json(comparison: Comparison, settings: CompareSettings, source: str) -> str:
    """Everything that is shown as a number, with what it takes to see it again."""
    height, width = comparison.picture.image.shape[:2]
    record = {
        "picture": source,
        "original_size": list(comparison.picture.original),
        "working_size": [height, width],
        "settings": asdict(settings),
        "reference": comparison.reference_label,
        "encoder_seconds": comparison.compared[0].labelling.encoder_seconds,
        "upsamplers": {each.name: _numbers(each) for each in comparison.compared},
        "versions": {name: version(name) for name in ("dysample-lab", "torch", "streamlit")},
    }
    return json.dumps(record, indent=1)


def _numbers(each: Compared) -> dict[str, object]:
    return {
        "head_seconds": each.labelling.head_seconds,
        "upsampler_parameters": each.labelling.parameters,
        "difference": asdict(each.difference) if each.difference else None,
        "score_here": asdict(each.score) if each.score else None,
        "weights": asdict(each.weights),
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
