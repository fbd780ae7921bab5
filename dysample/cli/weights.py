"""Weights from files, with or without what training programs put around them and before their names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

PICKLES = (".pt", ".pth", ".bin", ".ckpt")
# Keys under which training programs save the weights, beside optimisers and counters: averages come last.
WRAPPERS = (
    *("state_dict", "model", "model_state_dict", "model_state", "module", "network", "net", "weights"),
    *("params", "ema", "ema_state_dict", "state_dict_ema", "model_ema", "params_ema"),
)
# Names of the modules that DataParallel and torch.compile put around a model or a part of one.
AROUND_PARTS = ("module", "_orig_mod")
# Those that a model may begin with and a file not, the other way round.
AROUND = (*AROUND_PARTS, "model", "module._orig_mod", "_orig_mod.module")
# A counter that averages of weights have beside the weights.
COUNTERS = ("n_averaged",)
_LISTED = 5

_Weights = Mapping[str, Tensor]


def load_weights(model: nn.Module, path: Path) -> None:
    """Load weights into a model, strictly: safetensors, or a pickle that holds tensors alone.

    A prefix of all keys is taken off if they fit then, as are the names of modules around a model or a part.

    Raises:
        ValueError: The file is missing, damaged, of another format, or does not fit.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    candidates = list(_state_dicts(_read(path)))
    if not candidates:
        raise ValueError(f"{path} holds no state_dict, neither itself nor as {', '.join(WRAPPERS)}")
    expected = model.state_dict()
    fits = [_fit(weights, expected) for weights in candidates]
    best = max(fits, key=lambda fit: (fit.is_exact, len(fit.shared)))  # the first of equals
    if not best.is_exact:
        raise ValueError(f"{path} does not fit the model: {best.difference()}")
    try:
        model.load_state_dict(best.weights)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit the model: {' '.join(str(error).split())}") from error


def _read(path: Path) -> object:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is no safetensors file: {error}") from error
    if path.suffix not in PICKLES:
        raise ValueError(
            f"weights must be .safetensors, or pickles called {', '.join(PICKLES)}, got {path.name}: other "
            "formats are not known to hold tensors alone"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the reader raise almost anything
        raise ValueError(
            f"{path} is refused: it is damaged, or holds more than tensors, and a pickle that does can run "
            "any program; save the state_dict of the model in its place"
        ) from error


def _state_dicts(content: object) -> Iterator[_Weights]:
    """Yield the tensors of a mapping, and those of the mappings in it that usually hold weights."""
    if not isinstance(content, Mapping):
        return
    mapping = cast("Mapping[object, object]", content)
    tensors = {str(key): value for key, value in mapping.items() if isinstance(value, Tensor)}
    if tensors:
        yield tensors
    for wrapper in WRAPPERS:
        yield from _state_dicts(mapping.get(wrapper))


# --- Names of weights ---


@dataclass(frozen=True, slots=True)
class _Fit:
    """Weights under the names that are the nearest to those of a model.

    Attributes:
        weights: The weights of the file, renamed.
        expected: The weights of the model.
        prefix: What all names in the file begin with and the model's do not; may be empty.
    """

    weights: _Weights
    expected: _Weights
    prefix: str

    @property
    def shared(self) -> Sequence[str]:
        """Names that the file and the model have."""
        return [name for name in self.expected if name in self.weights]

    @property
    def others(self) -> Sequence[str]:
        """Names and shapes of the weights that have other shapes in the model."""
        return [
            f"{name}: {_shape(self.weights[name])} in the file, {_shape(self.expected[name])} in the model"
            for name in self.shared
            if not is_lazy(self.expected[name]) and self.weights[name].shape != self.expected[name].shape
        ]

    @property
    def is_exact(self) -> bool:
        """Whether the model has all weights and no others."""
        return set(self.weights) == set(self.expected) and not self.others

    def difference(self) -> str:
        """Return what does not fit, in words."""
        parts = (
            _counted(
                [name for name in self.weights if name not in self.expected], "in the file, not in the model"
            ),
            _counted(
                [name for name in self.expected if name not in self.weights], "in the model, not in the file"
            ),
            _counted(self.others, "of another shape"),
        )
        begins = f"all its keys begin with {self.prefix!r}, and without that " if self.prefix else ""
        return f"{begins}there are {'; '.join(filter(None, parts))}"


def _fit(weights: _Weights, expected: _Weights) -> _Fit:
    """Rename weights so that most of them fit; as little as possible is taken off."""
    fits = list[_Fit]()
    for wanted, prefix in _namings(expected):
        if prefix and prefix.rstrip(".") not in AROUND:
            continue  # the first module of any model is not something around it
        for names, taken in _namings(weights):
            renamed = {wanted.get(name, name): weights[old] for name, old in names.items()}
            kept = {name: weight for name, weight in renamed.items() if not _is_counter(name, expected)}
            fits.append(_Fit(kept, expected, taken))
    return max(fits, key=lambda fit: (fit.is_exact, len(fit.shared)))  # the first of equals


def _is_counter(name: str, expected: _Weights) -> bool:
    return name in COUNTERS and name not in expected


def _namings(names: Iterable[str]) -> Iterator[tuple[dict[str, str], str]]:
    """Yield shorter and shorter names, with the old ones that they stand for, and the prefix that is gone."""
    old = list(names)
    for short in ({name: name for name in old}, _without_inner(old)):
        prefix = ""
        yield short, prefix
        while first := _common_part([name for name in short if name not in COUNTERS]):
            prefix += first
            short = {name.removeprefix(first): before for name, before in short.items()}
            yield short, prefix


def _common_part(names: Sequence[str]) -> str:
    """Return the part up to the first dot, and the dot, if it is the same in all names."""
    firsts = {name.partition(".")[0] for name in names}
    return f"{firsts.pop()}." if len(firsts) == 1 and all("." in name for name in names) else ""


def _without_inner(names: Sequence[str]) -> dict[str, str]:
    """Return old names by those without the modules around parts of a model, unless two would be the same."""
    new = [".".join(part for part in name.split(".") if part not in AROUND_PARTS) for name in names]
    return dict(zip(new if len(set(new)) == len(new) else names, names, strict=True))


def _counted(names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{len(names)} {what} ({', '.join(names[:_LISTED])}{more})"


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"
