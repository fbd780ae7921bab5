"""What files hold besides pixels changes no pixel, is read in bounded time, and raises nothing of its own."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from dysample import images
from dysample.containers import essential_png, scan_count, tiff_part_count
from dysample.images import MAX_SCANS, ImageError, decode, to_uint8

Array = NDArray[Any]
PIXELS = np.random.default_rng(11).integers(0, 256, (20, 24, 3), dtype=np.uint8)


def saved(pixels: Array, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(before: bytes = b"", after: bytes = b"") -> bytes:
    """Write a PNG with other chunks before and after its pixels."""
    data = saved(PIXELS, "PNG")
    return data[:33] + before + data[33:-12] + after + data[-12:]


def check(data: bytes, expected: Array = PIXELS) -> None:
    np.testing.assert_array_equal(to_uint8(decode(data)), expected)


# --- PNG ---


BOMB = zlib.compress(bytes(30_000_000), 9)
NAMES = (
    b"gAMA cHRM sRGB sBIT bKGD hIST pHYs sPLT tIME tEXt zTXt iTXt eXIf iCCP cICP acTL fcTL fdAT caBX prVt"
).split()
ODD = {
    "compressed text": chunk(b"zTXt", b"Comment\0\0" + BOMB),
    "international text": chunk(b"iTXt", b"Comment\0\1\0\0\0" + BOMB),
    "a bomb that says it is XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB),
    "a bomb that says it is EXIF": chunk(b"zTXt", b"Raw profile type exif\0\0" + BOMB),
    "a profile that is a bomb": chunk(b"iCCP", b"name\0\0" + BOMB) * 50,
    "a profile packed in no known way": chunk(b"iCCP", b"name\0\7" + BOMB[:99]),
    "a profile without a name": chunk(b"iCCP", b"name"),
    "a profile cut off": chunk(b"iCCP", b"name\0\0" + BOMB[:99]),
    "text of no known packing": chunk(b"zTXt", b"Comment\0\7text"),
    "long plain text": chunk(b"tEXt", b"Comment\0" + bytes(range(1, 256)) * 20_000),
    "a keyword of another alphabet": chunk(b"tEXt", b"\xff\xfe\0text")
    + chunk(b"iTXt", b"\xff\0\0\0\xff\0\xff\0\xff"),
    "frames of no animation": chunk(b"fcTL", struct.pack(">5I2H2B", 5, 99, 99, 9, 9, 1, 1, 0, 0)),
    "an animation of no frames": chunk(b"acTL", bytes(8)) * 2,
    "metadata of nothing": chunk(b"eXIf", b"MM\0*"),
    "thousands": b"".join(chunk(NAMES[k % len(NAMES)], bytes(k % 7)) for k in range(20_000)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_chunks_change_no_pixel(name: str) -> None:
    check(png(before=ODD[name]))
    check(png(after=ODD[name]))


@pytest.mark.parametrize("name", NAMES, ids=bytes.decode)
@pytest.mark.parametrize("body", [b"", b"\1", b"\xff" * 40])
def test_no_ancillary_chunk_refuses_a_picture(name: bytes, body: bytes) -> None:
    whole = chunk(name, body)
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    for part in (whole, damaged):
        check(png(before=part))
        check(png(after=part))
    check(png()[:-12] + whole[:-2])  # cut off within it, when all pixels are there


def test_any_number_of_chunks_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, Pillow sees a handful: it takes seven seconds for a million."""
    data = saved(PIXELS, "PNG")
    body = data[41:-16]
    crumbs = b"".join(chunk(b"IDAT", body[k : k + 1]) + chunk(b"IDAT") for k in range(len(body)))
    crowded = data[:33] + chunk(b"prVt") * 50_000 + crumbs + chunk(b"tEXt", b"a\0b") * 50_000 + data[-12:]
    check(crowded)
    essential, profile = essential_png(crowded)
    assert profile is None
    assert essential == data[:33] + chunk(b"IDAT", body) + chunk(b"IEND")


ORIENTATION = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", 0x0112, 3, 1, 3, 0) + bytes(4)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="3"/></x:xmpmeta>'
RAW = b"\nexif\n%8d\n" % len(ORIENTATION) + (b"Exif\0\0" + ORIENTATION).hex().encode()
UPSIDE_DOWN = {
    "EXIF": chunk(b"eXIf", ORIENTATION),
    "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "packed XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
    "EXIF as text": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(RAW)),
}


@pytest.mark.parametrize("name", UPSIDE_DOWN)
def test_notes_on_the_orientation_are_still_read(name: str) -> None:
    check(png(before=UPSIDE_DOWN[name]), PIXELS[::-1, ::-1])
    check(png(before=chunk(b"prVt") * 999, after=UPSIDE_DOWN[name]), PIXELS[::-1, ::-1])


def test_pixels_that_unpack_to_more_than_the_picture_cost_nothing() -> None:
    rows = np.pad(PIXELS.reshape(20, -1), ((0, 0), (1, 0))).tobytes()
    data = png()
    check(data[:33] + chunk(b"IDAT", zlib.compress(rows + bytes(50_000_000), 1)) + data[-12:])


