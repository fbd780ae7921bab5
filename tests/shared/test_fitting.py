"""Pictures reduced to what the memory suffices for, and what pages say of it."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from streamlit.testing.v1 import AppTest

from app.records import Comparison, Route
from app.shared.cache import CACHE
from app.shared.engine import memory, tiles
from app.shared.engine.local import alone
from app.shared.engine.memory import NoRoomError, fitting_side
from app.views.compare import compute, words
from dysample.models.manifest import load_manifest
from dysample.models.weights import load_encoder
from tests.views.compare.made import HEIGHT, WIDTH
from tests.views.opened import forget, open_page

LARGE = 6124, 8165  # 50 megapixels


# --- Bytes ---


def test_sizes_by_hand() -> None:
    # 100 bytes, and 30 % for gaps; 1000×1000 pixels are padded to 1024×1024, or 136 MB.
    assert fitting_side((1000, 1000), 100, 136_400_000) == 0
    # In 130 MB are a million pixels; the side goes down in steps of 32 to 992.
    assert fitting_side((1000, 1000), 100, 130_000_000) == 992
    assert fitting_side((750, 1000), 100, 13_000_000) == 320  # 352×264, padded to 352×288, take 13.2 MB
    assert fitting_side((1000, 1000), 100, 0) == 32


@pytest.mark.parametrize("room", [10**6, 10**7, 10**8, 10**9])
@pytest.mark.parametrize("shape", [LARGE, (300, 451), (20, 6000)])
def test_the_largest_size_that_fits_is_taken(shape: tuple[int, int], room: int) -> None:
    def fits(side: int) -> bool:
        rows, columns = (max(1, round(length * side / max(shape))) for length in shape)
        padded = (rows + -rows % 32) * (columns + -columns % 32)
        return 1.3 * 200 * padded <= room

    found = fitting_side(shape, 200, room)
    sides = [side for side in range(32, max(shape), 32) if fits(side)]
    assert found == (0 if fits(max(shape)) else max(sides, default=32))


def test_bytes_of_maps_by_hand() -> None:
    street, everyday = load_encoder("street-segmentation"), load_encoder("everyday-segmentation")
    # 24, 32, 96 and 1280 channels at strides 4 to 32, of 4 bytes each, for 64×64 pixels.
    assert memory.maps_bytes(street, (60, 64)) == 4 * (24 * 256 + 32 * 64 + 96 * 16 + 1280 * 4)
    # With a context of 256 channels, and the 320 channels at stride 16 that it is made of.
    expected = 4 * (24 * 256 + 32 * 64 + 96 * 16 + 256 * 4 + 320 * 16)
    assert memory.maps_bytes(everyday, (64, 60)) == expected


def test_bytes_of_heads_by_hand() -> None:
    """64 channels at stride 4 take 16 bytes a pixel; logits of 40 classes take 160."""
    street, indoor = (load_manifest().task(f"{name}-segmentation") for name in ("street", "indoor"))
    levels, steps = 16 + 4 + 1 + 0.25, (1 + 4 + 16) + (4 + 16) + 16
    fusion = levels + steps + 4 * 16 + 2 * 16  # four maps together, and two of the layers after them
    assert memory.strips_bytes(street, (64, 64)) == pytest.approx(fusion * 64 * 64, rel=0.01)
    assert memory.head_bytes(street, (64, 64)) == memory.strips_bytes(street, (60, 33))
    # In the end there are the steps, two maps, and the logits at both sizes.
    end = levels + steps + 2 * 16 + 160 / 16 + 160
    assert memory.head_bytes(indoor, (64, 64)) == pytest.approx(end * 64 * 64, rel=0.05)


# --- One large picture at a time ---


def test_large_pictures_are_worked_on_one_after_the_other() -> None:
    running, most, lock = 0, 0, threading.Lock()
    small_meanwhile = threading.Event()

    def work() -> None:
        nonlocal running, most
        with alone(LARGE, needs=1000):
            with lock:
                running += 1
                most = max(most, running)
            with alone((300, 400), needs=10**15):  # a small one needs no turn, and is not refused
                small_meanwhile.set()
            with lock:
                running -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (running, most) == (0, 1)
    assert small_meanwhile.is_set()


def test_a_large_comparison_beyond_the_memory_is_refused_with_both_numbers() -> None:
    with (
        pytest.raises(NoRoomError, match=r"8165×6124 pixels takes about 1300000 GB .* are free now"),
        alone(LARGE, needs=10**15),
    ):
        pass


def test_a_large_comparison_drops_what_is_kept_before_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three values of 1 MB each two have to go, so that 2.6 MB are free: those of the fewest seconds."""
    forget()
    for seconds in (0.0, 0.05, 0.3):
        CACHE.get(seconds, lambda seconds=seconds: time.sleep(seconds) or np.zeros(1_000_000, np.uint8))

    def free() -> SimpleNamespace:
        return SimpleNamespace(total=8_000_000_000, available=3_800_000 - CACHE.used)

    monkeypatch.setattr(psutil, "virtual_memory", free)
    with alone(LARGE, needs=2_000_000):
        assert len(CACHE) == 1
    with alone(LARGE, needs=2_000_000):
        assert len(CACHE) == 1
    assert CACHE.get(0.3, lambda: None) is not None


