"""The command `compare`: several upsamplers on pictures, side by side on a sheet to print."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dysample.cli.options import CommandError
from dysample.cli.pictures import (
    Pixels,
    Runner,
    each_picture,
    make_folder,
    pictures_in,
    read_picture,
    refuse_existing,
    write_files,
)
from dysample.cli.predict import class_colours, depth_colours, drawn_objects, ends_of
from dysample.models.annotations import Annotation, Depth, Labels, Objects, Panoptic
from dysample.models.tasks import Task
from dysample.models.weights import load_host
from dysample.ops.registry import OPERATORS
from dysample.scores.depth import DepthDifference
from dysample.scores.objects import ObjectDifference
from dysample.scores.panoptic import PanopticDifference
from dysample.scores.scorers import SCORERS
from dysample.scores.segmentation import Difference
from dysample.sheet import ColourBar, Legend, LegendEntry, SheetPane, sheet_png

ENDING = "compared.png"
_SHADES, _TICKS = 255, 5


def run_compare(options: argparse.Namespace) -> int:
    """Run a network with several upsamplers on pictures and write a sheet of each; return the exit status.

    Returns:
        0, or 1 if a sheet was not written. The others are.

    Raises:
        CommandError: A folder cannot be read or made, or there are no two upsamplers.
        ValueError: There is no such network, device or precision.
        WeightsError: Weights are missing or damaged.
    """
    names = tuple(dict.fromkeys(options.upsampler))
    if len(names) < 2:
        raise CommandError("--upsampler needs at least two upsamplers to compare")
    paths = pictures_in(options.picture)
    make_folder(options.out)
    runner = Runner.of(options)
    hosts = [runner.place(load_host(options.task, upsampler=name)) for name in names]

    def work(path: Path) -> str:
        if not options.overwrite:
            refuse_existing([options.out / f"{path.stem}-{ENDING}"])
        image = read_picture(path, options.longer_side)
        answers = runner.answers(hosts, image)
        made = sheet(
            runner.task,
            image,
            dict(zip(names, answers, strict=True)),
            title=path.name,
            opacity=options.opacity,
            threshold=options.threshold,
        )
        return write_files(options.out, path.stem, {ENDING: made}, overwrite=options.overwrite)

    return each_picture(paths, work)


def sheet(
    task: Task,
    image: Pixels,
    answers: Mapping[str, Annotation],
    *,
    title: str,
    opacity: float,
    threshold: float = 0.5,
) -> bytes:
    """Return the photograph and the answers of several upsamplers as one PNG, 180 mm wide at 300 dpi.

    Args:
        task: The task of all networks.
        image: The picture as they saw it.
        answers: Their answers by name of the upsampler; the others are compared with the first.
        title: Name of the photograph.
        opacity: Of the answers over the photograph, 0 to 1; lines of objects are opaque.
        threshold: Least score of the objects, for the caption.
    """
    first, *_ = answers.values()
    drawing = next(drawing for kind, drawing in DRAWINGS.items() if isinstance(first, kind))
    pictures = drawing.pictures(task, image, tuple(answers.values()), opacity)
    panes = [SheetPane("Photograph", title, image)]
    for (name, answer), picture in zip(answers.items(), pictures, strict=True):
        panes.append(SheetPane(OPERATORS[name].label, _note(task, answers, name, answer), picture))
    height, width = image.shape[:2]
    caption = (
        f"{task.title}: one encoder, heads that differ by their upsampler. {width} by {height} px. Trained "
        f"on {task.dataset}."
    )
    if isinstance(first, Objects | Panoptic):
        caption += f" Objects with a score of at least {threshold:g}."
    legend = drawing.legend(task, tuple(answers.values()))
    return sheet_png(panes, legend=legend, caption=caption, columns=2 if width >= height else 3)


def _note(task: Task, answers: Mapping[str, Annotation], name: str, answer: Any) -> str:
    """Return how much an answer differs from the first one."""
    reference = next(iter(answers))
    if name == reference:
        return "The reference that the others are compared with"
    difference: Any = SCORERS[task.kind].difference(answer, answers[reference])
    words = next(words(difference) for kind, words in NOTES.items() if isinstance(difference, kind))
    return f"{words} {OPERATORS[reference].label}"


NOTES: Mapping[type[Any], Callable[[Any], str]] = {
    Difference: lambda found: f"{100 * found.share:.2f} % of pixels differ from",
    DepthDifference: lambda found: f"{100 * found.mean:.1f} cm on average from",
    ObjectDifference: lambda found: f"{found.only_here} more and {found.only_there} fewer objects than",
    PanopticDifference: lambda found: f"{100 * found.share:.2f} % of pixels differ from",
}


# --- Drawing ---


@dataclass(frozen=True, slots=True)
class PaneDrawing:
    """How answers of one kind are drawn beside each other.

    Attributes:
        pictures: Returns a picture for each answer: it over the photograph with an opacity.
        legend: Returns the meaning of the colours.
    """

    pictures: Callable[[Task, Pixels, Sequence[Any], float], list[Pixels]]
    legend: Callable[[Task, Sequence[Any]], Legend]


def _over(image: Pixels, colours: Pixels, opacity: float) -> Pixels:
    return np.round((1 - opacity) * image + opacity * colours.astype(np.float32)).astype(np.uint8)


def _label_pictures(task: Task, image: Pixels, answers: Sequence[Labels], opacity: float) -> list[Pixels]:
    palette = class_colours(len(task.classes))
    return [_over(image, palette[answer.classes], opacity) for answer in answers]


def _label_legend(task: Task, answers: Sequence[Labels]) -> Legend:
    return _entries(task, sum(np.bincount(answer.classes.ravel(), minlength=256) for answer in answers))


def _depth_pictures(task: Task, image: Pixels, answers: Sequence[Depth], opacity: float) -> list[Pixels]:
    ends = ends_of([answer.metres for answer in answers])  # translucent shades could not be told apart
    return [depth_colours(answer.metres, *ends) for answer in answers]


def _depth_legend(task: Task, answers: Sequence[Depth]) -> Legend:
    near, far = ends_of([answer.metres for answer in answers])
    places = np.geomspace(max(near, 1e-3), max(far, 1e-3), _SHADES).astype(np.float32)
    colours = tuple(map(_hexadecimal, depth_colours(places[None], near, far)[0]))
    shares = np.linspace(0, 1, _TICKS)
    ticks = tuple((float(share), f"{places[round(share * (_SHADES - 1))]:.2f}") for share in shares)
    return Legend((), ColourBar("Depth (m)", colours, ticks, ("near", "far")))


def _object_pictures(task: Task, image: Pixels, answers: Sequence[Objects], opacity: float) -> list[Pixels]:
    palette = class_colours(len(task.classes))
    return [drawn_objects(image, answer, [palette[k] for k in answer.classes]) for answer in answers]


def _object_legend(task: Task, answers: Sequence[Objects]) -> Legend:
    return _entries(task, sum(np.bincount(answer.classes, minlength=256) for answer in answers))


def _panoptic_pictures(
    task: Task, image: Pixels, answers: Sequence[Panoptic], opacity: float
) -> list[Pixels]:
    palette = class_colours(len(task.classes))
    return [_over(image, palette[answer.labels()], opacity) for answer in answers]


def _panoptic_legend(task: Task, answers: Sequence[Panoptic]) -> Legend:
    return _entries(task, sum(np.bincount(answer.labels().ravel(), minlength=256) for answer in answers))


DRAWINGS: Mapping[type[Any], PaneDrawing] = {
    Labels: PaneDrawing(_label_pictures, _label_legend),
    Depth: PaneDrawing(_depth_pictures, _depth_legend),
    Objects: PaneDrawing(_object_pictures, _object_legend),
    Panoptic: PaneDrawing(_panoptic_pictures, _panoptic_legend),
}


def _entries(task: Task, counts: Any) -> Legend:
    """Return the classes that occur, the commonest first."""
    palette, numbers = class_colours(len(task.classes)), np.asarray(counts)
    order = [int(k) for k in np.argsort(-numbers, kind="stable") if numbers[k] and k < len(task.classes)]
    return Legend(tuple(LegendEntry(task.classes[k], _hexadecimal(palette[k])) for k in order))


def _hexadecimal(colour: Any) -> str:
    return "#" + bytes(colour.tolist()).hex()
