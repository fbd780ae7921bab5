"""Maps are followed from inputs in objects, and through NumPy, lists and what else is outside of torch."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dysample import audit, swap_upsamplers
from dysample.swap.inputs import all_tensors, own_copy
from dysample.trial.plan import outputs, zero_offsets
from tests.swap.networks import picture

MASK = torch.zeros(1, 16, 24, dtype=torch.bool)


class Padded:
    """Pictures of several sizes and where they are padded, as detectors keep them."""

    def __init__(self, tensors: Tensor, mask: Tensor) -> None:
        self.tensors = tensors
        self.mask = mask


@dataclass(frozen=True)
class Frozen:
    """A batch that cannot be changed."""

    tensors: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Slotted:
    """A batch without a dictionary of attributes."""

    tensors: Tensor
    mask: Tensor


class Hidden:
    """A batch in a slot with a private name."""

    __slots__ = ("__inner",)

    def __init__(self, tensors: Tensor, mask: Tensor) -> None:
        self.__inner = deque([Padded(tensors, mask)])

    @property
    def tensors(self) -> Tensor:
        return self.__inner[0].tensors


class Pair(NamedTuple):
    """A batch that is a tuple too."""

    tensors: Tensor
    mask: Tensor


class _Through(nn.Module):
    """A convolution, anything, an enlargement, anything, a convolution."""

    def __init__(
        self, before: Callable[[Tensor], Tensor] = torch.relu, after: Callable[[Tensor], Tensor] = torch.relu
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 2, 1)
        self.before = before
        self.after = after

    def forward(self, batch: object) -> Tensor:
        x = batch["tensors"] if isinstance(batch, dict) else getattr(batch, "tensors", batch)
        return self.last(self.after(F.interpolate(self.before(self.first(x)), scale_factor=2)))


@pytest.mark.parametrize("make", [Padded, Frozen, Slotted, Hidden, Pair])
def test_inputs_in_objects(make: Callable[[Tensor, Tensor], object]) -> None:
    batch, model = make(picture(), MASK), _Through()
    found = audit(model, batch)
    assert [site.choice for site in found.sites] == ["swap"]
    assert found.sizes == ((16, 24), (32, 48))
    swapped, _ = swap_upsamplers(model, (batch,))
    torch.testing.assert_close(zero_offsets(swapped)(batch), model(picture()), atol=1e-5, rtol=0)


def test_inputs_in_containers() -> None:
    (site,) = audit(_Through(), ({"tensors": picture(), "mask": MASK},)).sites
    assert site.choice == "swap"
    (site,) = audit(_Through(), {"batch": Padded(picture(), MASK)}).sites
    assert site.choice == "swap"


def test_objects_are_copied_without_what_holds_no_tensors() -> None:
    names = ["a", "b"]
    batch = Padded(picture(), MASK)
    batch.names, batch.own = names, batch
    copied = own_copy(batch)
    assert copied is not batch
    assert copied.own is copied
    assert copied.names is names
    assert copied.tensors is not batch.tensors
    assert torch.equal(copied.tensors, batch.tensors)
    assert [tensor.dtype for tensor in all_tensors(batch)] == [torch.float32, torch.bool]


def test_outputs_in_objects() -> None:
    class Boxed(nn.Module):
        def forward(self, picture: Tensor) -> Frozen:
            return Frozen(F.interpolate(picture, scale_factor=2), MASK)

    (result,) = outputs(Boxed(), picture())
    assert result.shape == (1, 3, 32, 48)


def _by_hand(x: Tensor) -> Tensor:
    """Smooth each channel in NumPy."""
    channels = [(channel + np.roll(channel, 1, axis=0)) / 2 for channel in x[0].detach().cpu().numpy()]
    return torch.from_numpy(np.stack(channels))[None]


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    "through",
    [
        _by_hand,
        lambda x: torch.tensor(np.asarray(x)),
        lambda x: torch.as_tensor(x.tolist()),
        lambda x: torch.FloatTensor(x.tolist()),
        lambda x: torch.from_dlpack(x),
        lambda x: torch.frombuffer(bytearray(x.numpy().tobytes()), dtype=torch.float32).reshape(x.shape),
        lambda x: x.data,
        lambda x: x.detach().cpu(),
        lambda x: torch.stack(list(x)),
        torch.vmap(torch.relu),
    ],
    ids=["numpy", "tensor", "as_tensor", "legacy", "dlpack", "buffer", "data", "detach", "iteration", "vmap"],
)
def test_maps_are_followed_out_of_torch_and_back(place: str, through: Callable[[Tensor], Tensor]) -> None:
    """Before the enlargement, they must still count as learned; after it, as followed by a weight."""
    found = audit(_Through(**{place: through}), picture())
    assert [(site.choice, site.reason) for site in found.sites] == [("swap", "")]


@pytest.mark.parametrize("constant", [0.0, 0.5, 1.0])
def test_pictures_of_one_colour_are_followed_too(constant: float) -> None:
    (site,) = audit(_Through(_by_hand), torch.full((1, 3, 16, 24), constant)).sites
    assert site.choice == "swap"


class _Several(nn.Module):
    """Enlarges a learned map, the picture by way of NumPy, and a constant from NumPy."""

    def __init__(self) -> None:
        super().__init__()
        self.learned = _Through()
        self.mean = torch.tensor([0.5, 0.4, 0.3]).reshape(1, 3, 1, 1)

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        grid = torch.from_numpy(np.ones((1, 3, 4, 4), dtype=np.float32))
        edges = torch.from_numpy(np.diff(picture.numpy(), axis=2, append=0))
        return (
            self.learned(picture - self.mean),
            F.interpolate(edges, scale_factor=2),
            F.interpolate(grid, scale_factor=2),
        )


def test_constants_from_numpy_are_told_from_pictures() -> None:
    first, second, third = audit(_Several(), picture()).sites
    assert (first.choice, first.reason) == ("swap", "")
    assert (second.choice, second.reason) == ("request", "It resizes the input, before anything learned.")
    assert (third.choice, third.reason.partition(",")[0]) == ("never", "It resizes a parameter or a constant")


class _Noise(_Through):
    """Adds noise to a constant, which is enlarged, and looks at a map outside of torch."""

    def forward(self, batch: object) -> Tensor:
        noise = torch.from_numpy(np.random.rand(1, 8, 16, 24).astype(np.float32))
        return self.last(F.interpolate(noise, scale_factor=2)) + float(self.first(batch).numpy().mean())


def test_noise_is_no_map() -> None:
    (site,) = audit(_Noise(), picture()).sites
    assert site.choice == "never"
    assert site.reason.startswith("It resizes a parameter or a constant")


def test_arrays_as_inputs() -> None:
    class Decoding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = _Through()

        def forward(self, array: np.ndarray) -> Tensor:
            return self.network(torch.from_numpy(array).permute(2, 0, 1)[None])

    (site,) = audit(Decoding(), np.ones((16, 24, 3), dtype=np.float32)).sites
    assert site.choice == "swap"


class _Opaque:
    """Makes its pictures when it is asked for them."""

    @property
    def tensors(self) -> Tensor:
        return torch.from_numpy(picture().numpy())


class _Passing(nn.Module):
    def forward(self, batch: _Opaque) -> Tensor:
        return F.interpolate(batch.tensors, scale_factor=2)


def test_what_cannot_be_followed_is_said() -> None:
    (site,) = audit(_Passing(), (_Opaque(),)).sites
    assert site.choice == "never"
    assert site.reason.startswith("It resizes a tensor from outside of torch")
