"""`decode` and `to_uint8` against pixels made by hand: formats, modes, transparency, orientation."""

import io
import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, features

from dysample.images import ImageError, decode, stored_size, to_uint8

Array = NDArray[Any]
RNG = np.random.default_rng(2023)
NOISE = RNG.integers(0, 256, (17, 21, 4), dtype=np.uint8)  # not square, and no multiple of a block
RGB, GREY, ALPHA = NOISE[..., :3], NOISE[..., 0], NOISE[..., 3:] / 255
INDICES, COLOURS = GREY % 8, RNG.integers(0, 256, (8, 3), dtype=np.uint8)
# Smooth, so that lossy formats keep it, and unlike all of its own flips and turns.
DOWN, RIGHT = np.mgrid[0:48, 0:64]
SMOOTH = np.stack([DOWN * 5, RIGHT * 4, 255 - DOWN - 2 * RIGHT], 2).astype(np.uint8)
AVIF = pytest.param("AVIF", marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow lacks AVIF"))


def saved(pixels: Array | Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(file, kind, **options)
    return file.getvalue()


def indexed() -> Image.Image:
    image = Image.frombytes("P", (21, 17), INDICES.tobytes())
    image.putpalette(COLOURS.tobytes())
    return image


def cmyk(pixels: Array) -> Image.Image:
    return Image.frombytes("CMYK", pixels.shape[1::-1], pixels.tobytes())


def over_white(colour: Array, alpha: Array) -> Array:
    return colour * alpha + (1 - alpha)


def check(data: bytes, expected: Array, *, atol: float = 2e-7) -> None:
    """Compare with (h, w) or (h, w, 3) values in [0, 1]."""
    image = decode(data)
    if expected.ndim == 2:
        expected = expected[..., None].repeat(3, 2)
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    assert 0 <= image.min() <= image.max() <= 1
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy(), expected, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("TIFF", {})]
    + [("TIFF", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")],
)
def test_lossless_formats_are_exact(kind: str, options: dict[str, Any]) -> None:
    data = saved(RGB, kind, **options)
    check(data, RGB / 255)
    np.testing.assert_array_equal(to_uint8(decode(data)), RGB)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", AVIF])
def test_lossy_formats_are_close(kind: str) -> None:
    check(saved(SMOOTH, kind, quality=95), SMOOTH / 255, atol=12 / 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [indexed(), indexed().transpose(Image.Transpose.ROTATE_180)]
    if kind != "GIF":
        frames = [frame.convert("RGB") for frame in frames]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    check(data, COLOURS[INDICES] / 255)


def bmp(pixels: Array, header: int, compression: int, masks: tuple[int, ...]) -> bytes:
    """Write a BMP of 32 bits with a header of any version; `pixels` are blue, green, red and alpha."""
    fields = (header, pixels.shape[1], len(pixels), 1, 32, compression, pixels.size, 0, 0, 0, 0)
    info = struct.pack("<IiiHHIIiiII", *fields) + struct.pack("<4I", *masks)
    info = info[:56].ljust(header, b"\0") if header > 40 else info[: 40 if compression == 0 else 52]
    places = struct.pack("<IHHI", 14 + len(info) + pixels.size, 0, 0, 14 + len(info))
    return b"BM" + places + info + pixels[::-1].tobytes()


MASKS = 0xFF0000, 0xFF00, 0xFF, 0xFF000000


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("compression", [0, 3])
def test_an_alpha_that_is_zero_everywhere_is_none_in_a_bmp(header: int, compression: int) -> None:
    bgra = NOISE.copy()
    bgra[..., 3] = 0
    for masks in (MASKS, (0, 0, 0, 0)):
        check(bmp(bgra, header, compression, masks), bgra[..., 2::-1] / 255)
    if header >= 56 and compression == 3:  # whose alpha counts as soon as any is not zero
        bgra[3, 3, 3] = 255
        expected = np.ones((17, 21, 3))
        expected[3, 3] = bgra[3, 3, 2::-1] / 255
        check(bmp(bgra, header, compression, MASKS), expected)
        check(bmp(NOISE, header, compression, MASKS), over_white(NOISE[..., 2::-1] / 255, ALPHA))


def gif(at: tuple[int, int], *, clear: int | None = None, disposal: int = 0, local: bool = False) -> bytes:
    """Write a GIF of 30×24 whose one frame is smaller: `INDICES`, each in a code of 8 bits."""
    table = COLOURS.tobytes()
    data = b"GIF89a" + struct.pack("<HHBBB", 30, 24, 0 if local else 0x82, 5, 0) + (b"" if local else table)
    data += b"!\xf9\4" + struct.pack("<BHBB", disposal << 2 | (clear is not None), 0, clear or 0, 0)
    data += b"," + struct.pack("<HHHHB", *at, 21, 17, 0x82 if local else 0) + (table if local else b"")
    codes = bytearray([7])  # bits of a pixel; codes keep 8 bits because the table is cleared in time
    for first in range(0, INDICES.size, 100):
        part = bytes([128, *INDICES.ravel()[first : first + 100]])
        codes += bytes([len(part)]) + part
    return data + codes + b"\1\x81\0;"


@pytest.mark.parametrize("at", [(0, 0), (5, 4), (9, 7)])
@pytest.mark.parametrize(
    "options",
    [{}, {"local": True}, {"clear": 3}, {"clear": 200}, {"disposal": 2}, {"disposal": 3, "clear": 0}],
)
def test_what_a_frame_leaves_free_of_its_screen_is_white(
    at: tuple[int, int], options: dict[str, Any]
) -> None:
    expected = np.ones((24, 30, 3))
    shown = (options.get("clear") != INDICES)[..., None]
    expected[at[1] : at[1] + 17, at[0] : at[0] + 21] = over_white(COLOURS[INDICES] / 255, shown)
    check(gif(at, **options), expected)


ALPHAS = RNG.integers(0, 256, 8, dtype=np.uint8)
MODES = {
    "grey": (saved(GREY, "PNG"), GREY / 255),
    "1 bit": (saved(GREY > 127, "PNG"), (GREY > 127) * 1.0),
    "1 bit fax": (saved(GREY > 127, "TIFF", compression="group4"), (GREY > 127) * 1.0),
    "grey and alpha": (saved(NOISE[..., 2:], "PNG"), over_white(NOISE[..., 2] / 255, ALPHA[..., 0])),
    "alpha": (saved(NOISE, "PNG"), over_white(RGB / 255, ALPHA)),
    "palette": (saved(indexed(), "BMP"), COLOURS[INDICES] / 255),
    "palette, one clear": (
        saved(indexed(), "GIF", transparency=3),
        over_white(COLOURS[INDICES] / 255, (INDICES != 3)[..., None]),
    ),
    "palette, alphas": (
        saved(indexed(), "PNG", transparency=ALPHAS.tobytes()),
        over_white(COLOURS[INDICES] / 255, ALPHAS[INDICES][..., None] / 255),
    ),
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_is_exact(name: str) -> None:
    check(*MODES[name])


@pytest.mark.parametrize(("kind", "atol"), [("TIFF", 0.5 / 255), ("JPEG", 8 / 255)])
def test_ink_on_paper_becomes_light(kind: str, atol: float) -> None:
    ink = np.dstack([SMOOTH, SMOOTH[..., 0] // 2])
    data = saved(cmyk(ink), kind)
    light = (1 - ink[..., :3] / 255) * (1 - ink[..., 3:] / 255)
    check(data, light, atol=atol + 1e-6)
    if kind == "JPEG":  # written inverted, as Adobe does; another reader agrees
        assert b"Adobe" in data
        other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        check(data, other[..., ::-1] / 255, atol=8 / 255)


UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: np.rot90(a, 2),
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", AVIF])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pictures_stand_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(SMOOTH, kind, quality=95, exif=exif)
    check(data, UPRIGHT[orientation](SMOOTH / 255), atol=12 / 255)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_to_uint8_rounds_to_the_nearest_level_and_clips(dtype: torch.dtype) -> None:
    levels = torch.arange(256.0).reshape(1, 16, 16).repeat(3, 1, 1)
    if dtype != torch.bfloat16:  # has 8 bits of precision: neighbours of 255 would fall together
        for shift in (-0.49, 0.0, 0.49):
            shifted = ((levels + shift) / 255).to(dtype).requires_grad_()
            np.testing.assert_array_equal(to_uint8(shifted), levels.permute(1, 2, 0).numpy())
    extremes = torch.tensor([-3.0, 0.0, 7.0], dtype=dtype).reshape(3, 1, 1)
    result = to_uint8(extremes)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert result.tolist() == [[[0, 0, 255]]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", AVIF])
def test_the_stored_size_is_known_without_decoding(kind: str) -> None:
    data = saved(SMOOTH, kind)
    assert stored_size(data) == (48, 64)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty"),
        (b"no picture", "not an image that can be read here"),
        (saved(SMOOTH[:8], "PNG"), "each side needs 16"),
        (saved(SMOOTH, "JPEG")[:40], "damaged, cut off or of a rare kind"),
    ],
)
def test_a_stored_size_that_cannot_be_read_is_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(ImageError, match=sentence):
        stored_size(data)
