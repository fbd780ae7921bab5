"""ICC profiles become sRGB: against matrices and curves computed here, with profiles written here."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from dysample.images import decode, to_uint8

Array = NDArray[Any]
Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
SRGB: Primaries = (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)
DISPLAY_P3: Primaries = (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)
ADOBE: Primaries = (0.64, 0.33), (0.21, 0.71), (0.15, 0.06)
D50, D65 = np.array([0.9642, 1, 0.8249]), np.array([0.95047, 1, 1.08883])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
CURVE = b"para\0\0\0\0\0\3\0\0" + b"".join(
    struct.pack(">i", round(value * 65536)) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
)  # of sRGB and of Display P3
COLOUR = (180, 110, 60)
TOLERANCE = 3  # levels, of JPEG and of the rounding in profiles
KINDS: list[Any] = [
    ("PNG", {}),
    ("JPEG", {"quality": 100, "subsampling": 0}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"lossless": True}),
    pytest.param(
        ("AVIF", {"quality": 100}),
        marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow lacks AVIF"),
    ),
]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def to_xyz(primaries: Primaries) -> Array:
    """The matrix from linear RGB to XYZ under D65."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    return columns * np.linalg.solve(columns, D65)


def icc(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Write a profile of version 2."""
    table, body, place = b"", b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", place + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI", place + len(body), b"none", 0x02400000) + b"mntr" + space + b"XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + triple(D50) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def triple(values: Array) -> bytes:
    return struct.pack(">3i", *np.round(values * 65536).astype(int))


def coloured(primaries: Primaries, curve: bytes = CURVE) -> bytes:
    adapt = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ D50) / (BRADFORD @ D65)) @ BRADFORD
    columns = (adapt @ to_xyz(primaries)).T
    tags = {b"wtpt": b"XYZ \0\0\0\0" + triple(D50)}
    tags |= {
        name + b"XYZ": b"XYZ \0\0\0\0" + triple(values)
        for name, values in zip((b"r", b"g", b"b"), columns, strict=True)
    }
    return icc(b"RGB ", tags | {name + b"TRC": curve for name in (b"r", b"g", b"b")})


def grey(gamma: float) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return icc(b"GRAY", {b"wtpt": b"XYZ \0\0\0\0" + triple(D50), b"kTRC": curve})


def linear(values: Array) -> Array:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(values: Array) -> Array:
    values = values.clip(0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def expected(colour: Array, primaries: Primaries) -> Array:
    return encoded(linear(np.asarray(colour) / 255) @ (np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)).T)


def check(data: bytes, levels: Array, *, atol: float = TOLERANCE) -> None:
    levels = np.asarray(levels, float)
    np.testing.assert_allclose(
        to_uint8(decode(data)), np.broadcast_to(levels, (20, 24, 3)), rtol=0, atol=atol
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("primaries", "levels"), [(DISPLAY_P3, (191, 106, 47)), (ADOBE, (200, 110, 57)), (SRGB, COLOUR)]
)
def test_a_profile_is_converted_in_every_format(
    kind: tuple[str, dict[str, Any]], primaries: Primaries, levels: tuple[int, int, int]
) -> None:
    np.testing.assert_allclose(255 * expected(COLOUR, primaries), levels, atol=1)  # as other programs say
    check(
        saved(Image.new("RGB", (24, 20), COLOUR), kind[0], icc_profile=coloured(primaries), **kind[1]), levels
    )


def test_many_colours_are_right_and_in_place() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    data = saved(Image.fromarray(pixels), "PNG", icc_profile=coloured(DISPLAY_P3))
    check(data, 255 * expected(pixels, DISPLAY_P3), atol=2)
    # A profile that says sRGB changes no pixel, not even by rounding.
    check(saved(Image.fromarray(pixels), "PNG", icc_profile=coloured(SRGB)), pixels, atol=0)


@pytest.mark.parametrize("mode", ["P", "RGBA", "PA"])
def test_palettes_and_alpha_have_profiles_too(mode: str) -> None:
    image = Image.new("RGB", (24, 20), COLOUR)
    image = image.convert(mode) if mode == "RGBA" else image.quantize(2)
    options: dict[str, Any] = {"transparency": bytes([128] * 256)} if mode == "PA" else {}
    if mode == "RGBA":
        image.putalpha(128)
    share = 1 if mode == "P" else 128 / 255
    levels = 255 * (share * expected(COLOUR, DISPLAY_P3) + 1 - share)
    check(saved(image, "PNG", icc_profile=coloured(DISPLAY_P3), **options), levels, atol=1)


GREYS = {
    "L": Image.new("L", (24, 20), 100),
    "LA": Image.new("LA", (24, 20), (100, 255)),
    "I;16": Image.fromarray(np.full((20, 24), 100 * 257, np.uint16)),
}


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "L"), ("PNG", "LA"), ("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "L"), ("JPEG", "L")],
)
def test_grey_profiles_bend_grey(kind: str, mode: str) -> None:
    check(saved(GREYS[mode], kind, icc_profile=grey(1.0)), 255 * encoded(np.float64(100 / 255)), atol=1)


def test_grey_may_have_a_profile_of_colours() -> None:
    flat = coloured(ADOBE, b"curv\0\0\0\0\0\0\0\0")  # no curve: linear
    for kind, mode in (("JPEG", "L"), ("PNG", "L"), ("PNG", "I;16")):
        check(saved(GREYS[mode], kind, icc_profile=flat), 255 * encoded(np.float64(100 / 255)), atol=1)


def test_ink_with_its_own_profile_is_not_inverted_by_a_rule() -> None:
    """A profile of ink whose table is light itself: 1 - c, 1 - m, 1 - y in XYZ, whatever the black."""
    corners = np.stack(np.meshgrid(*[(0, 1)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    # In the encoding of XYZ as 16 bits 1 is 32768.
    values = np.round((1 - corners[:, :3]) * D50 * 32768).clip(0, 65535).astype(">u2").tobytes()
    identity = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    ramps = struct.pack(">2H", 0, 65535)
    table = b"mft2\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + struct.pack(">2H", 2, 2)
    table += ramps * 4 + values + ramps * 3
    profile = icc(b"CMYK", {b"wtpt": b"XYZ \0\0\0\0" + triple(D50), b"A2B0": table}).replace(
        b"mntr", b"prtr", 1
    )
    for kind in ("JPEG", "TIFF"):
        half = saved(
            Image.new("CMYK", (24, 20), (128, 128, 128, 200)), kind, icc_profile=profile, quality=100
        )
        check(half, 255 * encoded(np.float64(1 - 128 / 255)))
        check(
            saved(Image.new("CMYK", (24, 20), (0, 0, 0, 90)), kind, icc_profile=profile, quality=100),
            [255] * 3,
        )


BROKEN = {
    "cut off": coloured(DISPLAY_P3)[:300],
    "only a header": coloured(DISPLAY_P3)[:128],
    "no profile": b"not a profile" * 20,
    "of zeros": bytes(500),
    "for other pixels": grey(1.0),
    "a link between devices": coloured(DISPLAY_P3).replace(b"mntr", b"link", 1),
    "a name for each colour": coloured(DISPLAY_P3).replace(b"mntr", b"nmcl", 1),
    "no red": coloured(DISPLAY_P3).replace(b"rXYZ", b"none", 1),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_broken_profiles_are_ignored(name: str, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    check(saved(Image.new("RGB", (24, 20), COLOUR), kind, icc_profile=BROKEN[name], **options), COLOUR)
