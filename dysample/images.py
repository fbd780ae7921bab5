"""Decode image files to colour tensors in [0, 1], and convert these back to 8 bits.

Whatever the bytes, `decode` returns the picture or raises an `ImageError` with one sentence for the user.
The largest takes seconds, and less than a gigabyte beside its bytes: `make fuzz` tries it. Nothing in
Pillow is reconfigured, so any number of threads may decode at once.

16-bit grey keeps its precision. 16-bit colour is reduced to 8 bits by Pillow, an error of at most 1/257.
Grey without a nominal white (float, 32 bits, signed) is kept when all its values lie in [0, 1]; otherwise
its smallest finite value becomes black and its largest white. Non-finite values become black.

Colours with an ICC profile are converted to sRGB; all others are taken to be sRGB, whatever a PNG says in
gAMA, cHRM or cICP. An alpha channel that is zero everywhere is no alpha channel, in BMPs and in TIFFs that do
not say what it is.
"""

import io
import threading
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, ImageFile
from PIL.ExifTags import Base as Exif
from PIL.TiffImagePlugin import TiffImageFile
from torch import Tensor

from dysample.colours import Conversion, to_srgb
from dysample.containers import (
    MOST_PROFILE,
    bmp_run_bytes,
    essential_png,
    scan_count,
    tiff_part_count,
    tiff_scan_count,
)
from dysample.heap import trim_heap

MIN_SIDE = 16  # pixels; an encoder leaves nothing to enlarge of smaller images
MAX_PIXELS = 50_000_000  # as floats these take 600 MB
MAX_SCANS = 100  # of a JPEG, each of which goes over the whole picture; encoders write about ten
MAX_SCANNED = 1_500_000_000  # pixels in all scans together: about three seconds
MAX_PARTS = 100_000  # strips or tiles of a TIFF, each of which takes ten microseconds
MAX_RUNS = 4 << 20  # bytes of runs in a BMP, for which Pillow has a decoder in Python only
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
_NATIVE = {  # Pillow's names for samples in the order of a file, and in that of the machine
    "I;16S": "I;16NS",
    "I;16BS": "I;16NS",
    "I;32S": "I;32NS",
    "I;32BS": "I;32NS",
    "F;32F": "F;32NF",
    "F;32BF": "F;32NF",
}
_EXTRA_SAMPLES = 338  # TIFF tag
_STRIP = 1 << 20  # pixels that are converted at a time
_MANY = 4 << 20  # pixels from which on memory is counted
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
    name = _format_name(data)
    with _sentences(name, data):
        return _decoded(name, data)


def stored_size(data: bytes) -> tuple[int, int]:
    """Return rows and columns of an image file as it is stored, perhaps not upright; nothing is decoded.

    Args:
        data: The whole file, as for `decode`.

    Raises:
        ImageError: The bytes are empty, not an image, or the image is too small or too large.
    """
    name = _format_name(data)
    with _sentences(name, data):
        width, height = _opened(name, data)[0].size
        return height, width


