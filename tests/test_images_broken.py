"""`decode` raises nothing but its own error, whatever the bytes."""

import io
import re
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, features

from dysample import images
from dysample.images import MIN_SIDE, ImageError, decode

RNG = np.random.default_rng(7)
PIXELS = RNG.integers(0, 2, (MIN_SIDE, MIN_SIDE + 1, 4), dtype=np.uint8) * 255  # packs well: small files
CAMERA = Image.Exif()
CAMERA[0x0112], CAMERA[0x010F], CAMERA[0x011A] = 6, "a camera", 72.0


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def small_files() -> dict[str, bytes]:
    """Return one small file of every format, with metadata that is hard to parse."""
    rgba = Image.fromarray(PIXELS)
    rgb, indexed = rgba.convert("RGB"), rgba.convert("RGB").quantize(30)
    frames: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", rgb.size)]}
    files = {
        "JPEG": saved(rgb, "JPEG", exif=CAMERA),
        "JPEG in scans": saved(rgb, "JPEG", progressive=True),
        "PNG": saved(rgba, "PNG", exif=CAMERA),
        "PNG moving": saved(rgb, "PNG", **frames),
        "WebP": saved(rgb, "WEBP", exif=CAMERA),
        "WebP lossless": saved(rgba, "WEBP", lossless=True),
        "BMP": saved(rgb, "BMP"),
        "GIF": saved(indexed, "GIF", transparency=2, **frames),
        "TIFF": saved(rgb, "TIFF", exif=CAMERA),
        "TIFF packed": saved(indexed, "TIFF", compression="tiff_lzw"),
        "TIFF of JPEG": saved(rgb, "TIFF", compression="jpeg"),
    }
    return files | ({"AVIF": saved(rgb, "AVIF", exif=CAMERA)} if features.check("avif") else {})


FILES = small_files()


def attempt(data: bytes) -> torch.Tensor | None:
    """Decode, or raise an `ImageError` with a sentence; any other exception fails the test."""
    sentence = ""
    try:
        image = decode(data)
    except ImageError as error:
        image, sentence = None, str(error)
    if image is None:
        assert re.fullmatch(r"The [^\n.]+\.", sentence)
        return None
    assert image.dtype == torch.float32
    assert min(image.shape[1:]) >= MIN_SIDE
    assert 0 <= image.min() <= image.max() <= 1
    return image


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty (0 bytes); choose another one."),
        (b"<html>" * 9, "The file of 54 bytes is not an image that can be read here; save it as JPEG or PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "is not an image"),
        (FILES["PNG"][:300], "The PNG file of 300 bytes is damaged, cut off or of a rare kind; save it as"),
        (saved(Image.new("RGB", (300, 15)), "PNG"), "The image has 300 × 15 pixels and each side needs 16;"),
    ],
)
def test_refusals_say_what_is_wrong_with_which_value_and_what_to_do(data: bytes, sentence: str) -> None:
    with pytest.raises(ImageError, match=re.escape(sentence)):
        decode(data)


def forged(kind: str, width: int, height: int) -> bytes:
    """Return a small file whose header claims another size."""
    data = bytearray(FILES[kind])
    if kind == "PNG":
        struct.pack_into(">II", data, 16, width, height)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif kind == "BMP":
        struct.pack_into("<II", data, 18, width, height)
    elif kind == "GIF":
        struct.pack_into("<HH", data, 6, width, height)
    elif kind == "JPEG":
        struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    else:
        for tag, value, old in ((256, width, PIXELS.shape[1]), (257, height, PIXELS.shape[0])):
            entry = data.index(struct.pack("<HHI", tag, 4, 1) + struct.pack("<I", old))
            struct.pack_into("<I", data, entry + 8, value)
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "JPEG", "TIFF"])
def test_too_many_pixels_are_refused_by_the_header_alone(kind: str) -> None:
    with pytest.raises(
        ImageError, match=r"has [56]0,000 × [56]0,000 = 3,000,000,000 pixels, over 50,000,000;"
    ):
        decode(forged(kind, 60_000, 50_000))


def test_a_frame_far_larger_than_its_screen_is_refused() -> None:
    data = bytearray(saved(Image.new("P", (20, 20)), "GIF"))
    struct.pack_into("<HH", data, data.index(struct.pack("<BHHHH", 0x2C, 0, 0, 20, 20)) + 5, 60_000, 60_000)
    with pytest.raises(ImageError, match="The GIF image has more than 50,000,000 pixels; make it smaller"):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("size", "fits"), [((16, 40), True), ((40, 16), True), ((15, 40), False), ((16, 41), False)]
)
def test_the_limits_themselves_are_allowed(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], fits: bool
) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 640)
    assert (attempt(saved(Image.new("RGB", size), "BMP")) is not None) == fits


@pytest.mark.parametrize("name", FILES)
def test_every_prefix_is_whole_or_refused(name: str) -> None:
    data = FILES[name]
    whole = attempt(data)
    assert whole is not None
    for length in range(len(data)):
        image = attempt(data[:length])
        if image is not None:  # only a trailer or a later frame is missing
            assert length > len(data) / 3
            torch.testing.assert_close(image, whole, rtol=0, atol=0)


@pytest.mark.parametrize("name", FILES)
def test_no_damage_raises_anything_else(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 100_000)  # damage may claim a large size: keep this quick
    rng = np.random.default_rng(len(name))
    for _ in range(150):
        data = bytearray(FILES[name])
        for _ in range(int(rng.integers(1, 5))):
            place = int(rng.integers(min(len(data), rng.choice([200, len(data)]))))
            match int(rng.integers(3)):
                case 0:
                    data[place] ^= 1 << int(rng.integers(8))
                case 1:
                    data[place : place + int(rng.integers(1, 9))] = b""
                case _:
                    data[place:place] = rng.bytes(4)
        attempt(bytes(data))


def test_silly_tags_raise_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 100_000)
    rng = np.random.default_rng(42)
    plain = {256: 20, 257: 20, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 20, 279: 400}
    silly = [*plain, 254, 266, 274, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347, 530, 700, 34665, 34853]
    for _ in range(400):
        tags = {tag: (4, 1, value) for tag, value in plain.items()}
        for tag in rng.choice(silly, 3):
            count, value = (
                int(rng.choice([0, 1, 2, 3, 5, 20, 400, 65535, 2**31, 2**32 - 1])) for _ in range(2)
            )
            tags[int(tag)] = (int(rng.integers(14)), count, value)
        entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
        attempt(
            b"II*\0" + struct.pack("<I", 408) + bytes(400) + struct.pack("<H", len(tags)) + entries + bytes(4)
        )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_unreadable_notes_of_the_camera_are_ignored(kind: str) -> None:
    image = Image.fromarray(PIXELS[..., :3])
    noted, plain = attempt(saved(image, kind, exif=b"Exif\0\0MM no notes")), attempt(saved(image, kind))
    assert noted is not None
    torch.testing.assert_close(noted, plain, rtol=0, atol=0)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail at alloc_cpu.cpp] can't allocate memory: you tried")]
)
def test_a_picture_for_which_there_is_no_memory_is_not_called_damaged(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(images, "_pixels", fail)
    with pytest.raises(ImageError, match="The PNG image takes more memory than is free; make it smaller"):
        decode(FILES["PNG"])
