"""Decoding is silent and changes no setting, in any thread, and leaves other threads their warnings."""

import io
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from PIL import Image, ImageFile

from dysample import images
from dysample.images import decode

PICTURE = Image.linear_gradient("L").resize((40, 30)).convert("RGB")


def png_with_an_animation_of_no_frames() -> bytes:
    file = io.BytesIO()
    PICTURE.save(file, "PNG")
    chunk = b"acTL" + bytes(8)
    chunk = struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return file.getvalue()[:33] + chunk + file.getvalue()[33:]


def tiff_with_a_note_beyond_its_end() -> bytes:
    file = io.BytesIO()
    PICTURE.save(file, "TIFF", software="x" * 40)
    data = bytearray(file.getvalue())
    struct.pack_into("<I", data, data.index(struct.pack("<HHI", 305, 2, 41)) + 8, 2**31)
    return bytes(data)


ODD = {"Invalid APNG": png_with_an_animation_of_no_frames(), "": tiff_with_a_note_beyond_its_end()}


@pytest.mark.parametrize("words", ODD)
def test_odd_metadata_neither_warns_nor_refuses(words: str) -> None:
    data, before = ODD[words], list(warnings.filters)
    with pytest.warns(UserWarning, match=words), Image.open(io.BytesIO(data)) as image:
        image.load()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert decode(data).shape == (3, 30, 40)
    assert not caught
    assert list(warnings.filters) == before


def test_only_the_thread_that_decodes_is_silent() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with images._silenced():
            warnings.warn("mine", stacklevel=1)
            other = threading.Thread(target=warnings.warn, args=("theirs",))
            other.start()
            other.join()
        warnings.warn("mine again", stacklevel=1)
    assert [str(warning.message) for warning in caught] == ["theirs", "mine again"]


def test_threads_agree_and_no_setting_changes() -> None:
    settings = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    work = [*ODD.values()] * 50
    alone = {data: decode(data) for data in ODD.values()}
    with ThreadPoolExecutor(8) as pool:
        for data, image in zip(work, pool.map(decode, work), strict=True):
            torch.testing.assert_close(image, alone[data], rtol=0, atol=0)
    after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    assert after == settings
