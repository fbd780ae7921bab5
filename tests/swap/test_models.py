"""Models with swapped upsamplers: nested, copied, run by several threads, trained."""

import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dysample import DySample, swap_upsamplers
from dysample.trial.plan import zero_offsets
from tests.swap.networks import Inner, Interpolating, Nested, picture

pytestmark = pytest.mark.slow


def test_modules_inside_modules_and_called_twice() -> None:
    model = Nested()
    swapped, report = swap_upsamplers(model, picture())
    assert [row.site.name for row in report.swapped] == ["[0]", "inner[0]", "inner[2]", "up", "[1]"]
    # Inner is called twice and holds two upsamplers, not four.
    upsamplers = [path for path, module in swapped.named_modules() if isinstance(module, DySample)]
    assert upsamplers == [
        "inner.swapped_upsamplers.0.steps.0",
        "inner.swapped_upsamplers.2.steps.0",
        "up.swapped_upsamplers.0.steps.0",
        "swapped_upsamplers.0.steps.0",
        "swapped_upsamplers.1.steps.0",
    ]
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model(picture()), atol=1e-5, rtol=0)


def test_every_upsampler_is_used_where_it_belongs() -> None:
    """Only the parent's second call is swapped: the child's and its own first are counted apart."""
    model = Nested()
    swapped, report = swap_upsamplers(model, picture(), where=["[1]"])
    assert len(report.swapped) == 1
    upsampler = next(module for module in swapped.modules() if isinstance(module, DySample))
    nn.init.constant_(upsampler.offset.bias, 1.0)
    x = F.interpolate(model.before(picture()), scale_factor=2)
    x = model.inner(model.up(model.inner(x)))
    torch.testing.assert_close(swapped(picture()), model.after(upsampler(x)), atol=1e-5, rtol=0)


def test_the_state_is_registered_and_the_original_untouched() -> None:
    model = Nested().double().train()
    model.before.weight.requires_grad_(False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    swapped, report = swap_upsamplers(model, picture().double())
    new = set(swapped.state_dict()) - set(before)
    assert sum(swapped.state_dict()[name].numel() for name in new) == report.parameters
    assert all(weight.dtype == torch.float64 for weight in swapped.parameters())
    assert [name for name, weight in swapped.named_parameters() if not weight.requires_grad] == [
        "before.weight"
    ]
    assert all(module.training for module in swapped.modules())
    assert isinstance(swapped, Nested)
    assert isinstance(swapped.inner, Inner)
    assert type(model) is Nested
    assert type(model.up) is nn.Upsample
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    other, _ = swap_upsamplers(model, picture().double())
    other.load_state_dict(swapped.state_dict())
    assert torch.equal(other(picture().double()), swapped(picture().double()))


def test_copies_and_pickles() -> None:
    swapped, _ = swap_upsamplers(Nested(), picture())
    wanted = swapped(picture())
    written = io.BytesIO()
    torch.save(swapped, written)
    written.seek(0)
    for other in (
        copy.deepcopy(swapped),
        pickle.loads(pickle.dumps(swapped)),
        torch.load(written, weights_only=False),
    ):
        assert isinstance(other, Nested)
        assert torch.equal(other(picture()), wanted)


def test_several_threads_run_one_model() -> None:
    swapped, _ = swap_upsamplers(Nested(), picture())
    sides = [(4, 6), (2, 2), (3, 5), (6, 4)] * 4
    wanted = [swapped(picture(*each)) for each in sides]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda each: swapped(picture(*each)), sides))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_new_weights_learn_alone() -> None:
    swapped, _ = swap_upsamplers(Nested().requires_grad_(False), picture())
    new = [weight for weight in swapped.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(new, lr=1.0)
    before = swapped(picture())
    before.square().mean().backward()
    optimiser.step()
    assert not torch.equal(swapped(picture()), before)


class _Foreign(nn.Module):
    """Calls an interpolating module by its `forward`, with a scale from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = Interpolating(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.inside.forward(x) * 2


def test_forward_called_by_name() -> None:
    model = _Foreign()
    swapped, report = swap_upsamplers(model, picture())
    assert [row.site.name for row in report.swapped] == ["inside[0]"]
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model(picture()), atol=1e-5, rtol=0)
