"""Decode image files to colour tensors in [0, 1], and convert these back to 8 bits.

Whatever the bytes, `decode` returns the picture or raises an `ImageError` with one sentence for the user.
Nothing in Pillow is reconfigured, so any number of threads may decode at once.

16-bit grey keeps its precision. 16-bit colour is reduced to 8 bits by Pillow, an error of at most 1/257.
Grey without a nominal white (float, 32 bits, signed) is kept when all its values lie in [0, 1]; otherwise
its smallest finite value becomes black and its largest white. Non-finite values become black.
"""

import io
import threading
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from PIL import Image, ImageFile
from PIL.ExifTags import Base as Exif
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

MIN_SIDE = 16  # pixels; an encoder leaves nothing to enlarge of smaller images
MAX_PIXELS = 50_000_000  # as floats these take 600 MB
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
_ADVICE = "save it as JPEG or PNG and try again"
_TRANSPOSES = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow converts these PNG samples to 8 bits, but leaves the transparent colour as it is in the file.
_KEY_SCALES = {"L;2": 255 / 3, "L;4": 255 / 15, "RGB;16B": 1 / 256}


class ImageError(ValueError):
    """The bytes are not a usable image; the message is one sentence for the user."""


def decode(data: bytes) -> Float[Tensor, "3 h w"]:
    """Decode the first frame of an image file, upright, in colour, with transparency over white.

    Args:
        data: The whole file: JPEG, PNG, WebP, BMP, TIFF, GIF, or AVIF if Pillow was built with it.

    Returns:
        RGB in [0, 1], float32; at least `MIN_SIDE` pixels a side and at most `MAX_PIXELS` in all.

    Raises:
        ImageError: The bytes are empty, not an image, damaged or cut off, or the image is too small or too
            large.
    """
    if not data:
        raise ImageError("The file is empty (0 bytes); choose another one.")
    Image.init()
    name = _format_name(data)
    try:
        with _silenced():
            image = Image.OPEN[name][0](io.BytesIO(data), "")
            _check_size(*image.size)
            return _pixels(image)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"The {name} image has more than {MAX_PIXELS:,} pixels; make it smaller.") from error
    except Exception as error:  # Pillow's parsers raise all kinds of exceptions
        raise ImageError(
            f"The {name} file of {len(data):,} bytes is damaged, cut off or of a rare kind; {_ADVICE}."
        ) from error


def _format_name(data: bytes) -> str:
    """Return the format by the first bytes; never try Pillow's others, some of which run programs."""
    for name in _FORMATS:
        accept = Image.OPEN[name][1] if name in Image.OPEN else None
        if accept is not None and accept(data[:16]) is True:  # a string means that support is not built in
            return name
    raise ImageError(f"The file of {len(data):,} bytes is not an image that can be read here; {_ADVICE}.")


class _Silence(threading.local):
    """Module pattern of a warning filter that matches only in threads that are decoding."""

    active = False

    def match(self, _module: str) -> bool:
        return self.active


_silence = _Silence()


@contextmanager
def _silenced() -> Generator[None]:
    """Ignore warnings in this thread: odd metadata should neither print nor reject a picture.

    `warnings.catch_warnings` is not thread-safe: two threads can leave each other's filters in place.
    """
    entry = ("ignore", None, Warning, _silence, 0)
    filters = cast(list[Any], warnings.filters)
    filters.insert(0, entry)
    _silence.active = True
    try:
        yield
    finally:
        _silence.active = False
        if entry in filters:  # unless other code has reset the filters
            filters.remove(entry)


def _check_size(width: int, height: int) -> None:
    size = f"{width:,} × {height:,}"
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"The image has {size} pixels and each side needs {MIN_SIDE}; choose a larger one.")
    if (pixels := width * height) > MAX_PIXELS:
        raise ImageError(f"The image has {size} = {pixels:,} pixels, over {MAX_PIXELS:,}; make it smaller.")


def _pixels(image: ImageFile.ImageFile) -> Float[Tensor, "3 h w"]:
    """Decode an opened image."""
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    planes = tags.get(Exif.PlanarConfiguration) == 2 and image.info.get("compression") == "raw"
    if planes and max(tags.get(Exif.BitsPerSample, (1,))) > 8:
        raise ValueError("Pillow reads raw 16-bit planes as if they had 8 bits")
    packing = str(image.tile[0].args) if image.tile else ""
    image.load()
    upright = _upright(image)
    if upright.mode[0] in "IF":  # I;16, I, F
        return _deep_grey(upright, tags)
    return _flat(upright, _KEY_SCALES.get(packing))


def _upright(image: Image.Image) -> Image.Image:
    """Rotate or mirror as the EXIF orientation says."""
    try:
        operation = _TRANSPOSES[image.getexif()[Exif.Orientation]]
    except Exception:  # no orientation, or unreadable metadata: keep the image as it is
        return image
    return image.transpose(operation)


def _flat(image: Image.Image, key_scale: float | None) -> Float[Tensor, "3 h w"]:
    """Convert an image of at most 8 bits a channel to colour over white."""
    if not image.has_transparency_data:
        return _unit(image.convert("RGB"))
    if key_scale is not None:
        key = np.multiply(image.info["transparency"], key_scale).astype(int).tolist()
        image.info["transparency"] = tuple(key) if isinstance(key, list) else key
    straight = image.convert("LA") if image.mode == "La" else image  # Pillow would drop the alpha of "La"
    colour, alpha = _unit(straight.convert("RGBA")).split((3, 1))
    return colour.mul_(alpha).add(1 - alpha).clamp_(0, 1)


def _unit(image: Image.Image) -> Float[Tensor, "c h w"]:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div_(255)


def _deep_grey(image: Image.Image, tags: Mapping[int, Any]) -> Float[Tensor, "3 h w"]:
    """Scale grey of more than 8 bits; `tags` are the TIFF tags, if any."""
    values = np.array(image, dtype=np.float64)
    if image.mode.startswith("I;16"):
        grey = values / (2 ** tags.get(Exif.BitsPerSample, (16,))[0] - 1)
    else:
        wrapped = image.mode == "I" and tags.get(Exif.SampleFormat, (1,))[0] == 1  # unsigned, read as signed
        grey = _stretched(values % 2**32 if wrapped else values)
    if tags.get(Exif.PhotometricInterpretation) == 0:  # white is zero, which Pillow inverts only for 8 bits
        grey = 1 - grey
    if "transparency" in image.info:
        grey[values == image.info["transparency"]] = 1
    return torch.from_numpy(grey.clip(0, 1)).float().repeat(3, 1, 1)


def _stretched(values: Float64[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w"]:
    """Map the finite values onto [0, 1] unless they lie there already; non-finite values become 0."""
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0, 1)
    if low < 0 or high > 1:
        values = (values - low) / (high - low) if high > low else values.clip(0, 1)
    return np.where(finite, values, 0)


def to_uint8(image: Float[Tensor, "3 h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Convert a decoded image to 8-bit pixels, as viewers and encoders take them.

    Args:
        image: RGB in [0, 1]; values outside are clipped.

    Returns:
        RGB, each value rounded to the nearest of 256 levels.
    """
    levels = image.detach().cpu().float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).contiguous().numpy()
