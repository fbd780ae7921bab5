"""`decode` on samples of other depths than 8 bits, against the numbers written."""

import struct
import zlib
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from dysample.images import ImageError, decode

Array = NDArray[Any]
RNG = np.random.default_rng(65535)
DEEP = RNG.integers(0, 65536, (17, 21, 4), dtype=np.uint16)
GREY, SIGNED = DEEP[..., 0], DEEP[..., 0].view(np.int16)
BYTES = RNG.integers(-128, 128, (17, 21), dtype=np.int8)
WORDS = RNG.integers(-(2**31), 2**31, (17, 21), dtype=np.int32)
REALS = RNG.normal(size=(17, 21)).astype(np.float32)
FLOAT = {339: 3}  # the TIFF tag SampleFormat


def png(pixels: Array, bits: int, kind: int, key: Array) -> bytes:
    """Write a PNG of any depth with a transparent colour; Pillow writes few of them."""
    samples = pixels.reshape(len(pixels), -1, 1).astype(">u2").view(np.uint8)
    rows = np.packbits(np.unpackbits(samples, axis=2)[..., 16 - bits :].reshape(len(pixels), -1), axis=1)
    packed = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())  # each row after its filter, 0: none
    header = struct.pack(">IIBBBBB", pixels.shape[1], len(pixels), bits, kind, 0, 0, 0)
    clear = np.atleast_1d(key).astype(">u2").tobytes()
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), (b"tRNS", clear), (b"IDAT", packed), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data


def tiff(pixels: Array, order: Literal["<", ">"] = "<", tags: dict[int, int] | None = None) -> bytes:
    """Write a TIFF of one strip, with any sample type, byte order and tags; packed if the tag 259 is 8."""
    strip = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if (tags or {}).get(259) == 8:
        strip = zlib.compress(strip)
    values = {256: pixels.shape[1], 257: len(pixels), 258: 8 * pixels.itemsize, 259: 1, 262: 1}
    values |= {273: 8, 277: 1, 279: len(strip)} | (tags or {})
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(strip))
    entries = (struct.pack(order + "HHII", tag, 4, 1, values[tag]) for tag in sorted(values))
    return head + strip + struct.pack(order + "H", len(values)) + b"".join(entries) + bytes(4)


def stretched(values: Array) -> Array:
    return (values - values.min()) / (values.max() - values.min())


def check(data: bytes, expected: Array, *, atol: float = 2e-7) -> None:
    """Compare with (h, w) or (h, w, 3) values in [0, 1]."""
    expected = expected if expected.ndim == 3 else expected[..., None].repeat(3, 2)
    np.testing.assert_allclose(decode(data).permute(1, 2, 0).numpy(), expected, rtol=0, atol=atol)


DEPTHS = {
    "grey of 16": (cv2.imencode(".png", GREY)[1].tobytes(), GREY / 65535),
    "TIFF of 16": (tiff(GREY), GREY / 65535),
    "TIFF of 16, big end": (tiff(GREY, ">"), GREY / 65535),
    "TIFF of 16, white is 0": (tiff(GREY, tags={262: 0}), 1 - GREY / 65535),
    "signed": (tiff(SIGNED, tags={339: 2}), stretched(SIGNED * 1.0)),
    "signed of 8": (tiff(BYTES, tags={339: 2}), stretched(BYTES * 1.0)),
    "signed of 8, big end, packed": (tiff(BYTES, ">", {339: 2, 259: 8}), stretched(BYTES * 1.0)),
    "signed of 32": (tiff(WORDS, tags={339: 2}), stretched(WORDS * 1.0)),
    "signed of 8, 0 and 1": (tiff(BYTES & 1, tags={339: 2}), (BYTES & 1) * 1.0),
    "unsigned of 32": (tiff(GREY * np.uint32(65537)), stretched(GREY * 1.0)),
    "float": (tiff(REALS, tags=FLOAT), stretched(REALS)),
    "float in range": (tiff(stretched(REALS) / 2, ">", FLOAT), stretched(REALS) / 2),
    **{
        f"{kind} of {8 * values.itemsize}, {order} end, packed": (
            tiff(values, "<" if order == "little" else ">", {339: code, 259: 8}),
            stretched(values * 1.0),
        )
        for order in ("little", "big")
        for kind, code, values in (("signed", 2, SIGNED), ("signed", 2, WORDS), ("float", 3, REALS))
    },
    "all alike": (tiff(np.full((17, 21), 7.0, np.float32), tags=FLOAT), np.ones((17, 21))),
}


