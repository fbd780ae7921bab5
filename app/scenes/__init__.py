"""Synthetic scenes: photograph-like pictures of thin structures with exact ground truth.

A scene is drawn at four times the resolution of the picture in both directions, colour and material together.
The picture is the mean of each pixel's 16 samples, the ground truth their most frequent material, so a wire
thinner than half a pixel tints the picture but is not in the truth. Softness, grain and darker corners are
added to the picture alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from app.scenes import bicycle, fence, street, tree
from app.scenes.camera import Camera
from app.scenes.canvas import Canvas
from app.scenes.materials import Material, class_map
from app.scenes.textures import photograph
from dysample.models.annotations import Annotation, Labels
from dysample.models.tasks import Kind, Task

__all__ = ["SCENES", "TRUTHS", "Material", "RenderedScene", "Scene", "annotation", "render", "truth"]

SMALLEST, LARGEST = 32, 2048  # pixels a side


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene to render.

    Attributes:
        key: Name in calls.
        title: Display name.
        sentence: What the scene shows.
        draw: Function that draws it through a camera.
        eye: Height of the camera, in metres.
        horizon: Row of the horizon, as a fraction of the picture's height from its top.
        zoom: Focal length of the camera, as in `Camera`.
    """

    key: str
    title: str
    sentence: str
    draw: Callable[[Camera, np.random.Generator], Canvas]
    eye: float
    horizon: float
    zoom: float


@dataclass(frozen=True, slots=True)
class RenderedScene:
    """A picture and the material of each of its pixels.

    Attributes:
        image: RGB.
        materials: The `Material` of every pixel; `truth` translates them to a label set.
    """

    image: UInt8[np.ndarray, "h w 3"]
    materials: UInt8[np.ndarray, "h w"]


SCENES = (
    Scene(
        "fence",
        "Pasture fence",
        "Wire netting, rails and telegraph wires thin out towards the horizon.",
        fence.draw,
        eye=0.92,
        horizon=0.47,
        zoom=0.95,
    ),
    Scene(
        "bicycle",
        "Bicycle at a wall",
        "Between the spokes there is wall, plinth and pavement, and the cat has whiskers.",
        bicycle.draw,
        eye=0.95,
        horizon=0.40,
        zoom=2.3,
    ),
    Scene(
        "tree",
        "Tree in a park",
        "Twigs and single leaves stand against the sky.",
        tree.draw,
        eye=1.6,
        horizon=0.80,
        zoom=1.0,
    ),
    Scene(
        "street",
        "Street",
        "Lamps, aerials, railings and bare twigs beside large houses, cars and people.",
        street.draw,
        eye=1.55,
        horizon=0.47,
        zoom=0.95,
    ),
)


def render(key: str, *, height: int, width: int, seed: int = 0) -> RenderedScene:
    """Render the picture and the ground truth of a scene.

    Args:
        key: One of `SCENES`.
        height: Rows of the picture.
        width: Columns of the picture; a wider one shows more at the sides.
        seed: Seed of clouds, leaves, houses and grain; equal seeds render equal pictures.

    Raises:
        ValueError: The scene is unknown, or a side is not from 32 to 2048 pixels long.
    """
    scene = next((scene for scene in SCENES if scene.key == key), None)
    if scene is None:
        known = ", ".join(scene.key for scene in SCENES)
        raise ValueError(f"the scene must be one of {known}, got {key!r}")
    if not (SMALLEST <= height <= LARGEST and SMALLEST <= width <= LARGEST):
        raise ValueError(
            f"height and width must be from {SMALLEST} to {LARGEST} pixels, got {height} and {width}"
        )
    rng = np.random.default_rng(seed)
    camera = Camera(height, width, scene.eye, scene.horizon, scene.zoom)
    canvas = scene.draw(camera, rng)
    image = photograph(canvas.picture(), rng).astype(np.uint8)
    return RenderedScene(image, canvas.materials())


def truth(scene: RenderedScene, class_names: Sequence[str]) -> UInt8[np.ndarray, "h w"]:
    """Return the label map of a scene.

    Args:
        scene: The rendered scene.
        class_names: The label set, in the order of its indices; case is ignored.

    Returns:
        Class indices. Materials without a class are `background`, or 255 (ignored) if the label set has none.
    """
    return class_map(scene.materials, class_names)


# What can be said of a scene for a kind of task; for the other kinds its truth is not known.
TRUTHS: dict[Kind, Callable[[RenderedScene, Task], Annotation]] = {
    "segmentation": lambda scene, task: Labels(truth(scene, task.classes)),
}


def annotation(scene: RenderedScene, task: Task) -> Annotation | None:
    """What a task asks for in a scene; None where nobody knows it."""
    known = TRUTHS.get(task.kind)
    return None if known is None else known(scene, task)
