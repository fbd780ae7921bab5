"""Pictures for `scripts/fuzz.py`: small ones of every kind, damaged in many ways, and crafted large ones."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms, features
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_LARGE = 7071  # pixels a side: 49,999,041 of them, just below what is allowed
_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    17,
    31,
    127,
    128,
    255,
    256,
    4095,
    32767,
    32768,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
_SIDES = (0, 1, 15, 16, 17, 1000, 7071, 7072, 16383, 16384, 32767, 65535, 2**24, 2**31 - 1, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Pictures:
    """All pictures of a seed: the crafted ones first, then the damaged ones.

    Attributes:
        seed: Seed of what is damaged and how.
        count: Number of all pictures.
        seeds: Small whole pictures by name.
        crafted: Makers of crafted pictures by name.
    """

    seed: int
    count: int
    seeds: dict[str, bytes]
    crafted: dict[str, Callable[[], bytes]]

    def picture(self, number: int) -> tuple[str, bytes]:
        """Return name and bytes of a picture."""
        if number < len(self.crafted):
            name = list(self.crafted)[number]
            return name, self.crafted[name]()
        rng = np.random.default_rng([self.seed, number])
        names = list(self.seeds)
        name = names[number % len(names)]
        data, words = bytearray(self.seeds[name]), list[str]()
        for _ in range(int(rng.choice([1, 1, 1, 2, 3, 6]))):
            kind = name.partition(" ")[0]
            damages = {**_DAMAGES, **_STRUCTURAL.get(kind, {})}
            # Damage that knows the format gets further: as often as all other damage together.
            at_hand = list(_STRUCTURAL[kind] if rng.integers(2) else _DAMAGES)
            damage = at_hand[int(rng.integers(len(at_hand)))]
            words.append(damage)
            other = self.seeds[str(rng.choice(names))]
            data = bytearray(damages[damage](data, rng, other))
        return f"{name}: {', '.join(words)}", bytes(data)


def make_pictures(seed: int, count: int) -> Pictures:
    """Prepare the pictures of a seed."""
    crafted = dict(list(_crafted().items())[: max(1, count // 4)])
    return Pictures(seed, count, _small(), crafted)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    if "append_images" in options:
        options["append_images"] = [frame.copy() for frame in options["append_images"]]
    image.info.pop("icc_profile", None)  # one of Pillow's own, which holds the time
    image.copy().save(file, kind, **options)  # copies: saving leaves traces in an image
    return _timeless(file.getvalue()) if kind == "AVIF" else file.getvalue()


def _timeless(data: bytes) -> bytes:
    """Set the times of creation of an AVIF's tracks to zero, so that every run makes the same file."""
    changed = bytearray(data)
    for name in (b"mvhd", b"tkhd", b"mdhd"):
        place = data.find(name) + 8
        if place >= 8:
            changed[place : place + 16] = bytes(16)  # version 1: two times of eight bytes
    return bytes(changed)


def _noted(orientation: int) -> Image.Exif:
    notes = Image.Exif()
    notes[0x0112], notes[0x010F], notes[0x011A] = orientation, "a camera", 72.0
    return notes


@cache
def _profile() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)  # when it was made, the same for all runs
    return bytes(profile)


# --- Small pictures, whole ---


