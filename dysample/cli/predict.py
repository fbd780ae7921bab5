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
import torch
from jaxtyping import Bool, Float32, UInt8
from PIL import Image, ImageDraw

from dysample.cli.options import CommandError
from dysample.files import write_aside
from dysample.images import ImageError, decode, to_uint8
from dysample.models.annotations import Annotation, Depth, Labels, Objects, Panoptic, boxes_of
from dysample.models.computing import ChosenPrecision, decoding, device_named, encoding, precision_on
from dysample.models.host import Host
from dysample.models.manifest import load_manifest
from dysample.models.tasks import KINDS, Task
from dysample.models.weights import load_host

_MOST_MM = 65535  # what 16 bits can hold
_GOLDEN = 0.618034  # of a turn: hues at this distance stay far apart, however many there are
# Of the colour scale viridis, from far to near.
_DEPTH_COLOURS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_MASK, _LINE = 0.55, 3  # share of an object's colour over the picture, and pixels of a box's edge

Pixels = UInt8[np.ndarray, "h w 3"]
Files = dict[str, bytes]  # by the ending of their name


def run_predict(options: argparse.Namespace) -> int:
    """Run a network on pictures and write what it says; return the exit status.

    Raises:
        CommandError: A picture cannot be read, the folder cannot be made, or the memory ran out.
        ValueError: There is no such network, device or precision.
        WeightsError: Weights are missing or damaged.
        DiskError: A file cannot be written.
    """
    _check_names(options.picture)
    _make(options.out)
    device = device_named(options.device)
    precision = precision_on(device, options.precision)
    host = load_host(options.task, upsampler=options.upsampler)
    task = load_manifest().task(options.task)
    # Tensor cores and processors convolve fastest with the channels of a pixel side by side.
    host.encoder.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    host.head.to(device)
    for path in options.picture:
        image = _read(path, options.longer_side)
        answer = _answer(host, task, image, device, precision, options.threshold)
        shown = Shown(task, path.name, image)
        files = next(write(shown, answer) for kind, write in WRITERS.items() if isinstance(answer, kind))
        for ending, data in files.items():
            write_aside(options.out / f"{path.stem}-{ending}", data)
        names = ", ".join(f"{path.stem}-{ending}" for ending in files)
        print(f"{path.name}: {names}", flush=True)
    return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"the folder {folder} cannot be made: {error.strerror or error}") from error


def _check_names(pictures: Sequence[Path]) -> None:
    stems = [path.stem for path in pictures]
    for path in pictures:
        if stems.count(path.stem) > 1:
            raise CommandError(
                f"two pictures are called {path.stem}, and so would be their answers: rename one of them"
            )


def _read(path: Path, longer_side: int | None) -> Pixels:
    try:
        pixels = to_uint8(decode(path.read_bytes()))
    except ImageError as error:
        raise CommandError(f"{path}: {error}") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}") from error
    height, width = pixels.shape[:2]
    factor = (longer_side or max(height, width)) / max(height, width)
    if factor >= 1:
        return pixels
    size = max(1, round(factor * width)), max(1, round(factor * height))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _answer(
    host: Host[Any],
    task: Task,
    image: Pixels,
    device: torch.device,
    precision: ChosenPrecision,
    threshold: float,
) -> Annotation:
    height, width = image.shape[:2]
    kind = KINDS[task.kind]
    try:
        with torch.inference_mode():
            batch = torch.from_numpy(image.copy()).to(device).permute(2, 0, 1)[None]
            with encoding(device, precision):
                maps = host.encode(batch)
            with decoding(device, precision):
                output = host.head.decode(maps, height, width).output
            return (
                kind.annotation(task, output) if kind.above is None else kind.above(task, output, threshold)
            )
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise CommandError(
            f"the memory of {device} ran out over {width}×{height} pixels: reduce the picture with "
            "--longer-side, or choose another --device"
        ) from error


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
        "colours.png": _png(palette[labels.classes]),
        "labels.png": _png(labels.classes),
        "classes.txt": "".join(f"{k} {name}\n" for k, name in enumerate(shown.task.classes)).encode(),
    }


def _depth(shown: Shown, depth: Depth) -> Files:
    """Return the depth in colours between its ends, in millimetres with 16 bits, and in metres."""
    millimetres = np.round(1000 * depth.metres.astype(np.float64)).clip(0, _MOST_MM).astype(np.uint16)
    metres = io.BytesIO()
    np.save(metres, depth.metres, allow_pickle=False)
    return {
        "colours.png": _png(_depth_colours(depth.metres)),
        "depth.png": _png(millimetres),
        "depth.npy": metres.getvalue(),
    }


def _objects(shown: Shown, objects: Objects) -> Files:
    """Return the objects over the picture, and as a data set in COCO's format."""
    rows = [_object(objects, row) for row in range(len(objects))]
    return {"colours.png": _png(_over(shown.image, objects)), "objects.json": _coco(shown, rows)}


def _panoptic(shown: Shown, panoptic: Panoptic) -> Files:
    """Return the segments in colours, and in COCO's panoptic format."""
    ids = np.stack([panoptic.segments, *[np.zeros_like(panoptic.segments)] * 2], axis=-1)
    name = f"{Path(shown.name).stem}-panoptic.png"
    rows = {"image_id": 1, "file_name": name, "segments_info": _segments(panoptic)}
    return {
        "colours.png": _png(class_colours(len(panoptic.classes), first=1)[panoptic.segments]),
        "panoptic.png": _png(ids),
        "panoptic.json": _coco(shown, [rows]),
    }


WRITERS: Mapping[type[Any], Callable[[Shown, Any], Files]] = {
    Labels: _labels,
    Depth: _depth,
    Objects: _objects,
    Panoptic: _panoptic,
}


def class_colours(count: int, *, first: int = 0) -> UInt8[np.ndarray, "256 3"]:
    """Return a palette: distinct colours from the index `first` on, black for every other index."""
    palette = np.zeros((256, 3), np.uint8)
    for k in range(min(count, 256 - first)):
        # Neighbours differ in lightness as well, for those who do not see all hues.
        rgb = colorsys.hsv_to_rgb(k * _GOLDEN % 1, 0.65, (0.95, 0.7)[k % 2])
        palette[first + k] = np.round(255 * np.array(rgb))
    return palette


def _depth_colours(metres: Float32[np.ndarray, "h w"]) -> Pixels:
    logs = np.log(np.maximum(metres, 1e-3))
    far, near = float(logs.max()), float(logs.min())
    nearness = (far - logs) / max(far - near, 1e-6)
    stops = np.linspace(0, 1, len(_DEPTH_COLOURS))
    channels = [np.interp(nearness, stops, channel) for channel in zip(*_DEPTH_COLOURS, strict=True)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)


def _over(image: Pixels, objects: Objects) -> Pixels:
    """Return the picture with a box around each object, and the object's colour on its mask."""
    colours, drawn = class_colours(len(objects)), image.copy()
    order = range(len(objects) - 1, -1, -1)  # the surest on top
    if objects.masks is not None:
        for row in order:
            inside = objects.masks[row]
            mixed = (1 - _MASK) * drawn[inside] + _MASK * colours[row % 256]
            drawn[inside] = np.round(mixed).astype(np.uint8)
    picture = Image.fromarray(drawn)
    pen = ImageDraw.Draw(picture)
    for row in order:
        left, top, right, bottom = objects.boxes[row].tolist()
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        pen.rectangle(corners, outline=tuple(map(int, colours[row % 256])), width=_LINE)
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
