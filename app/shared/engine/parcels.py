"""Values on the way between processes: a small pickled body, and the bytes of tensors and arrays."""

import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Buffers = tuple[np.ndarray, ...]
_RAW_BYTES = 1 << 12  # below this, a copy in the body costs less than a buffer of its own


class _Packer(pickle.Pickler):
    """Pickles tensors by their bytes, which torch's own way copies several times."""

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Tensor):
            return NotImplemented
        flat = obj.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return _tensor, (flat.numpy(), obj.dtype, tuple(obj.shape))


def _tensor(data: np.ndarray, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    if not data.size:
        return torch.empty(shape, dtype=dtype)
    whole = data if data.flags.writeable else data.copy()  # torch has no tensors that cannot be written to
    return torch.from_numpy(whole).view(dtype).reshape(shape)


def packed(value: object) -> tuple[bytes, Buffers]:
    """Return a value as a body, and the bytes of its tensors and arrays, which are not copied."""
    buffers: list[np.ndarray] = []

    def beside(buffer: pickle.PickleBuffer) -> bool:
        data = np.frombuffer(buffer.raw(), np.uint8)
        if data.nbytes < _RAW_BYTES:
            return True
        buffers.append(data)
        return False

    body = io.BytesIO()
    _Packer(body, protocol=5, buffer_callback=beside).dump(value)
    return body.getvalue(), tuple(buffers)


def unpacked(body: bytes, buffers: Sequence[np.ndarray]) -> Any:
    """Return a value from its body and its bytes, which it shares."""
    return pickle.loads(body, buffers=buffers)
