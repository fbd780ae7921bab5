"""From the colours of an ICC profile to sRGB, with LittleCMS as Pillow has it."""

import io
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms

Conversion = Callable[[Image.Image], Image.Image]
_GREY = ("L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N")
_COLOUR = ("RGB", "RGBA", "RGBX", "YCbCr", "P", "PA")
_CLOSE = 1  # levels; what moves no colour further is sRGB by another name


def to_srgb(profile: bytes | None, mode: str) -> Conversion | None:
    """Return the function that converts pixels of a profile to sRGB.

    Args:
        profile: The ICC profile; None where the file has none.
        mode: Pillow's mode of the pixels.

    Returns:
        Makes an image in sRGB, of the mode "RGB", of one without its alpha. None where pixels are to be
        taken as they are: the profile is missing, broken, made for other pixels, or says sRGB.
    """
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        seen = _mode_of(cast(Any, source.profile).xcolor_space.strip(), mode)
        if seen is None:
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), seen, "RGB")
        return None if _is_srgb(transform, seen) else partial(_converted, transform, seen)
    except Exception:  # LittleCMS refuses it, or Pillow was built without
        return None


def _mode_of(space: str, mode: str) -> str | None:
    """Return the mode in which a profile of this colour space reads pixels; None if it cannot.

    Grey may have a profile of colours, as readers of JPEG allow.
    """
    if space == "CMYK":
        return "CMYK" if mode == "CMYK" else None
    if space == "GRAY":
        return "L" if mode in _GREY else None
    return "RGB" if space == "RGB" and mode in _GREY + _COLOUR else None


def _converted(transform: ImageCms.ImageCmsTransform, mode: str, image: Image.Image) -> Image.Image:
    if image.mode == mode:
        return transform.apply(image)
    return transform.apply(image.getchannel("L") if mode == "L" else image.convert(mode))


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a transform leaves colours as they are, by a lattice of them."""
    if mode == "CMYK":
        return False
    if mode == "L":
        before = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
        image = Image.fromarray(before[..., 0])
    else:
        before = np.array([list(product(range(0, 256, 15), repeat=3))], np.uint8)
        image = Image.fromarray(before)
    after = np.asarray(transform.apply(image))
    return bool((np.abs(after.astype(int) - before) <= _CLOSE).all())
