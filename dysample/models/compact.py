"""Weights as they are shipped: half of their size in float16, a quarter in 8 bits.

A large matrix becomes integers from -127 to 127 with a float32 scale for each of its rows, so that a
value is wrong by half a step at most, 1/254 of the largest in its row.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

_SCALE = "@scale"  # follows the name of a matrix; no parameter of a module can be called so
_LARGE = 1024  # values; in smaller matrices the scales would take what the integers save


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices in float16; vectors stay float32, since variances can leave float16's range."""
    return {name: _half(tensor) for name, tensor in tensors.items()}


def quartered(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Large matrices in 8 bits with scales beside them; the rest as `halved` gives it."""
    small: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not (tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel() >= _LARGE):
            small[name] = _half(tensor)
            continue
        rows = tensor.detach().cpu().float().flatten(1)
        scale = rows.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / 127
        small[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(tensor)
        small[name + _SCALE] = scale
    return small


def restored(small: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `halved` or `quartered` made small; those in 8 bits come back in float32."""
    return {name: _restored(name, small) for name in small if not name.endswith(_SCALE)}


def _half(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.to(torch.float16) if tensor.is_floating_point() and tensor.ndim > 1 else tensor


def _restored(name: str, small: Mapping[str, Tensor]) -> Tensor:
    tensor, scale = small[name], small.get(name + _SCALE)
    if scale is None:
        return tensor
    return tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
