"""ZIP archives of the maps of a comparison, for other programs."""

import io
import zipfile
from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float32

from app.records import Comparison, Said
from app.shared.drawing import class_png
from app.theme import class_colours
from dysample.models.annotations import Depth, Labels
from dysample.scores.depth import has_truth

_MOST_MM = 65535  # what 16 bits can hold
_DEPTHS = """\
*.png  depth in millimetres, 16 bits, 0 where it is not known
*.npy  depth in metres, NumPy float32 (rows, columns), 0 where it is not known
"""


def label_maps(comparison: Comparison[Labels]) -> bytes:
    """Return a ZIP of palette PNGs whose indices are the classes, and of the list of classes."""
    colours = class_colours(comparison.task.classes)
    lines = [f"{index} {name}" for index, name in enumerate(comparison.task.classes)]
    files = {f"{name}.png": class_png(labels.classes, colours) for name, labels in maps_by_name(comparison)}
    return zipped(files | {"classes.txt": "\n".join([*lines, "255 no label", ""]).encode()})


def depth_maps(comparison: Comparison[Depth]) -> bytes:
    """Return a ZIP of depth maps as 16-bit PNG in millimetres and as NPY in metres, with a note on units."""
    files: dict[str, bytes] = {}
    for name, depth in maps_by_name(comparison):
        depths = np.where(has_truth(depth.metres), depth.metres, 0).astype(np.float32)
        files |= {f"{name}.png": _millimetres_png(depths), f"{name}.npy": _npy(depths)}
    return zipped(files | {"units.txt": _DEPTHS.encode()})


def maps_by_name(comparison: Comparison[Said]) -> Iterator[tuple[str, Said]]:
    """Return the outputs by the name of their upsampler, then the truth where it is known."""
    yield from ((row.name, row.answer.annotation) for row in comparison.compared)
    if comparison.picture.truth is not None:
        yield "truth", comparison.picture.truth


def _millimetres_png(depths: Float32[np.ndarray, "h w"]) -> bytes:
    millimetres = np.round(1000 * depths.astype(np.float64)).clip(0, _MOST_MM).astype(np.uint16)
    return cv2.imencode(".png", millimetres)[1].tobytes()


def _npy(depths: Float32[np.ndarray, "h w"]) -> bytes:
    target = io.BytesIO()
    np.save(target, depths, allow_pickle=False)
    return target.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a ZIP of files by name."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()
