"""The command `predict`: what a trained network says of pictures, as files."""

import argparse
import colorsys
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from PIL import Image, ImageDraw

from dysample.cli.pictures import (
    Files,
    Pixels,
    Runner,
    each_picture,
    make_folder,
    pictures_in,
    read_picture,
    refuse_existing,
    write_files,
)
from dysample.models.annotations import Annotation, Depth, Labels, Objects, Panoptic, boxes_of
from dysample.models.tasks import Task
from dysample.models.weights import load_host

_MOST_MM = 65535  # what 16 bits can hold
_GOLDEN = 0.618034  # of a turn: hues at this distance stay far apart, however many there are
# Of the colour scale viridis, from far to near.
_DEPTH_COLOURS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_LEAST_M = 1e-3  # of which a logarithm is taken
_MASK, _LINE = 0.55, 3  # share of an object's colour over the picture, and pixels of a box's edge


def run_predict(options: argparse.Namespace) -> int:
    """Run a network on pictures and write what it says; return the exit status.

    Returns:
        0, or 1 if a picture was not written: it cannot be read, its answers are there already, or the memory
        ran out. The others are.

    Raises:
        CommandError: A folder cannot be read or made.
        ValueError: There is no such network, device or precision.
        WeightsError: Weights are missing or damaged.
    """
    paths = pictures_in(options.picture)
    make_folder(options.out)
    runner = Runner.of(options)
    host = runner.place(load_host(options.task, upsampler=options.upsampler))

    def work(path: Path) -> str:
        if not options.overwrite:
            _refuse_done(options.out, path.stem)
        image = read_picture(path, options.longer_side)
        (answer,) = runner.answers([host], image)
        files = files_of(Shown(runner.task, path.name, image), answer)
        return write_files(options.out, path.stem, files, overwrite=options.overwrite)

    return each_picture(paths, work)


def _refuse_done(out: Path, stem: str) -> None:
    """Refuse a picture all of whose answers are there, before its network runs.

    Raises:
        CommandError: They are.
    """
    for writer in WRITERS.values():
        files = [out / f"{stem}-{ending}" for ending in writer.endings]
        if all(file.exists() for file in files):
            refuse_existing(files)


# --- Files ---


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The picture that an answer is about.

    Attributes:
        task: Task of the network.
        name: Name of the picture's file.
        image: The picture as the network saw it.
    """

    task: Task
    name: str
    image: Pixels


def _labels(shown: Shown, labels: Labels) -> Files:
    """Return the class of every pixel as its colour, as its number, and the names of the numbers."""
    palette = class_colours(len(shown.task.classes))
    return {
        "overlay.png": _png(_mixed(shown.image, palette[labels.classes])),
        "colours.png": _png(palette[labels.classes]),
        "labels.png": _png(labels.classes),
        "classes.txt": "".join(f"{k} {name}\n" for k, name in enumerate(shown.task.classes)).encode(),
    }


def _depth(shown: Shown, depth: Depth) -> Files:
    """Return the depth in colours between its ends, in millimetres with 16 bits, and in metres."""
    millimetres = np.round(1000 * depth.metres.astype(np.float64)).clip(0, _MOST_MM).astype(np.uint16)
    metres = io.BytesIO()
    np.save(metres, depth.metres, allow_pickle=False)
    colours = depth_colours(depth.metres, *ends_of([depth.metres]))
    return {
        "overlay.png": _png(_mixed(shown.image, colours)),
        "colours.png": _png(colours),
        "depth.png": _png(millimetres),
        "depth.npy": metres.getvalue(),
    }


def _objects(shown: Shown, objects: Objects) -> Files:
    """Return the objects over the picture, and as a data set in COCO's format."""
    rows = [_object(objects, row) for row in range(len(objects))]
    colours = class_colours(len(objects))
    drawn = drawn_objects(shown.image, objects, [colours[row % 256] for row in range(len(objects))])
    return {"overlay.png": _png(drawn), "objects.json": _coco(shown, rows)}


def _panoptic(shown: Shown, panoptic: Panoptic) -> Files:
    """Return the segments in colours, and in COCO's panoptic format."""
    ids = np.stack([panoptic.segments, *[np.zeros_like(panoptic.segments)] * 2], axis=-1)
    name = f"{Path(shown.name).stem}-panoptic.png"
    rows = {"image_id": 1, "file_name": name, "segments_info": _segments(panoptic)}
    colours = class_colours(len(panoptic.classes), first=1)[panoptic.segments]
    return {
        "overlay.png": _png(_mixed(shown.image, colours)),
        "colours.png": _png(colours),
        "panoptic.png": _png(ids),
        "panoptic.json": _coco(shown, [rows]),
    }


@dataclass(frozen=True, slots=True)
class Writer:
    """How one kind of answer becomes files.

    Attributes:
        files: Returns them.
        endings: Endings of their names.
    """

    files: Callable[[Shown, Any], Files]
    endings: tuple[str, ...]