@contextmanager
def _sentences(name: str, data: bytes) -> Generator[None]:
    """Raise errors of Pillow's parsers as sentences, and ignore their warnings."""
    try:
        with _silenced():
            yield
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"The {name} image has more than {MAX_PIXELS:,} pixels; make it smaller.") from error
    except Exception as error:  # Pillow's parsers raise all kinds of exceptions
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise ImageError(
                f"The {name} image takes more memory than is free; make it smaller or try again later."
            ) from error
        raise ImageError(
            f"The {name} file of {len(data):,} bytes is damaged, cut off or of a rare kind; {_ADVICE}."
        ) from error


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An upright image and what its file says of it.

    Attributes:
        image: Holds no decoder, which may take twice as much as the pixels.
        tags: Tags of a TIFF; empty for other formats.
        packing: How the file stores samples, in Pillow's words.
        drawn: Left, top, right and bottom edge of what a GIF draws on its screen; None for other formats.
        profile: ICC profile; None without one.
    """

    image: Image.Image
    tags: Mapping[int, Any]
    packing: str
    drawn: tuple[int, int, int, int] | None
    profile: bytes | None


def _decoded(name: str, data: bytes) -> Float[Tensor, "3 h w"]:
    loaded = _loaded(name, data)
    if loaded.image.width * loaded.image.height >= _MANY:
        trim_heap()  # what the decoder has freed, before as much again is needed
    return _pixels(loaded)


def _opened(name: str, data: bytes) -> tuple[ImageFile.ImageFile, bytes | None]:
    """Return an image that is not decoded yet, and the ICC profile that was found outside of Pillow."""
    profile = None
    if name == "PNG":
        data, profile = essential_png(data)
    elif name == "TIFF" and (parts := tiff_part_count(data)) > MAX_PARTS:
        raise ImageError(f"The TIFF has {parts:,} strips or tiles, over {MAX_PARTS:,}; {_ADVICE}.")
    elif name == "BMP" and (runs := bmp_run_bytes(data)) > MAX_RUNS:
        raise ImageError(f"The BMP has {runs:,} bytes of packed runs, over {MAX_RUNS:,}; {_ADVICE}.")
    image = Image.OPEN[name][0](io.BytesIO(data), "")
    _check_size(*image.size)
    if name == "JPEG":
        _check_scans(scan_count(data), image.size)
    if isinstance(image, TiffImageFile):
        if image.info.get("compression") in ("jpeg", "tiff_jpeg"):
            _check_scans(tiff_scan_count(data, image.tag_v2), image.size)
        _take_native_order(image)
    return image, profile


def _loaded(name: str, data: bytes) -> _Loaded:
    image, profile = _opened(name, data)
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    planes = tags.get(Exif.PlanarConfiguration) == 2 and image.info.get("compression") == "raw"
    if planes and max(tags.get(Exif.BitsPerSample, (1,))) > 8:
        raise ValueError("Pillow reads raw 16-bit planes as if they had 8 bits")
    packing = str(image.tile[0].args) if image.tile else ""
    drawn = image.tile[0].extents if name == "GIF" else None
    image.load()
    upright = _upright(image)
    for held in ("_decoder", "fp"):  # in WebP and AVIF they hold pixels as well
        vars(upright).pop(held, None)
    if packing == "LA;16B":  # which Pillow reads as colour
        upright = upright.convert("LA")
    if _no_alpha(upright, name, tags):
        upright = upright.convert("RGB")
    return _Loaded(upright, tags, packing, drawn, profile or image.info.get("icc_profile"))


def _format_name(data: bytes) -> str:
    """Return the format by the first bytes; never try Pillow's others, some of which run programs."""
    if not data:
        raise ImageError("The file is empty (0 bytes); choose another one.")
    Image.init()
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


def _check_scans(scans: int, size: tuple[int, int]) -> None:
    most = min(MAX_SCANS, MAX_SCANNED // (size[0] * size[1]))
    if scans > most:
        raise ImageError(f"The JPEG has {scans:,} scans, over {most}; {_ADVICE}.")


def _pixels(loaded: _Loaded) -> Float[Tensor, "3 h w"]:
    """Return colours: those of the ICC profile, or sRGB."""
    image, profile = loaded.image, loaded.profile
    usable = profile if profile is not None and len(profile) <= MOST_PROFILE else None
    convert = to_srgb(usable, image.mode)
    if image.mode[0] in "IF" or _is_signed(image, loaded.tags):  # I;16, I, F
        return _deep_grey(image, loaded.tags, convert)
    picture = _flat(image, _KEY_SCALES.get(loaded.packing), convert)
    return picture if loaded.drawn is None else _on_white(picture, loaded.drawn)


def _take_native_order(image: TiffImageFile) -> None:
    """Correct the byte order of packed samples: libtiff returns this machine's, Pillow expects the file's."""
    for index, tile in enumerate(image.tile):
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple) and tile.args[0] in _NATIVE:
            image.tile[index] = tile._replace(args=(_NATIVE[tile.args[0]], *tile.args[1:]))


def _upright(image: Image.Image) -> Image.Image:
    """Rotate or mirror as the EXIF orientation says."""
    try:
        operation = _TRANSPOSES[image.getexif()[Exif.Orientation]]
    except Exception:  # no orientation, or unreadable metadata: keep the image as it is
        return image
    return image.transpose(operation)


def _no_alpha(image: Image.Image, kind: str, tags: Mapping[int, Any]) -> bool:
    """Return whether a fourth channel is zero everywhere, in formats where that means unused."""
    unsaid = kind == "BMP" or (kind == "TIFF" and _EXTRA_SAMPLES not in tags)
    return unsaid and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)


def _is_signed(image: Image.Image, tags: Mapping[int, Any]) -> bool:
    """Return whether 8-bit grey is signed, which Pillow does not say."""
    return image.mode == "L" and tags.get(Exif.SampleFormat, (1,))[0] == 2


