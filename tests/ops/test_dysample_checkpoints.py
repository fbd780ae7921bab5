"""Published checkpoints of DySample: which load, which change the function, which are refused."""

import copy

import pytest
import torch
from torch import Tensor, nn

from dysample.ops.dysample import DySample
from tests.ops import loops as slow
from tests.ops.test_dysample import Style, kinds, noise, random_weights


def published_grid(scale: int, groups: int) -> Tensor:
    """Return the `init_pos` of published files: all x, then all y; group by group; sub-row by sub-row."""
    steps = [(k - (scale - 1) / 2) / scale for k in range(scale)]
    x = [steps[column] for _ in range(scale) for column in range(scale)]
    y = [steps[row] for row in range(scale) for _ in range(scale)]
    return torch.tensor(x * groups + y * groups).view(1, -1, 1, 1)


@kinds
@pytest.mark.parametrize(("scale", "groups"), [(2, 4), (3, 2)])
@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16])
def test_published_checkpoints(style: Style, dynamic: bool, scale: int, groups: int, stored: torch.dtype):
    """A checkpoint of a larger model loads, and the caller's dict is not changed."""
    channels = 4 * scale**2

    def network() -> nn.Module:
        ups = [
            DySample(channels, scale=scale, groups=groups, style=style, dynamic_scope=dynamic) for _ in "ab"
        ]
        return nn.ModuleDict({"neck": nn.Sequential(nn.Conv2d(3, channels, 1), ups[0]), "up": ups[1]})

    source, target = network(), network()
    for module in source.modules():
        if isinstance(module, DySample):
            random_weights(module)
    checkpoint = source.state_dict()
    for prefix in ("neck.1.", "up."):
        checkpoint[prefix + "init_pos"] = published_grid(scale, groups).to(stored)
    keys = list(checkpoint)
    target.load_state_dict(checkpoint)
    assert list(checkpoint) == keys
    assert list(target.state_dict()) == [key for key in keys if not key.endswith("init_pos")]
    x = noise(1, channels, 3, 4)
    assert torch.equal(target.get_submodule("up")(x), source.get_submodule("up")(x))


@pytest.mark.parametrize("style", ["lp", "pl"])
def test_published_bias_of_the_scope(style: Style):
    op = random_weights(DySample(16, style=style, dynamic_scope=True))
    assert op.scope is not None
    bias = noise(len(op.scope.weight), seed=5)
    checkpoint = {**op.state_dict(), "scope.bias": bias, "init_pos": published_grid(2, 4)}
    biased = DySample(16, style=style, dynamic_scope=True).requires_grad_(False)
    biased.load_state_dict(checkpoint)
    x = noise(1, 16, 3, 4)
    logits = slow.raw_offset(
        x.numpy(), op.scope.weight.numpy(force=True)[..., 0, 0], bias.numpy(), style, 2, 4
    )
    torch.testing.assert_close(
        torch.as_tensor(biased.plan(x).scope), 0.5 * torch.from_numpy(logits).sigmoid().float()
    )
    assert list(biased.state_dict()) == ["offset.weight", "offset.bias", "scope.weight", "scope.bias"]
    assert not any(parameter.requires_grad for parameter in biased.parameters())
    for other in (copy.deepcopy(biased), DySample(16, style=style, dynamic_scope=True)):
        other.load_state_dict(biased.state_dict())
        assert torch.equal(other(x), biased(x))
    biased.load_state_dict(op.state_dict())  # the bias must go with the weights it belonged to
    assert torch.equal(biased(x), op(x))


def change(state: dict[str, Tensor], **changes: Tensor | None) -> dict[str, Tensor]:
    """Return a checkpoint with some entries replaced, or removed by None."""
    changed = state | {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in changed.items() if value is not None}


@pytest.mark.parametrize("dynamic", [False, True])
def test_strict_about_anything_else(dynamic: bool):
    op = DySample(16, dynamic_scope=dynamic)
    state = op.state_dict()
    with pytest.raises(RuntimeError, match=r"Missing key.*offset\.weight"):
        op.load_state_dict(change(state, offset__weight=None))
    with pytest.raises(RuntimeError, match=r"Unexpected key.*init_position"):
        op.load_state_dict(change(state, init_position=torch.zeros(1)))
    with pytest.raises(RuntimeError, match=r"size mismatch for offset\.bias"):
        op.load_state_dict(change(state, offset__bias=torch.zeros(3)))
    scope = torch.zeros(32, 16, 1, 1)
    if dynamic:
        with pytest.raises(RuntimeError, match=r"Missing key.*scope\.weight"):
            op.load_state_dict(change(state, scope__weight=None))
        with pytest.raises(RuntimeError, match=r"size mismatch for scope\.bias"):
            op.load_state_dict(change(state, scope__bias=torch.zeros(3)))
    else:
        with pytest.raises(RuntimeError, match=r"Unexpected key.*scope"):
            op.load_state_dict(change(state, scope__weight=scope))


@pytest.mark.parametrize(
    "wrong",
    [
        published_grid(2, 2),
        published_grid(3, 4),
        published_grid(2, 4).flatten(),
        published_grid(2, 4).neg(),
        published_grid(2, 4).roll(16, dims=1),
        torch.zeros(1, 32, 1, 1),
        published_grid(2, 4).mul(torch.nan),
    ],
    ids=["groups", "scale", "shape", "sign", "y first", "nearest", "nan"],
)
def test_another_initial_grid_is_refused(wrong: Tensor):
    network = nn.Sequential(DySample(16))
    state = network.state_dict()
    with pytest.raises(ValueError, match=r"0\.init_pos .* is not the bilinear grid of scale=2, groups=4"):
        network.load_state_dict(state | {"0.init_pos": wrong})
    DySample(16, initial="nearest").load_state_dict(
        {**DySample(16).state_dict(), "init_pos": torch.zeros(1, 32, 1, 1)}
    )
