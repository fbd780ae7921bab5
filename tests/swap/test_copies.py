"""Models that hold computed tensors, functions, or weights without a shape: copied, swapped, untouched."""

import functools
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrizations, prune

from dysample import audit, swap_upsamplers
from dysample.trial.plan import planned, start_of, swap_by_plan, zero_offsets
from dysample.trial.survey import audit_of, for_counting, survey, swap_costs
from tests.swap.networks import Interpolating, picture


def _weight_norm(model: Interpolating) -> None:
    nn.utils.weight_norm(model.before)


def _spectral_norm(model: Interpolating) -> None:
    nn.utils.spectral_norm(model.before)
    model(picture())


def _pruned(model: Interpolating) -> None:
    prune.l1_unstructured(model.before, "weight", 0.5)
    prune.random_unstructured(model.after, "bias", 1)
    model(picture())


def _parametrized(model: Interpolating) -> None:
    parametrizations.weight_norm(model.before)
    parametrizations.spectral_norm(model.after)
    model(picture())


def _kept(model: Interpolating) -> None:
    kept = model.before(picture())
    model.kept = kept
    model.nested = {"list": [kept, kept.mean()], "object": SimpleNamespace(map=kept * 2)}
    model.after.register_buffer("average", kept.mean())


def _kept_with_gradient(model: Interpolating) -> None:
    model.kept = model.before(picture())
    model.kept.retain_grad()
    model.kept.mean().backward(create_graph=True)


def _held_by_hooks(model: Interpolating) -> None:
    kept = model.before(picture())
    model.after.register_forward_hook(functools.partial(_add_nothing, kept))
    model.before.register_forward_hook(lambda module, inputs, output: output + 0 * kept.mean())


def _add_nothing(kept: Tensor, module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    return output + 0 * kept.mean()


HOLDERS = pytest.mark.parametrize(
    "prepare",
    [_weight_norm, _spectral_norm, _pruned, _parametrized, _kept, _kept_with_gradient, _held_by_hooks],
    ids=lambda prepare: prepare.__name__.strip("_"),
)


def _computed(model: nn.Module) -> dict[str, Tensor]:
    """Return the computed tensors among the attributes of a model."""
    return {
        f"{path}.{name}": value
        for path, module in model.named_modules()
        for name, value in (vars(module) | module._buffers).items()
        if isinstance(value, Tensor) and value.grad_fn is not None
    }


@HOLDERS
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated", "ignore:.*spectral_norm.* is deprecated")
@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
def test_computed_tensors_are_copied_and_the_original_keeps_its_own(
    prepare: Callable[[Interpolating], None],
) -> None:
    torch.manual_seed(0)
    model = Interpolating(scale_factor=2)
    prepare(model)
    held = _computed(model)
    functions = {name: tensor.grad_fn for name, tensor in held.items()}
    (site,) = audit(model, picture()).sites
    swapped, report = swap_upsamplers(model, picture())
    assert (site.choice, len(report.swapped)) == ("swap", 1)
    after = _computed(model)
    assert after.keys() == held.keys()
    assert all(after[name] is held[name] and after[name].grad_fn is functions[name] for name in held)
    assert not _computed(swapped)
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model(picture()), atol=1e-5, rtol=0)
    swapped(picture()).square().mean().backward()
    assert all(weight.grad is not None for weight in swapped.before.parameters())


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
def test_trials_of_computed_weights() -> None:
    torch.manual_seed(0)
    model = Interpolating(scale_factor=2).eval()
    _weight_norm(model)
    shapes, no_numbers = for_counting(model, picture())
    assert no_numbers.is_meta
    plan = planned(audit_of(survey(shapes, no_numbers)), "dysample")
    assert swap_costs(shapes, no_numbers, plan).placed[0].parameters == 8 * 32 + 32
    start = start_of(model, swap_by_plan(model, picture(), plan)[0], picture(), plan)
    assert start.zero_offsets.value is not None
    assert start.zero_offsets.value < 1e-6


class _Reading(nn.Module):
    """Enlarges what a hook has stored, as networks on the blocks of a transformer do."""

    def __init__(self, store: dict[str, Tensor], hook: Callable[..., None]) -> None:
        super().__init__()
        self.before = nn.Conv2d(3, 8, 3, padding=1)
        self.after = nn.Conv2d(8, 2, 1)
        self.store = store
        self.before.register_forward_hook(hook)

    def forward(self, picture: Tensor) -> Tensor:
        self.before(picture)
        return self.after(F.interpolate(self.store["map"], scale_factor=2))


_STORE: dict[str, Tensor] = {}


def _store_globally(module: nn.Module, inputs: object, output: Tensor) -> None:
    _STORE["map"] = output