@pytest.mark.parametrize("name", DEPTHS)
def test_every_depth_is_exact(name: str) -> None:
    check(*DEPTHS[name])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64, np.uint64])
def test_samples_that_pillow_does_not_know_are_refused(dtype: type) -> None:
    code = {"f": 3, "i": 2, "u": 1}[np.dtype(dtype).kind]
    with pytest.raises(ImageError, match="rare kind"):
        decode(tiff(GREY.astype(dtype), tags={339: code}))


def test_an_unused_fourth_channel_is_no_alpha() -> None:
    """Where the tag ExtraSamples is missing and the channel is zero throughout."""
    pixels = (DEEP >> 8).astype(np.uint8)
    pixels[..., 3] = 0
    unsaid = {258: 8, 262: 2, 277: 4}
    check(tiff(pixels, tags=unsaid), pixels[..., :3] / 255)
    check(tiff(pixels, tags=unsaid | {338: 2}), np.ones((17, 21)))


def test_what_is_not_finite_is_black_and_does_not_count() -> None:
    values = REALS.copy()
    values[2, :3] = np.nan, np.inf, -np.inf
    expected = (values - REALS.min()) / (REALS.max() - REALS.min())
    expected[2, :3] = 0
    check(tiff(values, tags=FLOAT), expected)
    inverted = 1 - expected
    inverted[2, :3] = 0
    check(tiff(values, tags=FLOAT | {262: 0}), inverted)
    check(tiff(np.full_like(REALS, np.nan), tags=FLOAT), np.zeros_like(REALS))


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_of_16_bits_is_within_one_of_257(channels: int) -> None:
    order = [2, 1, 0, 3][:channels]  # cv2 takes BGR
    colour, alpha = DEEP[..., :3] / 65535, DEEP[..., 3:] / 65535
    expected = colour if channels == 3 else colour * alpha + (1 - alpha)
    worst = (channels - 2) / 257  # alpha is read to 8 bits too
    for kind in (".png", ".tiff"):
        check(cv2.imencode(kind, DEEP[..., order])[1].tobytes(), expected, atol=worst)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_grey_is_white_at_every_depth(bits: int) -> None:
    grey = GREY >> (16 - bits)
    key = grey[grey < 2**bits - 1].max()  # not white already, and black only where there is no other
    expected = np.where(grey == key, 1, grey / (2**bits - 1))
    check(png(grey, bits, 0, key), expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transparent_colour_is_white(bits: int) -> None:
    colour = DEEP[..., :3] >> (16 - bits)
    clear = (colour == colour[3, 3]).all(-1, keepdims=True)
    check(png(colour, bits, 2, colour[3, 3]), np.where(clear, 1, colour / (2**bits - 1)), atol=1 / 257)


def test_grey_of_12_bits_is_exact() -> None:
    grey = GREY[:, :20] >> 4
    bits = np.unpackbits(grey[..., None].astype(">u2").view(np.uint8), axis=2)[..., 4:]
    check(tiff(np.packbits(bits.reshape(17, -1), axis=1), tags={256: 20, 258: 12}), grey / 4095)


@pytest.mark.parametrize("channels", [2, 4])
def test_premultiplied_alpha_is_laid_over_white(channels: int) -> None:
    if channels == 2 and ("La", "La") not in TiffImagePlugin.OPEN_INFO.values():
        pytest.skip("this Pillow cannot read premultiplied grey")
    colour, alpha = DEEP[..., : channels - 1] / 65535, DEEP[..., 3:] / 65535
    pixels = np.round(np.dstack([colour * alpha, alpha]) * 255).astype(np.uint8)
    tags = {258: 8, 262: 1 if channels == 2 else 2, 277: channels, 338: 1}
    expected = np.broadcast_to(colour * alpha + (1 - alpha), (17, 21, 3))
    check(tiff(pixels, tags=tags), expected, atol=2 / 255)  # two roundings, and Pillow cuts off the rest


def test_planes_that_pillow_garbles_are_refused() -> None:
    planes = np.concatenate([DEEP[..., 0], DEEP[..., 1], DEEP[..., 2]])
    with pytest.raises(ImageError, match="rare kind"):
        decode(tiff(planes, tags={257: 17, 262: 2, 277: 3, 284: 2}))
