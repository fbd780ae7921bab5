"""ZIP archives of found objects in COCO's formats, which other programs read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from pycocotools import mask

from app.records import Comparison
from app.shared.drawing import photo_png
from app.views.compare import object_panes, panoptic_panes
from app.views.compare.archive import maps_by_name, zipped
from dysample.models.annotations import Objects, Panoptic, boxes_of
from dysample.models.tasks import Task

_codes: Any = mask  # its stubs do not know that codes are bytes
_IMAGE = 1  # id of the one photograph
_WORDS = """\
Each .json file is a data set in COCO's format with one photograph: images, categories, annotations.
Objects have a score of at least {threshold:g}. Pixels are those of {photograph}, the photograph as the \
networks see it.
"""
_OBJECT_WORDS = """\
*-ids.png      id of the annotation at every pixel, the surest on top; 0 for none
*-colours.png  the objects in the colours of the page, over nothing
"""
_PANOPTIC_WORDS = """\
*.png          the id of the segment at every pixel: red + 256 green + 65536 blue; 0 for none
*-colours.png  the segments in the colours of the page, over nothing
"""


def object_maps(comparison: Comparison[Objects]) -> bytes:
    """Return a ZIP of COCO's JSON, and of PNGs where masks are known."""
    files = _common(comparison, "" if comparison.reference.masks is None else _OBJECT_WORDS)
    for name, objects in maps_by_name(comparison):
        rows = [_object(objects, row) for row in range(len(objects))]
        files[f"{name}.json"] = _json(comparison, rows)
        if objects.masks is not None:
            files[f"{name}-ids.png"] = _grey_png(_ids(objects.masks))
    if comparison.reference.masks is not None:
        files |= _colours(comparison, [layer.png for layer in object_panes.panes(comparison, "answers")])
    return zipped(files)


def panoptic_maps(comparison: Comparison[Panoptic]) -> bytes:
    """Return a ZIP of COCO's panoptic JSON and PNG."""
    files = _common(comparison, _PANOPTIC_WORDS)
    for name, panoptic in maps_by_name(comparison):
        annotation = {"image_id": _IMAGE, "file_name": f"{name}.png", "segments_info": _segments(panoptic)}
        files[f"{name}.json"] = _json(comparison, [annotation])
        files[f"{name}.png"] = photo_png(_coded(panoptic.segments))
    files |= _colours(comparison, [layer.png for layer in panoptic_panes.panes(comparison, "answers")])
    return zipped(files)


def _common(comparison: Comparison[Any], words: str) -> dict[str, bytes]:
    photograph = _photograph(comparison)
    text = _WORDS.format(threshold=comparison.threshold or 0, photograph=photograph) + words
    return {photograph: photo_png(comparison.picture.image), "contents.txt": text.encode()}


def _photograph(comparison: Comparison[Any]) -> str:
    return f"{Path(comparison.picture.name).stem or 'photograph'}-photograph.png"


def _colours(comparison: Comparison[Any], pictures: Sequence[bytes]) -> dict[str, bytes]:
    names = [name for name, _ in maps_by_name(comparison)]
    return {f"{name}-colours.png": picture for name, picture in zip(names, pictures, strict=True)}


# --- COCO's JSON ---


def _json(comparison: Comparison[Any], annotations: Sequence[dict[str, Any]]) -> bytes:
    height, width = comparison.picture.image.shape[:2]
    image = {"id": _IMAGE, "file_name": _photograph(comparison), "height": height, "width": width}
    original = dict(zip(("original_height", "original_width"), comparison.picture.original, strict=True))
    content = {
        "info": {"description": comparison.task.title, "least_score": comparison.threshold},
        "images": [image | original],
        "categories": _categories(comparison.task),
        "annotations": list(annotations),
    }
    return json.dumps(content, indent=1).encode()


def _categories(task: Task) -> list[dict[str, Any]]:
    return [
        {"id": _category(index), "name": name, "isthing": int(name in task.things)}
        for index, name in enumerate(task.classes)
    ]


def _category(index: int) -> int:
    """Return the id of a class: counted from 1, since some programs take 0 for none."""
    return int(index) + 1


def _object(objects: Objects, row: int) -> dict[str, Any]:
    left, top, right, bottom = objects.boxes[row].astype(float).tolist()
    annotation = {
        "id": row + 1,
        "image_id": _IMAGE,
        "category_id": _category(objects.classes[row]),
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        "iscrowd": int(objects.crowd[row]),
        "score": float(objects.scores[row]),
    }
    if objects.masks is None:
        return annotation
    pixels = objects.masks[row]
    return annotation | dict(area=int(pixels.sum()), segmentation=_code(pixels))


def _code(pixels: Bool[np.ndarray, "h w"]) -> dict[str, Any]:
    """Return the run-length code of a mask."""
    code = _codes.encode(np.asfortranarray(pixels.astype(np.uint8)))
    return {"size": list(code["size"]), "counts": code["counts"].decode("ascii")}


def _segments(panoptic: Panoptic) -> list[dict[str, Any]]:
    """Return the segments that have pixels."""
    parts = [panoptic.segments == number for number in range(1, len(panoptic.classes) + 1)]
    return [
        {
            "id": row + 1,
            "category_id": _category(panoptic.classes[row]),
            "area": int(pixels.sum()),
            "bbox": _extent(pixels),
            "iscrowd": int(panoptic.crowd[row]),
            "score": float(panoptic.scores[row]),
        }
        for row, pixels in enumerate(parts)
        if pixels.any()
    ]


def _extent(pixels: Bool[np.ndarray, "h w"]) -> list[int]:
    left, top, right, bottom = map(int, boxes_of(pixels[None])[0])
    return [left, top, right - left, bottom - top]


# --- Pictures ---


def _ids(masks: Bool[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "h w"]:
    """Return the number of the first mask that has a pixel, counted from 1; 0 for none."""
    if not len(masks):
        return np.zeros(masks.shape[1:], np.uint8)
    return np.where(masks.any(0), masks.argmax(0) + 1, 0).astype(np.uint8)


def _coded(segments: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Return red, green and blue of segments, whose numbers all fit into red."""
    return np.stack([segments, np.zeros_like(segments), np.zeros_like(segments)], axis=-1)


def _grey_png(numbers: UInt8[np.ndarray, "h w"]) -> bytes:
    return cv2.imencode(".png", numbers)[1].tobytes()
