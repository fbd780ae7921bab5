"""The fuzzer itself: its pictures are the same for a seed, and it notices every kind of fault."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from dysample import images
from dysample.images import decode, to_uint8
from scripts import fuzz
from scripts.fuzz import FAULTS, MOST_BYTES, MOST_SECONDS, Result, read, report
from scripts.fuzz_pictures import Pictures, make_pictures

WHOLE = make_pictures(0, 8).seeds


@pytest.fixture
def damaged() -> Pictures:
    """Pictures of which all but two are damaged small ones."""
    return make_pictures(3, 8)


@pytest.mark.parametrize("name", WHOLE)
def test_before_they_are_damaged_all_small_pictures_are_read(name: str) -> None:
    assert decode(WHOLE[name]).shape[0] == 3


def test_pictures_that_pillow_does_not_write_are_what_they_say() -> None:
    """Interlaced and run-length encoded ones are made by hand."""
    plain, woven = (to_uint8(decode(WHOLE[name])) for name in ("PNG colour", "PNG interlaced"))
    np.testing.assert_array_equal(woven, plain)
    runs = to_uint8(decode(WHOLE["BMP runs"]))
    colours = np.frombuffer(bytes(range(16)), np.uint8).reshape(4, 4)[:, 2::-1]  # stored as BGR, bottom up
    np.testing.assert_array_equal(runs, np.repeat(colours[np.arange(39, -1, -1) % 4][:, None], 40, axis=1))


def test_a_seed_makes_the_same_pictures_again(damaged: Pictures) -> None:
    again, other = make_pictures(3, 8), make_pictures(4, 8)
    numbers = range(50, 150)
    made = [damaged.picture(number) for number in numbers]
    assert made == [again.picture(number) for number in numbers]
    assert len({data for _, data in made}) > 90
    assert sum(data == other.picture(number)[1] for number, (_, data) in zip(numbers, made, strict=True)) < 10


def test_damaged_pictures_are_read_or_refused(damaged: Pictures) -> None:
    results = [read(number, *damaged.picture(number)) for number in range(50, 450)]
    assert {result.outcome for result in results} == {"read", "refused"}
    assert all(result.words.startswith("The ") for result in results if result.outcome == "refused")


def test_another_exception_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> None:
        raise KeyError("tile")

    monkeypatch.setattr(images, "decode", fail)
    result = read(7, "PNG", b"bytes")
    assert (result.outcome, result.words, result.size) == ("fault", "KeyError: 'tile'", 5)
    assert "1 faults" in report([result], 1.0, 0)
    assert "7  fault: PNG. KeyError" in report([result], 1.0, 0)


@pytest.mark.parametrize(
    ("seconds", "memory", "outcome"),
    [
        (MOST_SECONDS - 0.1, MOST_BYTES, "read"),
        (MOST_SECONDS + 0.1, 0, "slow"),
        (0.1, MOST_BYTES + 1, "hungry"),
        (0.1, None, "read"),
    ],
)
def test_limits(seconds: float, memory: int | None, outcome: str) -> None:
    assert fuzz._judged("read", seconds, memory) == outcome
    assert fuzz._judged("fault", seconds, memory) == "fault"


def test_memory_is_measured_beside_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "decode", lambda _: np.ones(50_000_000, np.uint8).sum())
    result = read(0, "PNG", b"")
    assert result.memory is not None
    assert result.memory == pytest.approx(50e6, rel=0.2)


class Dies:
    """A process that reads some pictures and dies over others."""

    def __init__(self, *_: int) -> None:
        pass

    def ask(self, number: int) -> Result:
        return Result(number, "", 0, "crashed" if number == 3 else "read")

    def close(self) -> None:
        pass


def test_all_pictures_have_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "_Reader", Dies)
    results: Iterator[Result] = fuzz.run(0, 20, 3)
    outcomes = {result.number: result.outcome for result in results}
    assert sorted(outcomes) == list(range(20))
    assert [number for number, outcome in outcomes.items() if outcome in FAULTS] == [3]


def test_the_largest_pictures_hold_little_besides_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each format and turned: what is held is the image once, and the colours as floats."""
    side = 3500
    pixels = Image.fromarray(np.tile(np.arange(side, dtype=np.uint16) % 251, (side, 1)).astype(np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    for kind, mode, options in (
        ("JPEG", "RGB", {"exif": turned}),
        ("WEBP", "RGBA", {"lossless": True, "quality": 0, "method": 0, "exif": turned}),
        ("TIFF", "F", {}),
        ("TIFF", "RGBA", {"exif": turned}),
    ):
        data = _saved(pixels.convert(mode), kind, options)
        results = [read(0, kind, data) for _ in range(3)]
        assert {result.outcome for result in results} == {"read"}
        # Four bytes of the image and twelve of the floats; and strips of a million pixels.
        least = min(result.memory or 0 for result in results)
        assert 16 * side**2 < least < 16 * side**2 + 100e6, (kind, mode)


def _saved(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
