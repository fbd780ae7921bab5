"""The numbers of a comparison as columns, and as JSON."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float32

from app.records import Compared, Comparison, Values
from app.settings import CompareSettings
from app.shared.drawing import class_png
from app.theme import class_colours
from dysample.models.manifest import Kind
from dysample.scores.depth import has_truth

Column = list[str] | list[float | None]


@dataclass(frozen=True, slots=True)
class _Number:
    """A column: its title, the record of `Compared` and the field that it shows, and what multiplies that."""

    title: str
    record: Literal["difference", "score", "weights"]
    field: str
    factor: float = 1.0

    def of(self, each: Compared) -> float | None:
        value: float | None = getattr(getattr(each, self.record), self.field, None)
        return None if value is None else self.factor * value


_NUMBERS: dict[Kind, tuple[_Number, ...]] = {
    "segmentation": (
        _Number("Pixels changed (%)", "difference", "share", 100),
        _Number("Changed at boundaries (%)", "difference", "boundary_share", 100),
        _Number("mIoU here (%)", "score", "miou", 100),
        _Number("Boundary IoU here (%)", "score", "boundary_miou", 100),
        _Number("mIoU on test (%)", "weights", "miou", 100),
        _Number("Boundary IoU on test (%)", "weights", "boundary_miou", 100),
    ),
    "depth": (
        _Number("Mean change (cm)", "difference", "mean", 100),
        _Number("Largest change (cm)", "difference", "largest", 100),
        _Number("δ1 here (%)", "score", "delta1", 100),
        _Number("AbsRel here (%)", "score", "abs_rel", 100),
        _Number("RMS here (m)", "score", "rms"),
        _Number("δ1 on test (%)", "weights", "delta1", 100),
        _Number("AbsRel on test (%)", "weights", "abs_rel", 100),
        _Number("RMS on test (m)", "weights", "rms"),
    ),
}


def columns(comparison: Comparison) -> dict[str, Column]:
    """One row for each upsampler; columns of this picture's scores only where its truth is known."""
    rows = comparison.compared
    table: dict[str, Column] = {
        "Upsampler": [each.label for each in rows],
        "Head (ms)": [1000 * each.answer.head_seconds for each in rows],
        "Upsampler parameters": [float(each.answer.parameters) for each in rows],
    }
    for number in _NUMBERS[comparison.task.kind]:
        if number.record != "score" or comparison.picture.truth is not None:
            table[number.title] = [number.of(each) for each in rows]
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
        "ranges": asdict(comparison.ranges) if comparison.ranges else None,
        "encoder_seconds": comparison.compared[0].answer.encoder_seconds,
        "upsamplers": {each.name: _numbers(each) for each in comparison.compared},
        "versions": {name: version(name) for name in ("dysample-lab", "torch", "streamlit")},
    }
    return json.dumps(record, indent=1)


def _numbers(each: Compared) -> dict[str, object]:
    return {
        "head_seconds": each.answer.head_seconds,
        "upsampler_parameters": each.answer.parameters,
        "difference": asdict(each.difference) if each.difference else None,
        "score_here": asdict(each.score) if each.score else None,
        "weights": asdict(each.weights),
    }


# The maps of a comparison as files for other programs.


_MOST = 65535  # millimetres that 16 bits can hold
_DEPTHS = """\
*.png  depth in millimetres, 16 bits, 0 where it is not known
*.npy  depth in metres, NumPy float32 (rows, columns), 0 where it is not known
"""


def label_maps(comparison: Comparison) -> bytes:
    """A ZIP of palette PNGs whose indices are the classes, and the list of the classes."""
    colours = class_colours(comparison.task.classes)
    lines = [f"{index} {name}" for index, name in enumerate(comparison.task.classes)]
    files = {f"{name}.png": class_png(values, colours) for name, values in _maps(comparison)}
    return _zip(files | {"classes.txt": "\n".join([*lines, "255 no label", ""]).encode()})


def depth_maps(comparison: Comparison) -> bytes:
    """A ZIP of each depth map as PNG of 16 bits in millimetres and as NPY in metres, and a word on both."""
    files: dict[str, bytes] = {}
    for name, values in _maps(comparison):
        depths = np.where(has_truth(values), values, 0).astype(np.float32)
        files |= {f"{name}.png": _millimetres_png(depths), f"{name}.npy": _npy(depths)}
    return _zip(files | {"units.txt": _DEPTHS.encode()})


def _maps(comparison: Comparison) -> Iterator[tuple[str, Values]]:
    yield from ((each.name, each.answer.values) for each in comparison.compared)
    if comparison.picture.truth is not None:
        yield "truth", comparison.picture.truth


def _millimetres_png(depths: Float32[np.ndarray, "h w"]) -> bytes:
    millimetres = np.round(1000 * depths.astype(np.float64)).clip(0, _MOST).astype(np.uint16)
    return cv2.imencode(".png", millimetres)[1].tobytes()


def _npy(depths: Float32[np.ndarray, "h w"]) -> bytes:
    target = io.BytesIO()
    np.save(target, depths, allow_pickle=False)
    return target.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()