WRITERS: Mapping[type[Any], Writer] = {
    Labels: Writer(_labels, ("overlay.png", "colours.png", "labels.png", "classes.txt")),
    Depth: Writer(_depth, ("overlay.png", "colours.png", "depth.png", "depth.npy")),
    Objects: Writer(_objects, ("overlay.png", "objects.json")),
    Panoptic: Writer(_panoptic, ("overlay.png", "colours.png", "panoptic.png", "panoptic.json")),
}


def files_of(shown: Shown, answer: Annotation) -> Files:
    """Return all files about an answer, by the ending of their name."""
    return next(writer.files(shown, answer) for kind, writer in WRITERS.items() if isinstance(answer, kind))


# --- Drawing ---


def class_colours(count: int, *, first: int = 0) -> UInt8[np.ndarray, "256 3"]:
    """Return a palette: distinct colours from the index `first` on, black for every other index."""
    palette = np.zeros((256, 3), np.uint8)
    for k in range(min(count, 256 - first)):
        # Neighbours differ in lightness as well, for those who do not see all hues.
        rgb = colorsys.hsv_to_rgb(k * _GOLDEN % 1, 0.65, (0.95, 0.7)[k % 2])
        palette[first + k] = np.round(255 * np.array(rgb))
    return palette


def ends_of(maps: Sequence[Float32[np.ndarray, "h w"]]) -> tuple[float, float]:
    """Return the nearest and the farthest depth of maps that are drawn on one scale."""
    return min(float(metres.min()) for metres in maps), max(float(metres.max()) for metres in maps)


def depth_colours(metres: Float32[np.ndarray, "h w"], near: float, far: float) -> Pixels:
    """Return depths in colours, bright where they are near, by equal ratios."""
    logs = np.log(np.maximum(metres, _LEAST_M))
    low, high = np.log(max(near, _LEAST_M)), np.log(max(far, _LEAST_M))
    nearness = (high - logs) / max(high - low, 1e-6)
    stops = np.linspace(0, 1, len(_DEPTH_COLOURS))
    channels = [np.interp(nearness, stops, channel) for channel in zip(*_DEPTH_COLOURS, strict=True)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)


def _mixed(image: Pixels, colours: Pixels) -> Pixels:
    """Return colours over a picture, with the picture showing through."""
    return np.round((1 - _MASK) * image + _MASK * colours.astype(np.float32)).astype(np.uint8)


def drawn_objects(image: Pixels, objects: Objects, colours: Sequence[UInt8[np.ndarray, "3"]]) -> Pixels:
    """Return the picture with a box around each object, and the object's colour on its mask."""
    drawn = image.copy()
    order = range(len(objects) - 1, -1, -1)  # the surest on top
    if objects.masks is not None:
        for row in order:
            inside = objects.masks[row]
            mixed = (1 - _MASK) * drawn[inside] + _MASK * colours[row]
            drawn[inside] = np.round(mixed).astype(np.uint8)
    picture = Image.fromarray(drawn)
    pen = ImageDraw.Draw(picture)
    for row in order:
        left, top, right, bottom = objects.boxes[row].tolist()
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        pen.rectangle(corners, outline=tuple(map(int, colours[row])), width=_LINE)
    return np.asarray(picture)


def _png(values: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(values).save(target, "PNG")
    return target.getvalue()


# --- COCO's formats ---


def _coco(shown: Shown, annotations: Sequence[Mapping[str, Any]]) -> bytes:
    height, width = shown.image.shape[:2]
    content = {
        "info": {"description": shown.task.title},
        "images": [{"id": 1, "file_name": shown.name, "height": height, "width": width}],
        "categories": [
            {"id": k + 1, "name": name, "isthing": int(name in shown.task.things)}
            for k, name in enumerate(shown.task.classes)
        ],
        "annotations": list(annotations),
    }
    return (json.dumps(content, indent=1) + "\n").encode()


def _object(objects: Objects, row: int) -> dict[str, Any]:
    left, top, right, bottom = objects.boxes[row].astype(float).tolist()
    annotation = {
        "id": row + 1,
        "image_id": 1,
        "category_id": int(objects.classes[row]) + 1,
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        "iscrowd": 0,
        "score": float(objects.scores[row]),
    }
    if objects.masks is not None:
        pixels = objects.masks[row]
        annotation.update(area=int(pixels.sum()), segmentation=run_lengths(pixels))
    return annotation


def run_lengths(pixels: Bool[np.ndarray, "h w"]) -> dict[str, Any]:
    """Return a mask as COCO's plain run lengths: column by column, the first run outside of the object."""
    values = pixels.ravel(order="F")
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    ends = np.concatenate([[0] * (1 + bool(values[0])), changes, [values.size]])
    return {"size": list(pixels.shape), "counts": np.diff(ends).tolist()}


def _segments(panoptic: Panoptic) -> list[dict[str, Any]]:
    rows = list[dict[str, Any]]()
    for row, label in enumerate(panoptic.classes.tolist()):
        pixels = panoptic.segments == row + 1
        if not pixels.any():
            continue
        left, top, right, bottom = boxes_of(pixels[None])[0].astype(int).tolist()
        rows.append(
            {
                "id": row + 1,
                "category_id": label + 1,
                "area": int(pixels.sum()),
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": 0,
                "score": float(panoptic.scores[row]),
            }
        )
    return rows