@pytest.mark.parametrize("where", ["closure", "default", "global"])
def test_hooks_of_a_copy_store_in_the_copy(where: str) -> None:
    store = _STORE if where == "global" else dict[str, Tensor]()

    def of_closure(module: nn.Module, inputs: object, output: Tensor) -> None:
        store["map"] = output

    def of_default(module: nn.Module, inputs: object, output: Tensor, store: dict = store) -> None:
        store["map"] = output

    hook = {"closure": of_closure, "default": of_default, "global": _store_globally}[where]
    model = _Reading(store, hook)
    model(picture())
    kept = store["map"]
    swapped, report = swap_upsamplers(model, picture())
    assert len(report.swapped) == 1
    other = 2 * picture()
    torch.testing.assert_close(
        zero_offsets(swapped)(other),
        swapped.after(F.interpolate(swapped.before(other), scale_factor=2)),
        atol=1e-5,
        rtol=0,
    )
    assert store["map"] is kept
    assert swapped.store is not store


def test_a_forward_that_was_set_runs_in_the_copy() -> None:
    norm = nn.BatchNorm2d(8)
    model = nn.Sequential(nn.Conv2d(3, 8, 1), norm, nn.Upsample(scale_factor=2)).train()
    forward = model.forward
    model.forward = lambda picture: forward(picture) * 2
    swapped, report = swap_upsamplers(model, picture(), where=["2"])
    assert len(report.swapped) == 1
    swapped(picture())
    assert norm.num_batches_tracked == 0
    assert swapped.get_buffer("1.num_batches_tracked") == 1


def test_an_audit_stores_nothing_in_lists_of_others() -> None:
    stored, model = list[Tensor](), Interpolating(scale_factor=2)
    model.before.register_forward_hook(lambda module, inputs, output: stored.append(output))
    swapped, _ = swap_upsamplers(model, picture())
    assert not stored
    swapped(picture())
    assert len(stored) == 1  # whoever listens to the model listens to its copy too


def test_inputs_and_random_numbers_are_as_before() -> None:
    class Changing(Interpolating):
        def forward(self, picture: Tensor) -> Tensor:
            return super().forward(picture.sub_(torch.rand(())))

    given, model = picture(), Changing(scale_factor=2)
    state = torch.get_rng_state()
    audit(model, given)
    assert torch.equal(given, picture())
    assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_copied_is_named() -> None:
    model = Interpolating(scale_factor=2)
    model.before.lock = threading.Lock()
    for function in (audit, swap_upsamplers):
        with pytest.raises(
            ValueError, match="the model's part 'before' has an attribute 'lock' of the type lock"
        ):
            function(model, picture())


# --- Weights without a shape ---


class _Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before = nn.LazyConv2d(8, 3, padding=1)
        self.norms = nn.Sequential(nn.LazyBatchNorm2d(), nn.LazyInstanceNorm2d(affine=True))
        self.deconv = nn.LazyConvTranspose2d(8, 2, stride=2)
        self.after = nn.LazyConv2d(2, 1)
        self.head = nn.LazyLinear(3)

    def forward(self, picture: Tensor) -> Tensor:
        x = self.deconv(self.norms(self.before(picture)))
        return self.head(self.after(F.interpolate(x, scale_factor=2)).mean((2, 3)))


def _lazy_count(model: nn.Module) -> tuple[int, int]:
    return sum(map(is_lazy, model.parameters())), sum(map(is_lazy, model.buffers()))


def test_lazy_modules_stay_lazy() -> None:
    model = _Lazy()
    before = _lazy_count(model)
    assert before == (6 + 4 + 2, 4)  # weights and biases of three convolutions, two norms, a linear layer
    sites = audit(model, picture()).sites
    assert [(site.kind, site.choice) for site in sites] == [
        ("ConvTranspose2d", "request"),
        ("functional", "swap"),
    ]
    swapped, report = swap_upsamplers(model, picture())
    assert [row.site.name for row in report.swapped] == ["[0]"]
    assert _lazy_count(model) == _lazy_count(swapped) == before
    assert all(type(module).__name__.startswith("Lazy") for module in model.norms)
    assert swapped(picture()).shape == (1, 3)
    assert _lazy_count(model) == before
    model(torch.rand(1, 5, 16, 16))  # with the channels that it likes
    assert model.before.weight.shape == (8, 5, 3, 3)


def test_what_needs_the_shapes_of_lazy_weights_says_so() -> None:
    model = _Lazy()
    _, report = swap_upsamplers(model, picture(), where=["deconv"])
    assert report.rows[0].reason.endswith("its weights have no shape before the model has run once.")
    with pytest.raises(ValueError, match=r"the weights of before, norms.0, .* have no shape"):
        survey(model, picture())
