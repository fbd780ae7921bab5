"""What tensors come from: which maps, which weights, which enlargements are in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary


@dataclass(frozen=True, slots=True)
class Origin:
    """What went into a tensor.

    Attributes:
        of_input: Whether the model's input did.
        learned: Whether a weight did.
        calls: Numbers of the enlargements that did.
    """

    of_input: bool = False
    learned: bool = False
    calls: frozenset[int] = frozenset()

    def __or__(self, other: "Origin") -> "Origin":
        """What went into something made of both."""
        return Origin(
            self.of_input or other.of_input, self.learned or other.learned, self.calls | other.calls
        )


@dataclass(slots=True)
class Flow:
    """Origins of all tensors that are alive, followed from operation to operation.

    Attributes:
        followed: Enlargements whose outputs have met a weight.
    """

    followed: set[int] = field(default_factory=set[int])
    _origins: WeakTensorKeyDictionary = field(default_factory=WeakTensorKeyDictionary)

    def origin(self, tensor: Tensor) -> Origin:
        """What went into a tensor."""
        if isinstance(tensor, nn.Parameter):
            return Origin(learned=True)
        found = self._origins.get(tensor)
        return found if isinstance(found, Origin) else Origin()

    def mark(self, tensor: Tensor, origin: Origin) -> None:
        """Say what went into a tensor."""
        if not isinstance(tensor, nn.Parameter):
            self._origins[tensor] = origin

    def follow(self, inputs: tuple[Tensor, ...], result: object) -> Origin:
        """Take note of one operation; gives what went into its inputs."""
        origins = [self.origin(tensor) for tensor in inputs]
        merged = Origin()
        for origin in origins:
            merged |= origin
        # A weight, or what was made of weights alone, such as a transposed or normalised one.
        if any(origin.learned and not origin.of_input for origin in origins):
            self.followed |= merged.calls
        changed = tuple(tensors_in(result)) or inputs[:1] * (result is None)
        for tensor in changed:
            self.mark(tensor, merged)
        return merged


def tensors_in(value: object) -> Iterator[Tensor]:
    """All tensors of nested tuples, lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from tensors_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)
