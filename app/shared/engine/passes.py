"""How encoders and heads run fastest on the device: precision, memory layout, recorded graphs."""

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from app.shared.engine import devices
from dysample.measure.timing import Call, recorded
from dysample.models import host
from dysample.models.computing import decoding, encoding
from dysample.models.encoder import Encoder
from dysample.models.heads import DenseHead, Head
from dysample.types import Prediction, Step

_T = TypeVar("_T")
_Key = tuple[Hashable, ...]
_MOST_GRAPHS = 8
_MOST_KNOWN = 256  # passes of which it is known that they came once, or cannot be recorded


def to_device(
    image: UInt8[np.ndarray, "h w 3"], device: torch.device | None = None
) -> Float[Tensor, "1 3 h w"]:
    """Return a picture on a device, RGB in [0, 1], channels last in memory, which is faster.

    Args:
        image: The picture.
        device: The device; by default the one that networks run on.
    """
    pixels = devices.uploaded(torch.from_numpy(image.copy()), device)
    return pixels.permute(2, 0, 1)[None].float() / 255


def encode(encoder: Encoder, image: Float[Tensor, "1 3 h w"]) -> tuple[Tensor, ...]:
    """Compute the encoder's maps of a picture, in the layout in which heads read them fastest."""

    def maps(image: Tensor) -> tuple[Tensor, ...]:
        return tuple(x.contiguous(memory_format=devices.layout()) for x in host.encode(encoder, image))

    return _run(encoder, "maps", maps, (image,))


def local(encoder: Encoder, image: Float[Tensor, "1 3 h w"]) -> tuple[Tensor, ...]:
    """Compute the encoder's maps of a part of a picture, without the context of the image."""
    return encoder.local(host.padded(encoder, image))


def decode(head: Head, maps: tuple[Tensor, ...], shape: tuple[int, ...]) -> Prediction[Any]:
    """Compute a head's output for a picture of some rows and columns, with all upsampling steps."""
    height, width = shape[:2]
    return _run(head, f"{height}×{width}", lambda *maps: head.decode(maps, height, width), maps)


def steps(head: Head, maps: tuple[Tensor, ...]) -> tuple[Step, ...]:
    """Compute a head's upsampling steps alone."""
    return _run(head, "steps", lambda *maps: head.steps(maps), maps)


def _run(network: nn.Module, name: str, call: Callable[..., _T], inputs: tuple[Tensor, ...]) -> _T:
    """Run a pass of a network, as a graph where the device has such and the pass is the same every time."""
    device = _where(inputs)  # the CPU, where memory of the GPU ran out
    precision = devices.precision() if device.type == devices.device().type else "float32"
    within = encoding if isinstance(network, Encoder) else decoding

    def computed(*inputs: Tensor) -> _T:
        with within(device, precision):
            return call(*inputs)

    # What finds objects allocates as much as it finds.
    if device.type == "cuda" and isinstance(network, Encoder | DenseHead):
        return GRAPHS.run(network, f"{name}, {precision}", computed, inputs)
    return computed(*inputs)


def _where(inputs: tuple[Tensor, ...]) -> torch.device:
    return inputs[0].device


# --- CUDA graphs ---


@dataclass(frozen=True, slots=True)
class _Graph(Generic[_T]):
    """A recorded pass.

    Attributes:
        inputs: Where it reads its inputs.
        output: Where it leaves its output, until it or another graph runs again.
        replay: Launches it.
    """

    inputs: tuple[Tensor, ...]
    output: _T
    replay: Call

    def run(self, inputs: tuple[Tensor, ...]) -> _T:
        for own, given in zip(self.inputs, inputs, strict=True):
            own.copy_(given)
        self.replay()
        return devices.mapped(self.output, Tensor.clone)


class Graphs:
    """Passes of networks recorded as CUDA graphs, whose hundreds of small kernels start with one launch.

    A pass is recorded when it comes for the second time with inputs of the same shapes, so that what comes
    once pays nothing; those used last are kept. What cannot be recorded runs plainly from then on. All graphs
    share their memory, so they are not for several threads at once: a job has the device to itself.
    """

    def __init__(self, *, most: int = _MOST_GRAPHS, record: Callable[[Call], Call] | None = None) -> None:
        """Begin without any graph.

        Args:
            most: Number of graphs to keep.
            record: Records what a call does on the device, and returns what launches it; by default on the
                current CUDA device.
        """
        self._most = most
        self._record = record or self._recorded
        self._known: OrderedDict[_Key, _Graph[Any] | Literal["came once", "refused"]] = OrderedDict()
        self._dead: list[weakref.ref[nn.Module]] = []  # any thread may drop a network at any time
        self._pool: Any = None

    def __len__(self) -> int:
        """Return the number of graphs."""
        return sum(isinstance(known, _Graph) for known in self._known.values())

    def run(self, network: nn.Module, name: str, call: Callable[..., _T], inputs: tuple[Tensor, ...]) -> _T:
        """Run a pass of a network.

        Args:
            network: The network, which is not held on to.
            name: Tells passes of a network with the same inputs apart.
            call: The pass, from its inputs to tensors in records and tuples.
            inputs: Its inputs.
        """
        # A dead network's reference equals no other, not even that of a new network in the same place.
        key = (weakref.ref(network, self._dead.append), name, *map(_kind, inputs))
        self._forget_dead()
        known = self._known.pop(key, None)
        if known == "came once":
            known = self._graph(call, inputs)
        self._keep(key, "came once" if known is None else known)
        return known.run(inputs) if isinstance(known, _Graph) else self._plain(call, inputs)

    def clear(self) -> None:
        """Drop all graphs and their memory."""
        self._known.clear()
        self._pool = None
        torch.cuda.empty_cache()

    def _graph(
        self, call: Callable[..., _T], inputs: tuple[Tensor, ...]
    ) -> "_Graph[_T] | Literal['refused']":
        own = tuple(x.clone() for x in inputs)
        outputs: list[_T] = []

        def recording() -> None:
            outputs[:] = [call(*own)]

        try:
            replay = self._record(recording)
        except RuntimeError:
            return "refused"
        return _Graph(own, outputs[0], replay)

    def _plain(self, call: Callable[..., _T], inputs: tuple[Tensor, ...]) -> _T:
        try:
            return call(*inputs)
        except torch.OutOfMemoryError:
            if not len(self):
                raise
        self.clear()  # graphs are for speed alone: no job fails for their memory
        return call(*inputs)

    def _keep(self, key: _Key, known: "_Graph[Any] | Literal['came once', 'refused']") -> None:
        self._known[key] = known
        if len(self) > self._most:
            del self._known[next(key for key, known in self._known.items() if isinstance(known, _Graph))]
        if len(self._known) > _MOST_KNOWN + self._most:
            del self._known[next(key for key, known in self._known.items() if not isinstance(known, _Graph))]

    def _forget_dead(self) -> None:
        while self._dead:
            dead = self._dead.pop()
            for key in [key for key in self._known if key[0] is dead]:
                del self._known[key]

    def _recorded(self, call: Call) -> Call:
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        return recorded(call, pool=self._pool)


def _kind(x: Tensor) -> Hashable:
    return tuple(x.shape), x.stride(), x.dtype, x.device


GRAPHS = Graphs()
