"""Pictures: the gallery, visitors' own, reduced to working size."""

import cv2
import streamlit as st

from app import pictures
from app.records import Picture
from app.settings import Source
from dysample import images
from dysample.models import weights


@st.cache_resource(show_spinner=False)
def manifest() -> weights.Manifest:
    """The list of the trained weights."""
    return weights.load_manifest()


@st.cache_resource(show_spinner=False)
def gallery() -> dict[str, pictures.GalleryItem]:
    """The gallery by key."""
    return {item.key: item for item in pictures.gallery()}


@st.cache_data(show_spinner=False, max_entries=64)
def thumbnail(key: str, height: int) -> bytes:
    """A small PNG of a gallery picture."""
    image = gallery()[key].preview().image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes()


@st.cache_resource(show_spinner=False, max_entries=4)
def photograph(source: Source) -> pictures.Photograph:
    """Read a picture at its own size.

    Raises:
        ImageError: The file cannot be used.
    """
    if source.data is not None:
        return pictures.without_truth(images.to_uint8(images.decode(source.data)))
    return gallery()[source.name].load()


@st.cache_data(show_spinner=False, max_entries=8)
def picture(source: Source, task: str, longer_side: int) -> Picture:
    """Read a picture and reduce it.

    Raises:
        ImageError: The file cannot be used.
    """
    found = photograph(source)
    height, width = found.image.shape[:2]
    truth = found.truth(manifest().task(task).classes)
    if 0 < longer_side < max(height, width):
        factor = longer_side / max(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        reduced = cv2.resize(found.image, size, interpolation=cv2.INTER_AREA)
        truth = None if truth is None else cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST)
        return Picture(reduced, truth, (height, width))
    return Picture(found.image, truth, (height, width))
