"""Pictures: the gallery, visitors' own, reduced to working size."""

import cv2
import numpy as np
import streamlit as st
from jaxtyping import UInt8

from app import pictures
from app.records import Picture
from app.settings import Source, Subject
from dysample import images
from dysample.models import manifest as manifests
from dysample.models.encoder import STRIDES


@st.cache_resource(show_spinner=False)
def manifest() -> manifests.Manifest:
    """The list of the trained weights."""
    return manifests.load_manifest()


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
    truth = found.truth(manifest().task(task))
    if 0 < longer_side < max(height, width):
        factor = longer_side / max(height, width)
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        reduced = cv2.resize(found.image, size, interpolation=cv2.INTER_AREA)
        truth = None if truth is None else cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST)
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
