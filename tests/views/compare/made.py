"""Comparisons of two upsamplers on hand-made outputs."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from app.records import Answer, Comparison, Picture
from app.views.compare.compute import compare
from dysample.models.annotations import Annotation
from dysample.models.manifest import WeightsEntry
from dysample.models.tasks import Kind, Task

HEIGHT, WIDTH = 120, 160


def made_comparison(
    kind: Kind,
    classes: tuple[str, ...],
    truth: Annotation,
    *,
    right: Annotation,
    wrong: Annotation,
    scores: dict[str, float],
    things: tuple[str, ...] = (),
    reference: str = "bilinear",
    scored: Mapping[str, Annotation] | None = None,
) -> Comparison:
    """Compare nearest with bilinear on a picture of noise: bilinear is right, nearest wrong."""
    task = Task(
        name="t",
        kind=kind,
        title="Made",
        classes=classes,
        scored=classes,
        encoder="e",
        mean=(0.0, 0.0, 0.0),
        deviation=(1.0, 1.0, 1.0),
        context=0,
        widths=(8,) if kind == "segmentation" else (8, 8, 8, 8, 8),
        dataset="made",
        licence="none",
        limits="none",
        working_side=160,
        things=things,
        reference=reference,
    )
    image = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    answers = {"bilinear": right, "nearest": wrong}
    return compare(
        task,
        Picture(image, truth, (HEIGHT, WIDTH), "made.jpg"),
        {
            name: Answer(
                output,
                parameters=7,
                scored=None if scored is None else scored[name],
            )
            for name, output in answers.items()
        },
        {
            name: WeightsEntry(
                f"t/{name}.safetensors", "0", "t", name, 0, "made", "cpu", split="test", **scores
            )
            for name in ("nearest", "bilinear")
        },
        threshold=0.5 if things else None,
    )


def decoded(png: bytes) -> np.ndarray:
    """Return the RGBA pixels of a PNG."""
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGBA"))
