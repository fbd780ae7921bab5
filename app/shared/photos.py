"""Pictures: the gallery, visitors' own, reduced to working size."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import streamlit as st
from jaxtyping import UInt8

from app import scenes
from app.records import Picture
from app.settings import Source, Subject
from dysample import images
from dysample.models import manifest as manifests
from dysample.models.encoder import STRIDES
from dysample.models.tasks import Annotation, Task
from dysample.training.data import PictureData
from dysample.training.recipe import Recipe, load_recipe, recipe_names
from dysample.training.truth import DataError

# The gallery: photographs and made scenes that everybody has, and data sets where they lie.


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
    """A picture to compare on, with its truth where that is known.

    Attributes:
        image: RGB.
        truth: What a task asks for; None where nobody knows any of it.
    """

    image: UInt8[np.ndarray, "h w 3"]
    truth: Callable[[Task], Annotation | None]


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


def gallery_items() -> tuple[GalleryItem, ...]:
    """Everything there is on this machine: data sets only where `DYSAMPLE_DATA` names their folder."""
    return (*_photographs(), *_scenes(), *_dataset_pictures())


def without_truth(image: UInt8[np.ndarray, "h w 3"]) -> Photograph:
    """A picture that nobody has labelled."""
    return Photograph(image, lambda task: None)


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
    return Photograph(scene.image, partial(scenes.annotation, scene))


def _dataset_pictures() -> list[GalleryItem]:
    folder = os.environ.get("DYSAMPLE_DATA")
    if not folder:
        return []
    items: list[GalleryItem] = []
    for recipes in _by_pictures().values():
        try:
            known = tuple(
                (recipe, PictureData(Path(folder), recipe.task.dataset, recipe.test_split, recipe.task.kind))
                for recipe in recipes
            )
        except DataError:
            continue  # that data set is not on this machine
        items += _spread(known)
    return items


def _by_pictures() -> dict[tuple[str, str], list[Recipe]]:
    """The recipes by what they are tested on: tasks may share pictures, each with a truth of its own."""
    found: dict[tuple[str, str], list[Recipe]] = {}
    for name in recipe_names():
        recipe = load_recipe(name)
        found.setdefault((recipe.task.dataset, recipe.test_split), []).append(recipe)
    return found


def _spread(known: tuple[tuple[Recipe, PictureData], ...]) -> list[GalleryItem]:
    """A few pictures from all over a data set."""
    recipe, data = known[0]
    title = _in_common([each.task.title for each, _ in known]) or recipe.task.dataset
    step = max(1, len(data) // _PER_DATASET)
    return [
        GalleryItem(
            f"{recipe.task.dataset}-{data.names[index]}",
            f"{title} {number}",
            f"{recipe.task.dataset}, {data.names[index]}. {recipe.task.licence}.",
            f"{recipe.task.dataset}: {recipe.test_split} pictures with truth",
            partial(_measured, known, index),
            partial(_measured, known, index),
        )
        for number, index in enumerate(range(0, len(data), step)[:_PER_DATASET], start=1)
    ]


def _in_common(titles: list[str]) -> str:
    """The words that titles begin with alike."""
    return " ".join(words[0] for words in takewhile(_alike, zip(*map(str.split, titles), strict=False)))


def _alike(words: tuple[str, ...]) -> bool:
    return len(set(words)) == 1


def _measured(known: tuple[tuple[Recipe, PictureData], ...], index: int) -> Photograph:
    def truth(task: Task) -> Annotation | None:
        for recipe, data in known:
            if (recipe.task.kind, recipe.task.classes) == (task.kind, task.classes):
                return data[index].truth
        return None

    return Photograph(known[0][1][index].image, truth)


@st.cache_resource(show_spinner=False)
def manifest() -> manifests.Manifest:
    """The list of the trained weights."""
    return manifests.load_manifest()


@st.cache_resource(show_spinner=False)
def gallery() -> dict[str, GalleryItem]:
    """The gallery by key."""
    return {item.key: item for item in gallery_items()}


@st.cache_data(show_spinner=False, max_entries=64)
def thumbnail(key: str, height: int) -> bytes:
    """A small PNG of a gallery picture."""
    image = gallery()[key].preview().image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes()


@st.cache_resource(show_spinner=False, max_entries=4)
def photograph(source: Source) -> Photograph:
    """Read a picture at its own size.

    Raises:
        ImageError: The file cannot be used.
    """
    if source.data is not None:
        return without_truth(images.to_uint8(images.decode(source.data)))
    return gallery()[source.name].load()


@st.cache_data(show_spinner=False, max_entries=8)
def picture(source: Source, task: str, longer_side: int) -> Picture[Any]:
    """Read a picture and reduce it.

    Raises:
        ImageError: The file cannot be used.
    """
    found = photograph(source)
    height, width = found.image.shape[:2]
    truth = found.truth(manifest().task(task))
    if 0 < longer_side < max(height, width):
        factor = longer_side / max(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        reduced = cv2.resize(found.image, size, interpolation=cv2.INTER_AREA)
        truth = None if truth is None else truth.resized(size[1], size[0])
        return Picture(reduced, truth, (height, width))
    return Picture(found.image, truth, (height, width))


@st.cache_data(show_spinner=False, max_entries=8)
def padded(subject: Subject) -> UInt8[np.ndarray, "h w 3"]:
    """The picture as the network sees it: continued at the right and the bottom to whole coarsest pixels.

    Raises:
        ImageError: The file cannot be used.
    """
    image = picture(subject.source, subject.task, subject.longer_side).image
    below, right = (-side % STRIDES[-1] for side in image.shape[:2])
    return np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