# --- JPEG ---


def of_scans(count: int, kind: str = "JPEG") -> bytes:
    """Write a progressive JPEG, its last scan repeated."""
    data = saved(PIXELS, kind, progressive=True, quality=95)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:]


def test_scans_are_counted_like_the_decoder_does() -> None:
    assert scan_count(saved(PIXELS, "JPEG")) == 1
    assert scan_count(saved(PIXELS, "JPEG", restart_marker_blocks=1)) == 1
    assert scan_count(saved(PIXELS, "JPEG", comment=b"\xff\xda" * 500)) == 1
    assert scan_count(saved(PIXELS, "JPEG") + b"\xff\xda" * 500) == 1  # a film behind a photograph
    assert scan_count(of_scans(60)) == 60
    assert scan_count(of_scans(60)[:-500]) < 60
    assert scan_count(b"\xff\xd8\xff") == scan_count(b"") == 0


def test_too_many_scans_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decode(of_scans(MAX_SCANS)).shape == (3, 20, 24)

    def no_decoding(*_: object) -> None:
        raise AssertionError("it is decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", no_decoding)
    with pytest.raises(
        ImageError, match=r"^The JPEG has 1,500 scans, over 100; save it as .* and try again\.$"
    ):
        decode(of_scans(1500))


def test_a_large_jpeg_may_have_fewer_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the pixels that all scans go over together."""
    monkeypatch.setattr(images, "MAX_SCANNED", 20 * 24 * 30)
    assert decode(of_scans(30)).shape == (3, 20, 24)
    with pytest.raises(ImageError, match="The JPEG has 31 scans, over 30;"):
        decode(of_scans(31))
    monkeypatch.undo()
    assert images.MAX_SCANNED // images.MAX_PIXELS >= 20  # encoders write about ten


def test_too_many_scans_within_a_tiff_are_refused() -> None:
    """libtiff decodes JPEGs too: a TIFF whose one strip is a whole JPEG."""

    def tiff(strip: bytes, strips: int = 1) -> bytes:
        values = {256: 24, 257: 20, 258: 8, 259: 7, 262: 6, 273: 8, 277: 3, 278: 20, 279: len(strip)}
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
        return (
            b"II*\0"
            + struct.pack("<I", 8 + len(strip))
            + strip
            + struct.pack("<H", len(values))
            + entries
            + bytes(4)
        )

    assert decode(tiff(of_scans(50))).shape == (3, 20, 24)
    with pytest.raises(ImageError, match="The JPEG has 1,500 scans, over 100"):
        decode(tiff(of_scans(1500)))


# --- TIFF and BMP ---


@pytest.mark.parametrize("options", [{}, {"big_tiff": True}, {"compression": "tiff_lzw"}])
def test_the_strips_of_a_tiff_are_counted(options: dict[str, Any]) -> None:
    data = saved(PIXELS, "TIFF", tiffinfo={278: 4}, **options)
    with Image.open(io.BytesIO(data)) as image:
        expected = len(image.tag_v2[273])
    assert tiff_part_count(data) == expected
    assert tiff_part_count(data[:9]) == tiff_part_count(b"II") == 0


def of_strips(count: int, order: str) -> bytes:
    """Write a directory that names so many strips, and nothing else."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    tags = {256: 20, 257: 20, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
    entries = [struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items()]
    entries += [struct.pack(f"{order}HHII", tag, 4, count, 8) for tag in (273, 279)]
    return head + struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries) + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
def test_too_many_strips_are_refused_before_they_are_read(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_reading(*_: object) -> None:
        raise AssertionError("it is opened")

    monkeypatch.setitem(Image.OPEN, "TIFF", (no_reading, Image.OPEN["TIFF"][1]))
    with pytest.raises(
        ImageError, match=r"^The TIFF has 1,000,000 strips or tiles, over 100,000; save it as"
    ):
        decode(of_strips(1_000_000, order))


def test_a_bmp_of_too_many_runs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow reads runs in Python: a million of them take a second."""
    runs = (bytes((1, 7)) * 40 + bytes(2)) * 40 + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, 40, 40, 1, 8, 1, len(runs), 0, 0, 8, 0)
    palette = bytes(range(32))
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 14 + len(header) + len(palette))
    data = head + header + palette + runs
    assert decode(data)[:, 5, 5].mul(255).tolist() == [30, 29, 28]  # stored as blue, green, red
    monkeypatch.setattr(images, "MAX_RUNS", len(data) - 35)
    with pytest.raises(
        ImageError, match=r"^The BMP has [\d,]+ bytes of packed runs, over [\d,]+; save it as"
    ):
        decode(data)
    plain = bytearray(saved(PIXELS, "BMP"))
    assert decode(bytes(plain)).shape == (3, 20, 24)  # its pixels are no runs, however many they are
