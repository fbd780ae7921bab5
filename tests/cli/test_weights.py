"""Weights from files: prefixes and wrappers are taken off, and what does not fit is said in full."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from dysample.cli.weights import load_weights
from tests.swap.networks import Interpolating


def _made(seed: int) -> Interpolating:
    torch.manual_seed(seed)
    return Interpolating(scale_factor=2)


def _prefixed(prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": weight for name, weight in _made(0).state_dict().items()}


def _loaded(content: object, folder: Path, model: nn.Module) -> dict[str, Tensor]:
    file = folder / "weights.pth"
    torch.save(content, file)
    load_weights(model, file)
    return model.state_dict()


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module.model.", "net.backbone."],
)
@pytest.mark.parametrize(
    "wrappers",
    [
        [],
        ["state_dict"],
        ["model"],
        ["ema"],
        ["model_ema", "state_dict"],
        ["state_dict", "model"],
        ["ema", "module"],
    ],
    ids=".".join,
)
def test_prefixes_and_wrappers_are_taken_off(prefix: str, wrappers: list[str], tmp_path: Path) -> None:
    content: object = _prefixed(prefix)
    for wrapper in reversed(wrappers):
        content = {wrapper: content, "epoch": 3, "best": torch.tensor(0.5)}
    torch.testing.assert_close(_loaded(content, tmp_path, _made(1)), _made(0).state_dict(), atol=0, rtol=0)


def test_prefixes_in_safetensors(tmp_path: Path) -> None:
    save_file(_prefixed("module._orig_mod."), tmp_path / "weights.safetensors")
    model = _made(1)
    load_weights(model, tmp_path / "weights.safetensors")
    assert torch.equal(model.before.weight, _made(0).before.weight)


def test_the_weights_come_before_their_average(tmp_path: Path) -> None:
    for ema in ("ema", "model_ema"):
        average = {name: weight * 0 for name, weight in _prefixed("module.").items()}
        state = _loaded({ema: average, "model": _prefixed("module.")}, tmp_path, _made(1))
        assert torch.equal(state["before.weight"], _made(0).before.weight)


def test_averages_by_torch(tmp_path: Path) -> None:
    """They count how many models they are the average of, beside the weights."""
    average = torch.optim.swa_utils.AveragedModel(_made(0))
    state = _loaded(average.state_dict(), tmp_path, _made(1))
    assert torch.equal(state["before.weight"], _made(0).before.weight)


def test_wrappers_around_parts_and_around_the_model(tmp_path: Path) -> None:
    parts = {name.replace(".", "._orig_mod.", 1): weight for name, weight in _prefixed("").items()}
    assert "before._orig_mod.weight" in parts
    assert torch.equal(_loaded(parts, tmp_path, _made(1))["before.weight"], _made(0).before.weight)
    wrapped = _loaded(_prefixed(""), tmp_path, nn.DataParallel(_made(1)))
    assert torch.equal(wrapped["module.before.weight"], _made(0).before.weight)
    other = _loaded(_prefixed("model."), tmp_path, nn.DataParallel(_made(1)))
    assert torch.equal(other["module.before.weight"], _made(0).before.weight)


def test_prefixes_that_the_model_has_itself(tmp_path: Path) -> None:
    model = nn.Sequential(_made(1))
    state = _loaded(_prefixed("0."), tmp_path, model)
    assert torch.equal(state["0.before.weight"], _made(0).before.weight)


def test_lazy_modules_take_their_shapes_from_the_file(tmp_path: Path) -> None:
    source, model = nn.Sequential(nn.Conv2d(3, 8, 1)), nn.Sequential(nn.LazyConv2d(8, 1))
    content = {f"module.{name}": weight for name, weight in source.state_dict().items()}
    assert torch.equal(_loaded(content, tmp_path, model)["0.weight"], source[0].weight)


@pytest.mark.parametrize("prefix", ["module.", "module._orig_mod.", ""])
def test_what_does_not_fit_is_said_in_full(prefix: str, tmp_path: Path) -> None:
    weights = _prefixed(prefix)
    weights[f"{prefix}after.weight"] = torch.zeros(5, 8, 1, 1)
    weights[f"{prefix}head.weight"] = weights.pop(f"{prefix}after.bias")
    with pytest.raises(ValueError, match="does not fit the model") as raised:
        _loaded(weights, tmp_path, _made(1))
    begins = f"all its keys begin with '{prefix}', and without that " if prefix else ""
    assert str(raised.value).endswith(
        f": {begins}there are 1 in the file, not in the model (head.weight); 1 in the model, not in the file "
        "(after.bias); 1 of another shape (after.weight: 5×8×1×1 in the file, 2×8×1×1 in the model)"
    )


def test_many_names_are_counted(tmp_path: Path) -> None:
    content = {f"layer{number}.weight": torch.zeros(1) for number in range(300)}
    with pytest.raises(ValueError, match=r"300 in the file, .*layer4\.weight and 295 more\)") as raised:
        _loaded(content, tmp_path, _made(1))
    assert str(raised.value).endswith("(before.weight, before.bias, after.weight, after.bias)")
