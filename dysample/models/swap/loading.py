"""Models and weights that people name on the command line."""

import importlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from dysample.models.smp_models import is_smp_name, smp_model

PICKLES = (".pt", ".pth", ".bin", ".ckpt")
# Under which training programs keep the weights, beside optimisers and counters.
WRAPPERS = ("state_dict", "model", "model_state_dict")


def made_by(name: str) -> nn.Module:
    """The model of a factory, such as ``"my_package.networks:segmenter"``, or an `smp_model`.

    Raises:
        ValueError: There is no such function, it needs arguments, fails, or makes no model.
    """
    if is_smp_name(name):
        return smp_model(name)
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        raise ValueError(f"a model is named as in package.module:function, got {name!r}")
    try:
        factory = getattr(importlib.import_module(module), function)
    except ImportError as error:
        raise ValueError(f"{module} cannot be imported: {error}") from error
    except AttributeError as error:
        raise ValueError(f"{module} has no function {function!r}") from error
    if not callable(factory):
        raise ValueError(f"{name} must be a function that makes a model, it is a {type(factory).__name__}")
    try:
        model = factory()
    except Exception as error:
        raise ValueError(f"{name}() fails: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"{name}() must give a torch.nn.Module, it gives a {type(model).__name__}")
    return model


def load_weights(model: nn.Module, path: Path) -> None:
    """Load weights into a model, strictly: safetensors, or a pickle that holds tensors alone.

    Raises:
        ValueError: The file is missing, damaged, of another format, or does not fit.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    weights = _read(path)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = " ".join(str(error).split())
        raise ValueError(f"{path} does not fit the model: {first[:300]}") from error


def _read(path: Path) -> dict[str, Tensor]:
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
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the reader raise almost anything
        raise ValueError(
            f"{path} is refused: it is damaged, or holds more than tensors, and a pickle that does can run "
            "any program; save the state_dict of the model in its place"
        ) from error
    return _unwrapped(found, path)


def _unwrapped(found: object, path: Path) -> dict[str, Tensor]:
    if isinstance(found, Mapping):
        for candidate in (found, *(found.get(key) for key in WRAPPERS)):
            if isinstance(candidate, Mapping) and candidate:
                weights = {str(key): value for key, value in candidate.items()}
                tensors = {key: value for key, value in weights.items() if isinstance(value, Tensor)}
                if len(tensors) == len(weights):
                    return tensors
    raise ValueError(f"{path} holds no state_dict, neither itself nor as {', '.join(WRAPPERS)}")
