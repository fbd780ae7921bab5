"""The gallery: photographs and made scenes that everybody has, and data sets where they lie."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from dysample import scenes
from dysample.training.datasets import DataError, SegmentationData
from dysample.training.recipe import load_recipe, recipe_names

_SCENE_SIZE = (480, 640)
_PREVIEW_SIZE = (156, 208)
_PER_DATASET = 8
_PHOTOGRAPHS = {
    "chelsea": ("Chelsea the cat", "Stéfan van der Walt, CC0"),
    "astronaut": ("Astronaut", "NASA, public domain"),
    "coffee": ("Coffee", "Rachel Michetti, CC0"),
    "rocket": ("Rocket", "SpaceX, CC0"),
    "motorcycle_left": ("Motorcycle", "Middlebury Stereo 2014, Scharstein et al."),
}


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture to compare on, with its true labels where they are known.

    Attributes:
        image: RGB.
        truth: True class indices for a task's class names, 255 = unknown; None without truth.
    """

    image: UInt8[np.ndarray, "h w 3"]
    truth: Callable[[tuple[str, ...]], UInt8[np.ndarray, "h w"] | None]


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """One picture of the gallery.

    Attributes:
        key: Name in the URL.
        title: Name for people.
        credit: Author and terms, or how it was made.
        section: Heading that it stands under.
        load: Reads or makes the picture.
        preview: Does so for a thumbnail; may be smaller.
    """

    key: str
    title: str
    credit: str
    section: str
    load: Callable[[], Photograph]
    preview: Callable[[], Photograph]


def gallery() -> tuple[GalleryItem, ...]:
    """Everything there is on this machine: data sets only where `DYSAMPLE_DATA` names their folder."""
    return (*_photographs(), *_scenes(), *_dataset_pictures())


def without_truth(image: UInt8[np.ndarray, "h w 3"]) -> Photograph:
    """A picture that nobody has labelled."""
    return Photograph(image, lambda classes: None)


def _photographs() -> list[GalleryItem]:
    return [
        GalleryItem(key, title, credit, "Photographs", partial(_bundled, key), partial(_bundled, key))
        for key, (title, credit) in _PHOTOGRAPHS.items()
    ]


def _bundled(name: str) -> Photograph:
    import skimage.data
    from PIL import Image

    folder = Path(skimage.data.__file__).parent
    path = next(folder.glob(f"{name}.*"))
    with Image.open(path) as picture:
        return without_truth(np.asarray(picture.convert("RGB")))


def _scenes() -> list[GalleryItem]:
    return [
        GalleryItem(
            scene.key,
            scene.title,
            f"Made by this program, with exact labels. {scene.sentence}",
            "Made scenes with exact labels",
            partial(_made, scene.key, _SCENE_SIZE),
            partial(_made, scene.key, _PREVIEW_SIZE),
        )
        for scene in scenes.SCENES
    ]


def _made(key: str, size: tuple[int, int]) -> Photograph:
    scene = scenes.render(key, height=size[0], width=size[1])
    return Photograph(scene.image, partial(scenes.truth, scene))


def _dataset_pictures() -> list[GalleryItem]:
    folder = Path(os.environ.get("DYSAMPLE_DATA") or "")
    if not os.environ.get("DYSAMPLE_DATA"):
        return []
    items: list[GalleryItem] = []
    for name in recipe_names():
        recipe = load_recipe(name)
        try:
            data = SegmentationData(folder, recipe.dataset, recipe.test_split)
        except DataError:
            continue  # that data set is not on this machine
        step = max(1, len(data) // _PER_DATASET)
        items += [
            GalleryItem(
                f"{recipe.dataset}-{data.names[index]}",
                f"{recipe.title} {number}",
                f"{recipe.dataset}, {data.names[index]}. {recipe.licence}.",
                f"{recipe.dataset}: {recipe.test_split} pictures with labels",
                partial(_labelled, data, index, recipe.classes),
                partial(_labelled, data, index, recipe.classes),
            )
            for number, index in enumerate(range(0, step * _PER_DATASET, step), start=1)
        ]
    return items


def _labelled(data: SegmentationData, index: int, classes: tuple[str, ...]) -> Photograph:
    picture = data[index]
    return Photograph(picture.image, lambda asked: picture.label if asked == classes else None)
