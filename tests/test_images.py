"""`decode` and `to_uint8` against pixels made by hand: formats, modes, transparency, orientation."""

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, features

from dysample.images import decode, to_uint8

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