# --- Pages ---


def run(address: str, available: int, monkeypatch: pytest.MonkeyPatch, **query: str) -> AppTest:
    """Open a page while some bytes are free."""
    forget()
    free = SimpleNamespace(total=8_000_000_000, available=available)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    app = open_page(address)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def captions(app: AppTest) -> str:
    assert not app.exception
    assert not app.error
    return "\n".join(caption.value for caption in app.caption)


@pytest.mark.slow
def test_compare_says_that_a_picture_was_computed_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "SIDES", (160,))
    monkeypatch.setattr(tiles, "OVERLAP", 32)
    monkeypatch.setattr(tiles, "HEAD_OVERLAP", 32)
    # Chelsea has 451×300 pixels: the encoder takes 48 MB of them, a tile of 160² 8 MB. 4 × 5 tiles of 96².
    app = run("compare", 25_000_000, monkeypatch)
    sentence = "The picture was computed in 20 overlapping tiles, because one pass needs more memory"
    assert sentence in captions(app)
    psutil.virtual_memory().available = 10**10
    assert sentence in captions(app.run())  # kept with the answer


@pytest.mark.slow
@pytest.mark.parametrize("address", ["offsets", "point", "anatomy"])
def test_explorers_reduce_the_picture_and_say_both_sizes(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 340 bytes and 30 % for gaps: 20 MB are enough for 45,000 pixels; 256×170 are padded to 49,000.
    app = run(address, 20_000_000, monkeypatch, anatomy_on="Picture")
    assert "Computed at 224×149 pixels instead of 451×300 pixels: more does not fit" in captions(app)
    psutil.virtual_memory().available = 10**10
    assert "Computed at 224×149 pixels" in captions(app.run())  # one size as long as the session lasts


@pytest.mark.slow
def test_objects_are_found_in_a_reduced_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    app = run("compare", 25_000_000, monkeypatch, task="Everyday objects, boxes", picture="chelsea")
    # 240 bytes and 30 % for gaps: 80,000 pixels; 352×234 are padded to 90,000.
    assert "Computed at 320×213 pixels instead of 451×300 pixels" in captions(app)
    assert "tiles" not in captions(app)
    forget()


# --- Words ---


@pytest.fixture
def comparison() -> Comparison:
    from dysample.models.annotations import Labels
    from tests.views.compare.made import made_comparison

    right = np.zeros((HEIGHT, WIDTH), np.uint8)
    wrong = right.copy()
    wrong[:, WIDTH // 2 :] = 1
    scores = {"miou": 0.5, "boundary_miou": 0.5}
    return made_comparison(
        "segmentation", ("a", "b"), Labels(right), right=Labels(right), wrong=Labels(wrong), scores=scores
    )


def in_ways(comparison: Comparison, *ways: Route) -> Comparison:
    from dataclasses import replace

    rows = tuple(
        replace(row, answer=replace(row.answer, way=way))
        for row, way in zip(comparison.compared, ways, strict=True)
    )
    return replace(comparison, compared=rows)


def test_ways_in_words(comparison: Comparison) -> None:
    assert words.ways(comparison) == ""
    assert "The picture was computed in 4 or 6 overlapping tiles" in words.ways(
        in_ways(comparison, Route(tiles=6), Route(tiles=4))
    )
    assert words.ways(in_ways(comparison, Route(on_cpu=True), Route())) == (
        "The picture with Nearest was computed on the CPU, because the memory of the GPU does not suffice."
    )


def test_large_pictures_are_shown_reduced_with_the_numbers_of_all_pixels(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compute.shown(comparison) is comparison
    assert words.shown(comparison, compute.shown_size(comparison)) == ""
    monkeypatch.setattr(compute, "SHOWN_PIXELS", HEIGHT * WIDTH // 4)
    shown = compute.shown(comparison)
    nearest, bilinear = shown.compared
    assert shown.picture.image.shape == (HEIGHT // 2, WIDTH // 2, 3)
    blocks = comparison.picture.image.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean((1, 3))
    np.testing.assert_allclose(shown.picture.image, blocks, atol=1)
    expected = comparison.compared[0].answer.annotation.classes[::2, ::2]
    assert np.array_equal(nearest.answer.annotation.classes, expected)
    assert shown.reference.classes.shape == shown.picture.truth.classes.shape == (HEIGHT // 2, WIDTH // 2)
    assert (nearest.difference, nearest.score) == (
        comparison.compared[0].difference,
        comparison.compared[0].score,
    )
    assert bilinear.difference is None
    sentence = words.shown(comparison, compute.shown_size(comparison))
    assert f"Shown at {WIDTH // 2}×{HEIGHT // 2} of {WIDTH}×{HEIGHT} pixels" in sentence
