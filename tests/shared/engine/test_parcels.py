"""Parcels: values come out as they went in, and their bytes are not copied."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from app.shared.engine.parcels import packed, unpacked
from dysample.types import Prediction, Step


@dataclass(frozen=True, slots=True)
class Found:
    labels: np.ndarray
    names: dict[str, torch.Tensor]
    score: float | None


def through(value: object) -> object:
    body, buffers = packed(value)
    return unpacked(pickle.loads(pickle.dumps(body)), [data.copy() for data in buffers])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool])
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (40, 50, 3)])
def test_tensors_of_every_type_and_shape(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    tensor = (torch.rand(shape) * 5).to(dtype)
    found = through(tensor)
    assert isinstance(found, torch.Tensor)
    assert (found.dtype, found.shape) == (dtype, tensor.shape)
    assert torch.equal(found, tensor)


def test_a_prediction_with_steps_in_any_memory_layout() -> None:
    x = torch.rand(1, 6, 30, 40).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        step = Step("c4", x * 1, x[:, ::2], x.flip(3).transpose(2, 3).transpose(3, 2))
    found = through(Prediction(Found(np.arange(9000).reshape(90, 100).T, {"a": x}, None), (step,)))
    assert isinstance(found, Prediction)
    assert found.output.labels[99, 89] == 8999
    assert torch.equal(found.output.names["a"], x)
    for name in ("input", "guide", "output"):
        assert torch.equal(getattr(found.steps[0], name), getattr(step, name))
    assert not found.steps[0].input.is_inference()
    found.steps[0].input.add_(1.0)


def test_large_values_lie_beside_the_body_uncopied() -> None:
    tensor, array = torch.zeros(1000, 1000), np.zeros((500, 500), np.uint8)
    body, buffers = packed({"a": tensor, "b": array})
    assert len(body) < 1000
    assert [data.nbytes for data in buffers] == [4_000_000, 250_000]
    tensor[0, 0], array[0, 0] = 1.0, 7
    again = unpacked(body, buffers)
    assert (again["a"][0, 0], again["b"][0, 0]) == (1.0, 7)


def test_bytes_that_cannot_be_written_to_become_a_tensor_that_can() -> None:
    body, buffers = packed(torch.ones(5000))
    for data in buffers:
        data.setflags(write=False)
    found = unpacked(body, buffers)
    found += 1
    assert found.sum() == 10000