def _on_white(picture: Float[Tensor, "3 h w"], drawn: tuple[int, int, int, int]) -> Float[Tensor, "3 h w"]:
    """Make white what a frame leaves free of its screen; `drawn` is its left, top, right and bottom edge."""
    left, top, right, bottom = drawn
    picture[:, :top] = picture[:, bottom:] = picture[:, :, :left] = picture[:, :, right:] = 1
    return picture


def _strips(height: int, width: int) -> Iterator[slice]:
    """Return rows in groups: whole pictures would be in memory several times."""
    rows = max(1, _STRIP // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def _flat(image: Image.Image, key_scale: float | None, convert: Conversion | None) -> Float[Tensor, "3 h w"]:
    """Convert an image of at most 8 bits a channel to colour over white."""
    clear = image.has_transparency_data
    if clear and key_scale is not None:
        key = np.multiply(image.info["transparency"], key_scale).astype(int).tolist()
        image.info["transparency"] = tuple(key) if isinstance(key, list) else key
    picture = torch.empty(3, image.height, image.width)
    for rows in _strips(image.height, image.width):
        strip = image.crop((0, rows.start, image.width, rows.stop))
        if strip.mode == "La":  # whose alpha Pillow would drop
            strip = strip.convert("LA")
        whole = strip.convert("RGBA") if clear else strip
        colour = _unit(convert(strip) if convert else whole.convert("RGB"))
        if clear:
            alpha = _unit(whole.getchannel("A"))
            colour.mul_(alpha).add_(1 - alpha).clamp_(0, 1)
        picture[:, rows] = colour
    return picture


def _unit(image: Image.Image) -> Float[Tensor, "c h w"]:
    pixels = torch.from_numpy(np.array(image)).view(image.height, image.width, -1)
    return pixels.permute(2, 0, 1).float().div_(255)


def _deep_grey(
    image: Image.Image, tags: Mapping[int, Any], convert: Conversion | None
) -> Float[Tensor, "3 h w"]:
    """Scale grey of more than 8 bits, or signed; `tags` are the TIFF tags, if any."""
    key = image.info.get("transparency")
    levels = np.linspace(0, 1, 256)
    shown = levels
    if image.mode.startswith("I;16"):
        low, high = 0.0, 2.0 ** tags.get(Exif.BitsPerSample, (16,))[0] - 1
        if convert is not None:
            ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
            shown = np.asarray(convert(ramp))[0, :, 0] / 255
    else:
        low, high = _extremes(image, tags)
    picture = torch.empty(3, image.height, image.width)
    for rows in _strips(image.height, image.width):
        values = _samples(image, tags, rows).astype(np.float64)
        grey = ((values - low) / (high - low)).clip(0, 1)
        if tags.get(Exif.PhotometricInterpretation) == 0:  # white is zero: Pillow inverts only 8 bits
            grey = 1 - grey
        if shown is not levels:
            grey = np.interp(grey, levels, shown)
        grey[~np.isfinite(values)] = 0
        if key is not None:
            grey[values == key] = 1
        picture[:, rows] = torch.from_numpy(grey).float()
    return picture


def _samples(image: Image.Image, tags: Mapping[int, Any], rows: slice) -> Shaped[np.ndarray, "h w"]:
    """Return rows of grey samples in the type that they have in the file."""
    samples = np.asarray(image.crop((0, rows.start, image.width, rows.stop)))
    if image.mode == "L":
        return samples.view(np.int8)
    unsigned = image.mode == "I" and tags.get(Exif.SampleFormat, (1,))[0] == 1
    return samples.view(np.uint32) if unsigned else samples


def _extremes(image: Image.Image, tags: Mapping[int, Any]) -> tuple[float, float]:
    """Return what becomes black and white: 0 and 1 if all finite values lie there, or are alike."""
    low, high = np.inf, -np.inf
    for rows in _strips(image.height, image.width):
        samples = _samples(image, tags, rows)
        finite = samples[np.isfinite(samples)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (0.0, 1.0) if low >= high or (low >= 0 and high <= 1) else (low, high)


def to_uint8(image: Float[Tensor, "3 h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Convert a decoded image to 8-bit pixels, as viewers and encoders take them.

    Args:
        image: RGB in [0, 1]; values outside are clipped.

    Returns:
        RGB, each value rounded to the nearest of 256 levels.
    """
    levels = np.empty((*image.shape[1:], 3), np.uint8)
    for rows in _strips(*image.shape[1:]):
        strip = image[:, rows].detach().cpu().float()
        levels[rows] = strip.clamp(0, 1).mul_(255).round_().byte().permute(1, 2, 0).numpy()
    return levels