def _small() -> dict[str, bytes]:
    """Return small pictures of every format, mode and option that Pillow writes."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (6, 8, 4), dtype=np.uint8)
    rgba = Image.fromarray(np.kron(coarse, np.ones((6, 6, 1), np.uint8)))
    rgb, grey = rgba.convert("RGB"), rgba.convert("L")
    indexed = rgb.quantize(30)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    frames: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", rgb.size), rgb]}
    wide = {name: rgb.convert(name) for name in ("CMYK", "YCbCr", "LAB")}
    files: dict[str, Callable[[], bytes]] = {
        "JPEG plain": lambda: _saved(rgb, "JPEG"),
        "JPEG grey": lambda: _saved(grey, "JPEG"),
        "JPEG cmyk": lambda: _saved(wide["CMYK"], "JPEG"),
        "JPEG progressive": lambda: _saved(rgb, "JPEG", progressive=True, exif=_noted(6)),
        "JPEG restarts": lambda: _saved(rgb, "JPEG", restart_marker_blocks=1, subsampling=2),
        "JPEG profile": lambda: _saved(
            rgb, "JPEG", icc_profile=_profile(), comment=b"words" * 9, quality=100
        ),
        "JPEG of several": lambda: _saved(rgb, "MPO", **frames),
        "PNG colour": lambda: _saved(rgb, "PNG"),
        "PNG alpha": lambda: _saved(rgba, "PNG", exif=_noted(3)),
        "PNG grey alpha": lambda: _saved(rgba.convert("LA"), "PNG", icc_profile=_profile()),
        "PNG indexed": lambda: _saved(indexed, "PNG", transparency=bytes(range(0, 240, 8))),
        "PNG bits": lambda: _saved(rgb.convert("1"), "PNG", transparency=1),
        "PNG deep": lambda: _saved(deep, "PNG"),
        "PNG moving": lambda: _saved(rgb, "PNG", **frames),
        "PNG interlaced": lambda: _interlaced(np.asarray(rgb)),
        "WEBP": lambda: _saved(rgb, "WEBP", exif=_noted(8), icc_profile=_profile()),
        "WEBP alpha": lambda: _saved(rgba, "WEBP"),
        "WEBP lossless": lambda: _saved(rgba, "WEBP", lossless=True),
        "WEBP moving": lambda: _saved(rgb, "WEBP", **frames),
        "BMP": lambda: _saved(rgb, "BMP"),
        "BMP alpha": lambda: _saved(rgba, "BMP"),
        "BMP indexed": lambda: _saved(indexed, "BMP"),
        "BMP bits": lambda: _saved(rgb.convert("1"), "BMP"),
        "BMP runs": lambda: _runs(),
        "GIF": lambda: _saved(indexed, "GIF", transparency=2, comment=b"words"),
        "GIF moving": lambda: _saved(indexed, "GIF", save_all=True, append_images=[indexed], interlace=1),
        "TIFF": lambda: _saved(rgb, "TIFF", exif=_noted(5)),
        "TIFF alpha": lambda: _saved(rgba, "TIFF", icc_profile=_profile()),
        "TIFF bits": lambda: _saved(rgb.convert("1"), "TIFF", compression="group4"),
        "TIFF indexed": lambda: _saved(indexed, "TIFF", compression="tiff_lzw"),
        "TIFF packbits": lambda: _saved(grey, "TIFF", compression="packbits"),
        "TIFF deflate": lambda: _saved(rgb, "TIFF", compression="tiff_adobe_deflate", tiffinfo=_predictor()),
        "TIFF jpeg": lambda: _saved(rgb, "TIFF", compression="jpeg"),
        "TIFF big": lambda: _saved(rgb, "TIFF", big_tiff=True),
        "TIFF cmyk": lambda: _saved(wide["CMYK"], "TIFF"),
        "TIFF lab": lambda: _saved(wide["LAB"], "TIFF"),
        "TIFF ycbcr": lambda: _saved(wide["YCbCr"], "TIFF"),
        "TIFF deep": lambda: _saved(deep, "TIFF"),
        "TIFF integers": lambda: _saved(grey.convert("I"), "TIFF"),
        "TIFF floats": lambda: _saved(grey.convert("F"), "TIFF", compression="tiff_lzw"),
        "TIFF of several": lambda: _saved(rgb, "TIFF", **frames),
    }
    if features.check("avif"):
        files["AVIF"] = lambda: _saved(rgb, "AVIF", exif=_noted(7), icc_profile=_profile())
        files["AVIF alpha"] = lambda: _saved(rgba, "AVIF", subsampling="4:4:4")
        files["AVIF moving"] = lambda: _saved(rgb, "AVIF", **frames)
    return {name: make() for name, make in files.items()}


def _predictor() -> ImageFileDirectory_v2:
    tags = ImageFileDirectory_v2()
    tags[317] = 2
    return tags


def _chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _interlaced(pixels: np.ndarray) -> bytes:
    """Write a PNG in the seven passes of Adam7, which Pillow only reads."""
    height, width = pixels.shape[:2]
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    rows = b"".join(
        b"\0" + row.tobytes() for top, left, down, right in passes for row in pixels[top::down, left::right]
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND")
    )


def _runs(side: int = 40, longest: int = 255) -> bytes:
    """Write a BMP whose rows are runs of a colour, which Pillow only reads."""
    runs = [longest] * (side // longest) + [side % longest] * (side % longest > 0)
    rows = [b"".join(bytes((run, colour)) for run in runs) + bytes(2) for colour in range(4)]
    pixels = b"".join(rows[row % 4] for row in range(side)) + b"\0\1"
    palette = bytes(range(16))
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(pixels), 0, 0, 4, 0)
    place = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", place + len(pixels), 0, 0, place) + header + palette + pixels


# --- Damage to any file ---

Damage = Callable[[bytearray, np.random.Generator, bytes], bytes | bytearray]


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """Choose a place: as often within the first 200 bytes as anywhere."""
    return int(rng.integers(max(1, min(len(data), int(rng.choice([64, 200, max(1, len(data))]))))))


def _flipped(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    for _ in range(int(rng.integers(1, 9))):
        if data:
            data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _numbered(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    code = str(rng.choice(["<B", "<H", ">H", "<I", ">I"]))
    number = int(rng.choice(_NUMBERS)) & ((1 << 8 * struct.calcsize(code)) - 1)
    place = _place(data, rng)
    if place + struct.calcsize(code) <= len(data):
        struct.pack_into(code, data, place, number)
    return data


def _cut(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    return data[: int(rng.integers(len(data) + 1))]


def _removed(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    place = _place(data, rng)
    del data[place : place + int(rng.integers(1, 40))]
    return data


def _inserted(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    place = _place(data, rng)
    data[place:place] = rng.bytes(int(rng.integers(1, 40)))
    return data


def _repeated(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    place, length = _place(data, rng), int(rng.integers(1, 400))
    part = bytes(data[place : place + length])
    data[place:place] = part * int(rng.choice([1, 2, 50, 2000]))
    return data[: 4 << 20]


def _moved(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    place, length = _place(data, rng), int(rng.integers(1, 200))
    part = bytes(data[place : place + length])
    del data[place : place + length]
    target = _place(data, rng)
    data[target:target] = part
    return data


def _spliced(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    return data[: _place(data, rng)] + other[int(rng.integers(len(other))) :]


def _emptied(data: bytearray, rng: np.random.Generator, other: bytes) -> bytearray:
    place, length = _place(data, rng), int(rng.integers(1, 300))
    data[place : place + length] = bytes([int(rng.choice([0, 255]))]) * len(data[place : place + length])
    return data


_DAMAGES: dict[str, Damage] = {
    "bits flipped": _flipped,
    "a number in its place": _numbered,
    "cut off": _cut,
    "a part removed": _removed,
    "noise inserted": _inserted,
    "a part repeated": _repeated,
    "a part moved": _moved,
    "the rest of another": _spliced,
    "a part emptied": _emptied,
}


# --- Damage that knows the format ---


def _shuffled(parts: list[bytes], rng: np.random.Generator) -> list[bytes]:
    """Leave a part out, repeat it, or put it elsewhere."""
    if not parts:
        return parts
    place = int(rng.integers(len(parts)))
    part = parts[place]
    match int(rng.integers(3)):
        case 0:
            return parts[:place] + parts[place + 1 :]
        case 1:
            return parts[:place] + [part] * int(rng.choice([2, 3, 150, 5000])) + parts[place + 1 :]
        case _:
            rest = parts[:place] + parts[place + 1 :]
            target = int(rng.integers(len(rest) + 1))
            return [*rest[:target], part, *rest[target:]]


def _png_chunks(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    chunks, place = list[bytes](), 8
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        chunks.append(bytes(data[place:end]))
        place = end
    return (bytes(data[:8]) + b"".join(_shuffled(chunks, rng)))[: 8 << 20]


def _png_summed(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    """Damage a chunk, and make its check fit again."""
    chunks, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        name, body = bytes(data[place + 4 : place + 8]), bytearray(data[place + 8 : place + 8 + length])
        if body and rng.integers(3) == 0:
            body[int(rng.integers(len(body)))] = int(rng.integers(256))
        chunks += _chunk(name, bytes(body))
        place += 12 + length
    return bytes(chunks)


def _png_sized(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    if len(data) < 33:
        return bytes(data)
    struct.pack_into(">II", data, 16, int(rng.choice(_SIDES)), int(rng.choice(_SIDES)))
    if rng.integers(2):
        data[24], data[25] = int(rng.choice([1, 2, 4, 8, 16])), int(rng.choice([0, 2, 3, 4, 6]))
    struct.pack_into(">I", data, 29, zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def _jpeg_segments(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    parts = [b"\xff" + part for part in bytes(data).split(b"\xff")[1:]]
    return b"".join(_shuffled(parts, rng))[: 8 << 20]


def _jpeg_sized(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        place = data.find(marker)
        if 0 <= place < len(data) - 9:
            sides = [min(65535, int(rng.choice(_SIDES))) for _ in range(2)]
            struct.pack_into(">HH", data, place + 5, *sides)
            break
    return bytes(data)


def _jpeg_scans(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    place = data.rfind(b"\xff\xda")
    return (
        bytes(data[:-2]) + bytes(data[place:-2]) * int(rng.choice([5, 60, 99, 101, 1500])) + bytes(data[-2:])
    )


def _tiff_tags(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    """Give some tags of the directory other types, counts and values."""
    if len(data) < 16 or bytes(data[2:4]) != b"*\0":
        return bytes(data)
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    for entry in range(start + 2, min(start + 2 + 12 * count, len(data) - 12), 12):
        if rng.integers(4) == 0:
            tag = int.from_bytes(data[entry : entry + 2], "little")
            kind = int(rng.choice([0, 1, 2, 3, 4, 5, 7, 9, 11, 12, 13, 16, 18]))
            many = int(rng.choice([0, 1, 1, 1, 2, 3, 4, 1000, 2**16, 2**31]))
            value = int(rng.choice(_SIDES if tag in (256, 257, 278, 322, 323) else _NUMBERS))
            struct.pack_into("<HHII", data, entry, tag, kind, many, value & 0xFFFFFFFF)
    return bytes(data)


def _riff_chunks(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    chunks, place = list[bytes](), 12
    while place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        chunks.append(bytes(data[place : place + 8 + length + length % 2]))
        place += 8 + length + length % 2
    body = b"WEBP" + b"".join(_shuffled(chunks, rng))
    return (b"RIFF" + struct.pack("<I", len(body)) + body)[: 8 << 20]


def _riff_sized(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    place = data.find(b"VP8X")
    if 0 <= place < len(data) - 18:
        for side in (place + 12, place + 15):
            data[side : side + 3] = (int(rng.choice(_SIDES)) & 0xFFFFFF).to_bytes(3, "little")
    return bytes(data)


def _bmp_header(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    fields: Sequence[tuple[int, str, Sequence[int]]] = (
        (10, "<I", _NUMBERS),
        (14, "<I", (12, 16, 40, 52, 56, 64, 108, 124, *_NUMBERS)),
        (18, "<I", _SIDES),
        (22, "<I", (*_SIDES, 2**32 - 40)),
        (28, "<H", (0, 1, 2, 4, 8, 16, 24, 32, 64)),
        (30, "<I", (0, 1, 2, 3, 4, 5, 6)),
        (46, "<I", _NUMBERS),
    )
    for place, code, values in fields:
        if rng.integers(3) == 0 and place + 4 <= len(data):
            struct.pack_into(code, data, place, int(rng.choice(np.array(values))))
    return bytes(data)


def _gif_sized(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    places = [6, data.find(b"\x2c\0\0\0\0") + 5]
    for place in places:
        if 6 <= place < len(data) - 4 and rng.integers(2):
            struct.pack_into("<HH", data, place, *(min(65535, int(rng.choice(_SIDES))) for _ in range(2)))
    return bytes(data)


def _boxes(data: bytearray, rng: np.random.Generator, other: bytes) -> bytes:
    """Change size, name or content of a box of an AVIF, wherever its name stands."""
    names = (
        b"ftyp",
        b"meta",
        b"hdlr",
        b"pitm",
        b"iloc",
        b"iinf",
        b"iprp",
        b"ipco",
        b"ispe",
        b"pixi",
        b"av1C",
        b"colr",
        b"irot",
        b"imir",
        b"auxC",
        b"ipma",
        b"mdat",
        b"Exif",
        b"moov",
        b"stsz",
        b"stco",
    )
    place = data.find(names[int(rng.integers(len(names)))])
    if place >= 4:
        at = place + int(rng.choice([-4, 0, 4, 8, 12]))
        if 0 <= at <= len(data) - 4:
            struct.pack_into(">I", data, at, int(rng.choice(_NUMBERS)))
    return bytes(data)


_STRUCTURAL: dict[str, dict[str, Damage]] = {
    "PNG": {"chunks shuffled": _png_chunks, "a chunk changed": _png_summed, "another size": _png_sized},
    "JPEG": {"segments shuffled": _jpeg_segments, "another size": _jpeg_sized, "scans repeated": _jpeg_scans},
    "TIFF": {"tags changed": _tiff_tags},
    "WEBP": {"chunks shuffled": _riff_chunks, "another canvas": _riff_sized},
    "BMP": {"another header": _bmp_header},
    "GIF": {"another size": _gif_sized},
    "AVIF": {"boxes changed": _boxes},
}


# --- Crafted pictures, large ones ---


@cache
def _large(mode: str = "RGB", *, flat: bool = False) -> Image.Image:
    """Return a picture of nearly the most pixels that are allowed."""
    if flat:
        return Image.new(mode, (_LARGE, _LARGE), 90 if mode in ("L", "P") else None)
    rng = np.random.default_rng(2)
    soft = np.kron(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((64, 64, 1), np.uint8))
    tile = (soft.astype(int) + rng.integers(-20, 20, soft.shape)).clip(0, 255).astype(np.uint8)
    times = -(-_LARGE // 512)
    return Image.fromarray(np.tile(tile, (times, times, 1))[:_LARGE, :_LARGE]).convert(mode)


def _large_deep(kind: type[np.generic]) -> Image.Image:
    return Image.fromarray(np.tile(np.arange(_LARGE, dtype=kind), (_LARGE, 1)))


def _of_scans(image: Image.Image, count: int) -> bytes:
    """Return a progressive JPEG, its last scan repeated."""
    data = _saved(image, "JPEG", progressive=True, quality=90)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:]


def _crowded_png(count: int) -> bytes:
    data = _small()["PNG colour"]
    return data[:33] + _chunk(b"prVt") * count + _chunk(b"tEXt", b"a\0b") * count + data[33:]


def _png_bomb(name: bytes, before: bytes) -> bytes:
    data = _small()["PNG colour"]
    return data[:33] + _chunk(name, before + zlib.compress(bytes(300_000_000), 9)) + data[33:]


def _gif_of_frames(count: int) -> bytes:
    frame = Image.new("P", (16, 16))
    return _saved(
        frame, "GIF", save_all=True, append_images=[Image.new("P", (16, 16), k % 7) for k in range(count)]
    )


def _tiff_of_strips(count: int) -> bytes:
    """Write a TIFF with one byte a strip, all of them the same."""
    places = struct.pack("<I", 8) * count
    start = 8 + 400
    single = {256: 20, 257: 20, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
    tags = {tag: (1, value) for tag, value in single.items()} | {273: (count, start), 279: (count, start)}
    entries = b"".join(struct.pack("<HHII", tag, 4, *tags[tag]) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", start + len(places)) + bytes(400) + places + directory


def _crafted() -> dict[str, Callable[[], bytes]]:
    """Return makers of pictures that ask for time or memory."""
    made: dict[str, Callable[[], bytes]] = {
        "JPEG large": lambda: _saved(_large(), "JPEG", quality=90),
        "JPEG large, progressive, turned": lambda: _saved(_large(), "JPEG", progressive=True, exif=_noted(6)),
        "JPEG large, profile, turned": lambda: _saved(
            _large(), "JPEG", icc_profile=_profile(), exif=_noted(8)
        ),
        "JPEG large, cmyk": lambda: _saved(_large("CMYK"), "JPEG"),
        "JPEG large, grey, turned": lambda: _saved(_large("L"), "JPEG", exif=_noted(5)),
        "JPEG large, as many scans as are allowed": lambda: _of_scans(_large(flat=True), 30),
        "JPEG large, 1,500 scans": lambda: _of_scans(_large(flat=True), 1500),
        "JPEG small, 100 scans": lambda: _of_scans(_large().resize((640, 480)), 100),
        "PNG large": lambda: _saved(_large(), "PNG", compress_level=1),
        "PNG large, alpha, turned": lambda: _saved(_large("RGBA"), "PNG", compress_level=1, exif=_noted(6)),
        "PNG large, indexed": lambda: _saved(_large(flat=True).quantize(2), "PNG", transparency=0),
        "PNG large, deep": lambda: _saved(_large_deep(np.uint16), "PNG", compress_level=1, exif=_noted(6)),
        "PNG large, colour key": lambda: _saved(_large(), "PNG", compress_level=1, transparency=(1, 2, 3)),
        "PNG large, interlaced": lambda: _interlaced(np.asarray(_large(flat=True))),
        "PNG of 400,000 chunks": lambda: _crowded_png(200_000),
        "PNG with text of 300 MB": lambda: _png_bomb(b"zTXt", b"Comment\0\0"),
        "PNG with an orientation of 300 MB": lambda: _png_bomb(b"zTXt", b"Raw profile type exif\0\0"),
        "PNG with a profile of 300 MB": lambda: _png_bomb(b"iCCP", b"name\0\0"),
        "WEBP large": lambda: _saved(_large(), "WEBP", quality=50, method=0),
        "WEBP large, alpha, turned": lambda: _saved(
            _large("RGBA"), "WEBP", quality=50, method=0, exif=_noted(6)
        ),
        "WEBP large, lossless": lambda: _saved(_large(), "WEBP", lossless=True, quality=0, method=0),
        "BMP large": lambda: _saved(_large(), "BMP"),
        "BMP large, alpha": lambda: _saved(_large("RGBA"), "BMP"),
        "BMP large, runs": lambda: _runs(_LARGE),
        "BMP of four megabytes of runs of one pixel": lambda: _runs(1440, 1),
        "BMP of 25 MB of runs of one pixel": lambda: _runs(3500, 1),
        "GIF large": lambda: _saved(_large("L"), "GIF"),
        "GIF of 3,000 frames": lambda: _gif_of_frames(3000),
        "TIFF large, packed": lambda: _saved(_large(), "TIFF", compression="tiff_lzw"),
        "TIFF large, jpeg": lambda: _saved(_large(), "TIFF", compression="jpeg", exif=_noted(6)),
        "TIFF large, lab": lambda: _saved(_large("LAB"), "TIFF"),
        "TIFF large, cmyk, turned": lambda: _saved(_large("CMYK"), "TIFF", exif=_noted(6)),
        "TIFF large, alpha, turned": lambda: _saved(_large("RGBA"), "TIFF", exif=_noted(6)),
        "TIFF large, floats": lambda: _saved(_large_deep(np.float32), "TIFF"),
        "TIFF large, integers, turned": lambda: _saved(_large_deep(np.int32), "TIFF", exif=_noted(6)),
        "TIFF large, deep, packed": lambda: _saved(_large_deep(np.uint16), "TIFF", compression="tiff_lzw"),
        "TIFF of 100,000 strips": lambda: _tiff_of_strips(100_000),
        "TIFF of a million strips": lambda: _tiff_of_strips(1_000_000),
    }
    if features.check("avif"):
        made["AVIF large"] = lambda: _saved(_large(), "AVIF", quality=50, speed=10)
        made["AVIF large, alpha, turned"] = lambda: _saved(
            _large("RGBA"), "AVIF", quality=50, speed=10, exif=_noted(6)
        )
    return made
