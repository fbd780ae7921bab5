"""What image files hold around their pixels: chunks of a PNG, scans of a JPEG, strips of a TIFF, packed runs.

All are read without decoding anything, in time that grows with the bytes alone.
"""

import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

MOST_PROFILE = 16 << 20  # bytes; the largest ICC profiles in use, of printers, have three million
_MOST_NOTE = 1 << 20  # bytes of a note that may say which side is up
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"tRNS")  # besides IDAT, what pixels depend on
_UPRIGHT = (b"XML:com.adobe.xmp", b"Raw profile type exif")  # texts in which Pillow looks for the orientation
_LONGEST_KEYWORD = 80  # bytes, with the zero behind it
# A marker that begins a segment: within a scan 0xFF is followed by 0, or by the number of a restart.
_SEGMENT = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_START_OF_SCAN, _END = 0xDA, 0xD9
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325  # TIFF tags


# --- PNG ---


def essential_png(data: bytes) -> tuple[bytes, bytes | None]:
    """Reduce a PNG to what its first picture depends on, and take its ICC profile out.

    Kept are header, palette, transparency and pixels, and notes that may hold an orientation. All else is
    dropped unread, as the standard allows for what a reader does not know: texts, private chunks, thumbnails,
    animations. Of chunks that may be there once, the first counts. Pixels are in one chunk afterwards.

    Args:
        data: The whole file. Where it is damaged or cut off, so is the result.

    Returns:
        A PNG and the profile, None where there is none that can be read.
    """
    view = memoryview(data)
    kept: dict[bytes, bytes] = {name: b"" for name in _PIXELS}
    seen = set[bytes]()
    pixels, profile = bytearray(), None
    place = len(_SIGNATURE)
    while place + 8 <= len(data):
        length, name = int.from_bytes(view[place : place + 4]), bytes(view[place + 4 : place + 8])
        body, end = view[place + 8 : place + 8 + length], place + 12 + length
        if name == b"IDAT":
            pixels += body
        elif name == b"IEND" or not name.isalpha() or end > len(data):
            break
        else:
            key = _key(name, body)
            if key is not None and key not in seen:
                seen.add(key)
                if name in _PIXELS or (name != b"iCCP" and _is_sound(name, view[place:end])):
                    kept[key] = bytes(view[place:end])
                elif name == b"iCCP" and _sums_up(view[place:end]):
                    profile = _profile(bytes(body))
        place = end
    return b"".join((_SIGNATURE, *kept.values(), _chunk(b"IDAT", pixels), _chunk(b"IEND"))), profile


def _key(name: bytes, body: memoryview) -> bytes | None:
    """Return what a chunk is kept under; None if it is none of those that are kept."""
    if name in (*_PIXELS, b"iCCP", b"eXIf"):
        return name
    if name not in (b"iTXt", b"zTXt", b"tEXt"):
        return None
    keyword = bytes(body[:_LONGEST_KEYWORD]).partition(b"\0")[0]
    return keyword if keyword in _UPRIGHT else None


def _chunk(name: bytes, body: bytes | bytearray = b"") -> bytes:
    check = zlib.crc32(body, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(body)), name, body, struct.pack(">I", check)))


def _sums_up(chunk: memoryview) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _profile(body: bytes) -> bytes | None:
    """Return the profile of a chunk iCCP; None if it is broken or larger than any in use."""
    _, zero, rest = body.partition(b"\0")
    return _inflated(rest[1:], MOST_PROFILE) if zero and rest[:1] == b"\0" else None


def _is_sound(name: bytes, chunk: memoryview) -> bool:
    """Return whether a note can be read, and is of bearable size."""
    if len(chunk) > _MOST_NOTE or not _sums_up(chunk):
        return False
    rest = bytes(chunk[8:-4]).partition(b"\0")[2]
    if name == b"zTXt":
        return rest[:1] == b"\0" and _inflated(rest[1:], _MOST_NOTE) is not None
    if name == b"iTXt" and rest[:1] != b"\0":
        return rest[1:2] == b"\0" and _inflated(rest[2:].split(b"\0", 2)[-1], _MOST_NOTE) is not None
    return True


def _inflated(packed: bytes, most: int) -> bytes | None:
    """Unpack at most so many bytes; None if there are more or they are damaged."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, most)
    except zlib.error:
        return None
    return text if unpacker.eof else None


# --- JPEG ---


def scan_count(data: bytes) -> int:
    """Return the number of scans of a JPEG, as far as its segments can be followed."""
    scans, place = 0, 0
    while (found := _SEGMENT.search(data, place)) is not None:
        marker, place = data[found.start() + 1], found.end()
        if marker == _END:
            break
        if marker in (0x01, 0xD8):  # these two have no length
            continue
        length = int.from_bytes(data[place : place + 2])
        if length < 2:
            break
        scans += marker == _START_OF_SCAN
        place += length
    return scans


def tiff_scan_count(data: bytes, tags: Mapping[int, Any]) -> int:
    """Return the largest number of scans in any strip or tile of a TIFF whose pixels are JPEGs."""
    places = np.array(tags.get(_STRIPS) or tags.get(_TILES) or (0,), np.int64)
    sizes = np.array(tags.get(_STRIP_BYTES) or tags.get(_TILE_BYTES) or (len(data),), np.int64)
    scans = np.array([found.start() for found in re.finditer(rb"\xff\xda", data)], np.int64)
    count = min(len(places), len(sizes))
    ends = places[:count] + sizes[:count]
    return int((np.searchsorted(scans, ends) - np.searchsorted(scans, places[:count])).max())


# --- TIFF and BMP ---


def tiff_part_count(data: bytes) -> int:
    """Return the number of strips or tiles in the first directory of a TIFF, as far as it can be followed."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    if int.from_bytes(data[2:4], order) == 43:  # BigTIFF
        place, counter, entry, size = int.from_bytes(data[8:16], order), 8, 20, 8
    else:
        place, counter, entry, size = int.from_bytes(data[4:8], order), 2, 12, 4
    entries = int.from_bytes(data[place : place + counter], order)
    begin = place + counter
    end = min(begin + entry * entries, len(data) - entry + 1)
    parts = 0
    for at in range(begin, end, entry):
        if int.from_bytes(data[at : at + 2], order) in (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES):
            parts = max(parts, int.from_bytes(data[at + 4 : at + 4 + size], order))
    return parts


def bmp_run_bytes(data: bytes) -> int:
    """Return the bytes after the header of a BMP whose pixels are runs of colours; 0 for other BMPs."""
    packing = int.from_bytes(data[30:34], "little")
    return max(0, len(data) - 34) if packing in (1, 2) else 0
