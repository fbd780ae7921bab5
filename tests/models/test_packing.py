"""Packed weights come back to the bit, alone or resting on others, take less, and are refused if damaged."""

import numpy as np
import pytest
import torch
from safetensors.torch import save

from dysample.models.manifest import load_manifest
from dysample.models.packing import Base, base_of, pack, unpack
from dysample.models.weights import halved, quartered, read_small

BASE = Base("task/nearest.packed", "0" * 64)
Arrays = dict[str, np.ndarray]


def weights(seed: int, *, change: float = 0.02) -> dict[str, torch.Tensor]:
    """Make weights that began with the same values and have gone a little way since."""
    first, own = torch.Generator().manual_seed(0), torch.Generator().manual_seed(seed)
    shapes = {"fuse.weight": (40, 32, 3, 3), "norm.weight": (300,), "project.weight": (16, 8)}
    tensors = {
        name: torch.randn(shape, generator=first) + change * torch.randn(shape, generator=own)
        for name, shape in shapes.items()
    }
    return tensors | {
        "up.weight": torch.randn(64, 3 * seed, generator=own),
        "norm.batches": torch.tensor(seed),
    }


def arrays(tensors: dict[str, torch.Tensor]) -> Arrays:
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def same(first: Arrays, second: Arrays) -> bool:
    """Return whether two have the same names, types, shapes and bits."""
    first_bits, second_bits = (
        {name: (values.dtype, values.shape, values.tobytes()) for name, values in each.items()}
        for each in (first, second)
    )
    return first_bits == second_bits


def nothing(_: Base) -> Arrays:
    raise AssertionError("these weights stand alone")


@pytest.mark.parametrize("make", [halved, quartered])
def test_every_bit_comes_back(make) -> None:
    base, other = arrays(make(weights(1))), arrays(make(weights(2)))
    assert {str(values.dtype) for values in other.values()} >= {"float16", "float32", "int64"}
    assert same(unpack(pack(other), nothing), other)
    assert base_of(pack(other)) is None
    data = pack(other, base=BASE, known=base)
    assert base_of(data) == BASE
    assert data == pack(dict(reversed(other.items())), base=BASE, known=base)
    asked: list[Base] = []
    assert same(unpack(data, lambda file: asked.append(file) or base), other)
    assert asked == [BASE]


def test_odd_values_come_back() -> None:
    """Signed zeros, infinities, NaN, the smallest and the largest numbers, and matrices without rows."""
    singles = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -3.4e38, 1.0], np.float32)
    base = {"a": singles[::-1].copy(), "b": np.zeros((2, 3), np.float16), "c": np.zeros((0, 4), np.float16)}
    halves = np.array([[-0.0, 6e-8, 65504], [np.inf, np.nan, -1]], np.float16)
    other = {"a": singles, "b": halves, "c": base["c"], "n": np.array(-(2**63))}
    for data in (pack(other), pack(other, base=BASE, known=base)):
        assert same(unpack(data, lambda _: base), other)


def test_rows_of_any_scale_come_back() -> None:
    """A base whose rows are far larger, far smaller, or zero, and integers at both ends."""
    integers = np.random.default_rng(0).integers(-127, 128, (6, 300)).astype(np.int8)
    scales = np.array([1e-30, 1e30, 1.0, 1e-3, 5e-38, 1e-41], np.float32)
    base = {"w": integers[::-1].copy(), "w@scale": scales[::-1].copy()}
    other = {"w": integers, "w@scale": scales}
    assert same(unpack(pack(other, base=BASE, known=base), lambda _: base), other)
    floats = {"w": integers.astype(np.float32)}
    assert same(unpack(pack(other, base=BASE, known=floats), lambda _: floats), other)
    assert same(unpack(pack(floats, base=BASE, known=other), lambda _: other), floats)


def test_what_is_alike_takes_less() -> None:
    """A change of a fiftieth is about two of 127 steps: two or three bits of eight, as of Shannon."""
    base, other = arrays(quartered(weights(1))), arrays(quartered(weights(2)))
    alone, resting = len(pack(other)), len(pack(other, base=BASE, known=base))
    assert alone < len(save(quartered(weights(2))))
    assert resting < 0.6 * alone


def test_shipped_weights_take_less_than_safetensors() -> None:
    manifest = load_manifest()
    for task, upsampler, most in (("everyday-panoptic", "dysample+", 0.8), ("street-segmentation", "", 0.8)):
        entry = manifest.entry(task, upsampler)
        size = (manifest.folder / entry.file).stat().st_size
        assert size < most * len(save(read_small(manifest, entry)))


def test_damage_is_a_sentence() -> None:
    base = arrays(quartered(weights(1)))
    data = pack(arrays(quartered(weights(2))), base=BASE, known=base)
    with pytest.raises(ValueError, match="no file of packed weights"):
        unpack(save(weights(1)), nothing)
    with pytest.raises(ValueError, match="Error -"):
        unpack(data[:40], nothing)
    with pytest.raises(ValueError, match="incomplete or truncated"):
        unpack(data[:-1], lambda _: base)
    with pytest.raises(ValueError, match=r"its base has no fuse\.weight(@scale)? of the shape"):
        unpack(data, lambda _: {})
    with pytest.raises(ValueError, match=r"weights must be float32, .*, and x is float64"):
        pack({"x": np.zeros(3)})
