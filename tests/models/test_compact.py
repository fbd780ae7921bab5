"""Compressed weights are close to the originals, and uncompressed tensors are equal to them."""

import pytest
import torch

from dysample.models.weights import halved, quartered, restored


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    rows = 10.0 ** torch.arange(-6, 6)[:, None, None, None]  # every row of another size
    return {
        "large": torch.randn(12, 32, 3, 3) * rows,
        "nothing": torch.zeros(32, 32),
        "small": torch.randn(4, 8),
        "variance": torch.tensor([1e6, 1e-6]),
        "batches": torch.tensor(7),
    }


def test_8_bits_are_wrong_by_half_a_step_at_most(tensors: dict[str, torch.Tensor]) -> None:
    found = restored(quartered(tensors))
    assert list(found) == list(tensors)
    step = tensors["large"].flatten(1).abs().amax(1) / 127
    error = (found["large"] - tensors["large"]).flatten(1).abs().amax(1)
    assert (error <= 0.5001 * step).all()
    assert (error > 0.3 * step).all()  # and no better than 8 bits can be: nothing else was kept
    assert torch.equal(found["nothing"], tensors["nothing"])


@pytest.mark.parametrize("make", [halved, quartered])
def test_vectors_and_counts_are_the_same_and_small_matrices_half(make, tensors) -> None:
    found = restored(make(tensors))
    for name in ("variance", "batches"):
        assert torch.equal(found[name], tensors[name])
    torch.testing.assert_close(found["small"], tensors["small"].half())


def test_a_large_matrix_takes_a_quarter(tensors: dict[str, torch.Tensor]) -> None:
    matrix = {"large": torch.randn(256, 1024)}
    taken = sum(tensor.nbytes for tensor in quartered(matrix).values())
    assert taken / matrix["large"].nbytes == pytest.approx(0.25, rel=0.01)
