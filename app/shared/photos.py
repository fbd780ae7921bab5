"""Pictures: the gallery and visitors' own, reduced to working size."""

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
from app.shared.cache import cached
from app.shared.engine.local import alone
from app.shared.engine.memory import NoRoomError
from app.shared.engine.turns import EngineError
from dysample import images
from dysample.images import ImageError
from dysample.models import manifest as manifests
from dysample.models.annotations import Annotation
from dysample.models.encoder import STRIDES
from dysample.models.tasks import Task
from dysample.training.data import PictureData
from dysample.training.listing import DataError
from dysample.training.recipe import Recipe, load_recipe, recipe_names
from dysample.training.stages import scored_pictures

_SCENE_SIZE = (480, 640)
_PREVIEW_SIZE = (156, 208)
_PER_DATASET = 8
_THUMBNAIL_QUALITY = 90
# Data sets of pictures alike: networks that learned from them know what a picture shows.
_EVERYDAY, _INDOORS, _STREETS = ("voc_animals", "voc_instances"), ("nyuv2",), ("camvid",)
_PHOTOGRAPHS = {
    "chelsea": ("Chelsea the cat", "Stéfan van der Walt, CC0", _EVERYDAY),
    "astronaut": ("Astronaut", "NASA, public domain", _EVERYDAY),
    "coffee": ("Coffee", "Rachel Michetti, CC0", _INDOORS),
    "motorcycle_left": ("Motorcycle", "Middlebury Stereo 2014, Scharstein et al.", _INDOORS),
}
_DECODING_BYTES = 20  # a pixel, at the most, while a file is decoded
FIRST = "street"  # where nothing is chosen: its truth is known, and upsamplers differ in it


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture, with its truth where that is known.

    Attributes:
        image: RGB.
        truth: Returns the truth of a task; None where it is unknown.
    """

    image: UInt8[np.ndarray, "h w 3"]
    truth: Callable[[Task], Annotation | None]


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """A picture of the gallery.

    Attributes:
        key: Name in the URL.
        title: Display name.
        credit: Author and licence, or how the picture was made.
        section: Heading of its group.
        datasets: Data sets of pictures alike.
        load: Reads or renders the picture.
        preview: Reads or renders it for a thumbnail, perhaps smaller.
    """

    key: str
    title: str
    credit: str
    section: str
    datasets: tuple[str, ...]
    load: Callable[[], Photograph]
    preview: Callable[[], Photograph]

    def knows(self, task: Task) -> bool:
        """Return whether the networks of a task know such pictures."""
        return task.dataset in self.datasets


def gallery_items() -> tuple[GalleryItem, ...]:
    """Return all pictures on this machine; those of data sets only if `DYSAMPLE_DATA` names their folder."""
    return (*_photographs(), *_scenes(), *_dataset_pictures())


def without_truth(image: UInt8[np.ndarray, "h w 3"]) -> Photograph:
    """Return a picture whose truth is unknown."""
    return Photograph(image, lambda task: None)


def _photographs() -> list[GalleryItem]:
    return [
        GalleryItem(
            key, title, credit, "Photographs", datasets, partial(_bundled, key), partial(_bundled, key)
        )
        for key, (title, credit, datasets) in _PHOTOGRAPHS.items()
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
            f"Drawn by this program, with exact labels. {scene.sentence}",
            "Synthetic scenes with exact labels",
            _STREETS,
            partial(_rendered, scene.key, _SCENE_SIZE),
            partial(_rendered, scene.key, _PREVIEW_SIZE),
        )
        for scene in scenes.SCENES
    ]


def _rendered(key: str, size: tuple[int, int]) -> Photograph:
    scene = scenes.render(key, height=size[0], width=size[1])
    return Photograph(scene.image, partial(scenes.annotation, scene))


def _dataset_pictures() -> list[GalleryItem]:
    folder = os.environ.get("DYSAMPLE_DATA")
    if not folder:
        return []
    items: list[GalleryItem] = []
    for recipes in _recipes_by_pictures().values():
        try:
            sources = tuple((recipe, scored_pictures(recipe, Path(folder))) for recipe in recipes)
        except DataError:
            continue  # that data set is not on this machine
        items += _spread(sources)
    return items


def _recipes_by_pictures() -> dict[tuple[str, str], list[Recipe]]:
    """Return the recipes by data set and split: tasks may share pictures, each with a truth of its own."""
    recipes: dict[tuple[str, str], list[Recipe]] = {}
    for name in recipe_names():
        recipe = load_recipe(name)
        recipes.setdefault((recipe.task.dataset, recipe.test_split), []).append(recipe)
    return recipes


def _spread(sources: tuple[tuple[Recipe, PictureData], ...]) -> list[GalleryItem]:
    """Return a few pictures, spread evenly over those of a data set that have every truth."""
    recipe, data = sources[0]
    title = _in_common([other.task.title for other, _ in sources]) or recipe.task.dataset
    everywhere = set(data.names).intersection(*(other.names for _, other in sources))
    known = [index for index, name in enumerate(data.names) if name in everywhere]
    step = max(1, len(known) // _PER_DATASET)
    return [
        GalleryItem(
            f"{recipe.task.dataset}-{data.names[index]}",
            f"{title} {number}",
            f"{recipe.task.dataset}, {data.names[index]}. {recipe.task.licence}.",
            f"{recipe.task.dataset}: {recipe.test_split} pictures with truth",
            (recipe.task.dataset,),
            partial(_measured, sources, index),
            partial(_measured, sources, index),
        )
        for number, index in enumerate(known[::step][:_PER_DATASET], start=1)
    ]


def _in_common(titles: list[str]) -> str:
    """Return the words that all titles begin with."""
    words = takewhile(_all_equal, zip(*map(str.split, titles), strict=False))
    return " ".join(word for word, *_ in words).rstrip(",:")


def _all_equal(words: tuple[str, ...]) -> bool:
    return len(set(words)) == 1


def _measured(sources: tuple[tuple[Recipe, PictureData], ...], index: int) -> Photograph:
    name = sources[0][1].names[index]

    def truth(task: Task) -> Annotation | None:
        for recipe, data in sources:
            same = (recipe.task.kind, recipe.task.classes) == (task.kind, task.classes)
            if same and name in data.names:  # each kind of truth may list pictures of its own
                return data[data.names.index(name)].truth
        return None

    return Photograph(sources[0][1][index].image, truth)


@st.cache_resource(show_spinner=False)
def manifest() -> manifests.Manifest:
    """Load the manifest of the trained weights."""
    return manifests.load_manifest()


@st.cache_resource(show_spinner=False)
def gallery() -> dict[str, GalleryItem]:
    """Return the gallery by key."""
    return {item.key: item for item in gallery_items()}


@cached
def thumbnail(key: str, height: int) -> bytes:
    """Return a small JPEG of a gallery picture: all of them go to every visitor."""
    image = gallery()[key].preview().image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, _THUMBNAIL_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), quality)[1].tobytes()


@cached
def photograph(source: Source) -> Photograph:
    """Read a picture at its own size.

    Raises:
        ImageError: If the file cannot be used.
    """
    if source.data is None:
        return gallery()[source.name].load()
    shape = images.stored_size(source.data)
    try:
        with alone(shape, needs=_DECODING_BYTES * shape[0] * shape[1]):
            return without_truth(images.to_uint8(images.decode(source.data)))
    except NoRoomError as error:
        raise ImageError(
            f"It has {shape[1]}×{shape[0]} pixels, for which too little memory is free now: make it smaller, "
            "or try again later."
        ) from error
    except EngineError as error:  # others are before it
        raise ImageError(str(error)) from error


@cached
def picture(source: Source, task: str, longer_side: int) -> Picture[Any]:
    """Read a picture and reduce it to working size.

    Raises:
        ImageError: If the file cannot be used.
    """
    full = photograph(source)
    original = full.image.shape[0], full.image.shape[1]
    truth = full.truth(manifest().task(task))
    height, width = reduced(original, longer_side)
    if (height, width) != original:
        image = cv2.resize(full.image, (width, height), interpolation=cv2.INTER_AREA)
        truth = None if truth is None else truth.resized(height, width)
        return Picture(image, truth, original, source.name)
    return Picture(full.image, truth, original, source.name)


def reduced(shape: tuple[int, int], longer_side: int) -> tuple[int, int]:
    """Return rows and columns of a picture once it is reduced to a longer side; 0 keeps its size."""
    if not 0 < longer_side < max(shape):
        return shape
    factor = longer_side / max(shape)
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


@cached
def padded(subject: Subject) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture as the network sees it: padded at the right and below to the coarsest stride.

    Raises:
        ImageError: If the file cannot be used.
    """
    image = picture(subject.source, subject.task, subject.longer_side).image
    below, right = (-side % STRIDES[-1] for side in image.shape[:2])
    return np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
