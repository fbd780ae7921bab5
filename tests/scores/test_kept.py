"""Statistics of many runs in one file: every bit comes back, and the file is small."""

import io
import lzma

import numpy as np
import pytest

from dysample.scores.kept import fold, unfold

Runs = dict[str, dict[str, np.ndarray]]


def counts(seed: int) -> dict[str, np.ndarray]:
    """Make the counts of a run whose pictures are everyone's: most classes are in no picture."""
    common, own = np.random.default_rng(0), np.random.default_rng(seed)
    truth = common.integers(0, 50_000, (60, 9)) * (common.random((60, 9)) < 0.3)
    wrong = own.integers(0, 400, (60, 9)) * (truth > 0)
    parts = np.asfortranarray((truth - np.minimum(wrong, truth)).astype(np.int32))
    return {"miou.parts": parts, "miou.wholes": np.asfortranarray((truth + wrong).astype(np.int32))}


def means(seed: int) -> dict[str, np.ndarray]:
    """Make means of truth values over the pixels of each picture, and means of errors."""
    pixels, own = np.random.default_rng(0).integers(1, 60_000, (70, 1)), np.random.default_rng(seed)
    right = np.array([[own.integers(0, size + 1) / size] for size in pixels[:, 0].tolist()])
    return {"delta1.parts": right, "rms.parts": own.random((70, 1)), "rms.wholes": np.ones((70, 1), np.int32)}


def matches(seed: int) -> dict[str, np.ndarray]:
    """Make predictions, of which every run has another number."""
    own = np.random.default_rng(seed)
    return {
        "box_ap.pictures": own.integers(0, 280, 100 + seed).astype(np.uint16),
        "box_ap.hits": own.integers(0, 1024, 100 + seed).astype(np.uint16),
        "box_ap.thresholds": np.array(10, np.uint8),
        "box_ap.scored": np.array([0, 2, 5], np.uint8),
    }


def odd(seed: int) -> dict[str, np.ndarray]:
    """Make what no scorer makes, and what an array may be."""
    return {
        "double": np.array([[-0.0, np.inf, -1.5, 5e-324, 1 / 3, 1e300 * seed]]),
        "nan": np.array([np.nan, seed]),
        "below": np.array([-(2**63), -seed, 2**63 - 1], np.int64),
        "none": np.zeros((0, 3), np.int32),
        "halves": np.array([[0.5, 2.5 * seed, 4.0]]),
    }


@pytest.mark.parametrize("make", [counts, means, matches, odd])
def test_every_bit_comes_back(make) -> None:
    runs: Runs = {f"heads-a-seed{seed}": make(seed) for seed in range(3)}
    again = unfold(fold(runs))
    assert again.keys() == runs.keys()
    for name, arrays in runs.items():
        assert list(again[name]) == list(arrays)
        for key, values in arrays.items():
            found = again[name][key]
            assert (found.dtype, found.shape) == (values.dtype, values.shape)
            assert found.tobytes() == values.tobytes()
            assert found.flags.f_contiguous  # a sum over pictures adds in the order in which scorers did


def test_runs_of_several_kinds_lie_in_one_file() -> None:
    runs: Runs = {"a": counts(1), "b": means(2), "c": counts(3)}
    assert {name: list(arrays) for name, arrays in unfold(fold(runs)).items()} == {
        name: list(arrays) for name, arrays in runs.items()
    }
    assert unfold(fold({})) == {}


def test_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match=r"arrays must be of .*float64, and x is float16"):
        fold({"a": {"x": np.zeros(3, np.float16)}})


@pytest.mark.parametrize("place", [0, 30, -40, -1])
def test_damage_is_noticed(place: int) -> None:
    data = bytearray(fold({"a": counts(1), "b": counts(2)}))
    data[place] ^= 64
    with pytest.raises(ValueError, match=r"\w"):
        unfold(bytes(data))


def test_a_torn_file_and_one_with_more_are_noticed() -> None:
    data = fold({"a": counts(1), "b": counts(2)})
    for torn in (b"", data[:50], data[:-1]):
        with pytest.raises(ValueError, match=r"Compressed data ended"):
            unfold(torn)
    content = lzma.decompress(data)
    with pytest.raises(ValueError, match="more than it says"):
        unfold(lzma.compress(content + b"\0"))
    with pytest.raises(ValueError, match="ends too early"):
        unfold(lzma.compress(content[:-1]))


@pytest.mark.parametrize(("make", "share"), [(counts, 0.6), (means, 0.8)])
def test_it_takes_less_than_a_file_for_each_run(make, share: float) -> None:
    """NumPy's own packed files, one a run, hold the same."""
    runs: Runs = {f"heads-a-seed{seed}": make(seed) for seed in range(12)}
    apart = 0
    for arrays in runs.values():
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        apart += len(file.getvalue())
    assert len(fold(runs)) < share * apart
