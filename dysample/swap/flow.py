"""Track what tensors are made of: the input, weights, enlargements, or something outside of torch."""

import hashlib
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch._C._functorch import (  # pyright: ignore[reportPrivateUsage]
    get_unwrapped,
    is_functorch_wrapped_tensor,
)
from torch.utils.weak import WeakTensorKeyDictionary

from dysample.swap.inputs import tensors_in

# Digest of a tensor's values; None if they cannot be read, as on the device "meta".
Digest = bytes | None


@dataclass(frozen=True, slots=True)
class Origin:
    """What went into a tensor.

    Attributes:
        of_input: Whether the model's input did.
        learned: Whether a weight did.
        calls: Indices of the enlargements that did.
        strays: Numbers of the tensors from nowhere that did, and of which nothing else is known.
    """

    of_input: bool = False
    learned: bool = False
    calls: frozenset[int] = frozenset()
    strays: frozenset[int] = frozenset()


@dataclass(slots=True)
class Flow:
    """Origins of all live tensors, followed from operation to operation.

    A tensor that no operation made, such as one from NumPy, from a list or from an extension, is a stray. Its
    values in two runs with different inputs show whether the input is in it.

    Attributes:
        settled: Of each stray by number, whether the input is in it; empty if that is not known yet.
        followed: Enlargements whose outputs have met a weight.
        strays: Digests of the strays, by number.
        left: What went into the arrays and lists that tensors were turned into; None if there are none.
    """

    settled: tuple[bool, ...] = ()
    followed: set[int] = field(default_factory=set[int])
    strays: list[Digest] = field(default_factory=list[Digest])
    left: Origin | None = None
    _all: Origin = field(default_factory=Origin)
    _origins: WeakTensorKeyDictionary = field(default_factory=WeakTensorKeyDictionary)

    def origin(self, tensor: Tensor) -> Origin:
        """Return what went into a tensor."""
        tensor = _unwrapped(tensor)
        if isinstance(tensor, nn.Parameter):
            return Origin(learned=True)
        origin = self._origins.get(tensor)
        if not isinstance(origin, Origin):
            origin = self._origin_of_stray(tensor)
            self.mark(tensor, origin)
        return origin

    def mark(self, tensor: Tensor, origin: Origin) -> None:
        """Set what went into a tensor."""
        tensor = _unwrapped(tensor)
        if not isinstance(tensor, nn.Parameter):
            self._origins[tensor] = origin

    def leave(self, tensors: tuple[Tensor, ...]) -> None:
        """Record that tensors were turned into arrays or lists."""
        self.left = _merged([*map(self.origin, tensors), *([self.left] if self.left else [])])

    def follow(self, inputs: tuple[Tensor, ...], result: object) -> Origin:
        """Record one operation, and return what went into its inputs."""
        origins = [self.origin(tensor) for tensor in inputs]
        merged = _merged(origins)
        # A weight, or a tensor made of weights alone, such as a transposed or normalised one.
        if any(origin.learned and not origin.of_input for origin in origins):
            self.followed |= merged.calls
        changed = tuple(tensors_in(result)) or inputs[:1] * (result is None)
        for tensor in changed:
            self.mark(tensor, merged)
        self._all = _merged([self._all, merged])
        return merged

    def _origin_of_stray(self, tensor: Tensor) -> Origin:
        number = len(self.strays)
        self.strays.append(_digest(tensor))
        if number >= len(self.settled):
            return Origin(strays=frozenset({number}))
        if not self.settled[number]:
            return Origin()
        source = self.left or self._all
        return Origin(True, source.learned, source.calls)


def _unwrapped(tensor: Tensor) -> Tensor:
    """Return the tensor that functions by `torch.func`, such as `vmap`, have wrapped for their batches."""
    while is_functorch_wrapped_tensor(tensor):
        tensor = get_unwrapped(tensor)
    return tensor


def _merged(origins: list[Origin]) -> Origin:
    if len(set(origins)) == 1:
        return origins[0]
    return Origin(
        any(origin.of_input for origin in origins),
        any(origin.learned for origin in origins),
        frozenset[int]().union(*(origin.calls for origin in origins)),
        frozenset[int]().union(*(origin.strays for origin in origins)),
    )


def _digest(tensor: Tensor) -> Digest:
    try:
        plain = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
        return hashlib.blake2b(plain.tobytes() + str(tuple(tensor.shape)).encode()).digest()
    except Exception:  # quantised, sparse and other tensors raise anything
        return None
