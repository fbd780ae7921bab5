"""The commands `audit` and `swap`, and the models that they load."""

import argparse
import importlib
import sys
import traceback
from pathlib import Path

import torch
from safetensors.torch import save_model
from torch import Tensor, nn

from dysample.cli.weights import load_weights
from dysample.models.smp import is_smp_name, smp_model
from dysample.swap.audit import audit
from dysample.swap.copies import lazy_parts
from dysample.swap.files import FileAudit, read_model_file
from dysample.swap.swap import swap_upsamplers

FILES = (".pt2", ".onnx")  # models that are only read
MOST_FILE = 2 << 30  # bytes, as ONNX files have at most
# Errors that models raise for unsuitable inputs; timm asserts sizes.
REFUSALS = (RuntimeError, TypeError, IndexError, KeyError, AttributeError, AssertionError)


def run_audit(options: argparse.Namespace) -> int:
    """Print where a model enlarges maps; return the exit status.

    Raises:
        ValueError: The model cannot be made, loaded or run.
    """
    if Path(options.model).suffix in FILES:
        print(_read_file(Path(options.model)))
        return 0
    model, inputs = prepared(options)
    try:
        print(audit(model, inputs))
    except REFUSALS as error:
        raise failure(model, inputs, options, error) from error
    return 0


def _read_file(path: Path) -> FileAudit:
    """Read what a file enlarges, without running anything in it.

    Raises:
        ValueError: It cannot be read, or is no such file.
    """
    try:
        if path.stat().st_size > MOST_FILE:
            raise ValueError(f"{path} must have at most {MOST_FILE >> 30} GiB")
        return read_model_file(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def run_swap(options: argparse.Namespace) -> int:
    """Swap, print the report and write the weights; return the exit status.

    Raises:
        ValueError: The model cannot be made, loaded or run, or the file cannot be written.
    """
    model, inputs = prepared(options)
    try:
        swapped, report = swap_upsamplers(model, inputs, options.to, where=options.where)
    except REFUSALS as error:
        raise failure(model, inputs, options, error) from error
    print(report)
    print(f"{len(report.swapped)} of {len(report.rows)} sites, {report.parameters:,} parameters added.")
    if options.out:
        try:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            save_model(swapped, str(options.out))
        except OSError as error:
            raise ValueError(f"{options.out} cannot be written: {error}") from error
        print(f"Wrote {options.out}: to load it, swap a new model the same way first.", file=sys.stderr)
    return 0


def prepared(options: argparse.Namespace) -> tuple[nn.Module, Tensor | list[Tensor]]:
    """Return the model that the options of `audit` name, with a shape for all weights, and an input for it.

    Raises:
        ValueError: The model cannot be made, its weights cannot be loaded, or it is lazy and does not run.
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    model = make_model(options.model)
    if options.weights:
        load_weights(model, options.weights)
    picture = torch.rand(options.input)
    inputs = list(picture) if options.list else picture
    if lazy_parts(model):
        try:
            _run(model, inputs)
        except REFUSALS as error:
            raise _not_run(options, error) from error
    return model, inputs


def failure(
    model: nn.Module, inputs: Tensor | list[Tensor], options: argparse.Namespace, error: Exception
) -> ValueError:
    """Return the error about a model that failed: it does not run, or it does and something else is wrong."""
    try:
        _run(model, inputs)
    except REFUSALS as own:
        return _not_run(options, own)
    return ValueError(f"the model runs, but cannot be looked into: {_words(error)}")


def _run(model: nn.Module, inputs: Tensor | list[Tensor]) -> None:
    """Run a model in eval mode, and put its modules back into the modes that they had."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        with torch.no_grad():
            model.eval()(inputs)
    finally:
        for module, mode in modes:
            module.training = mode


def _not_run(options: argparse.Namespace, error: Exception) -> ValueError:
    shape = "x".join(map(str, options.input))
    return ValueError(f"the model does not run with an input of {shape} (--input, --list): {_words(error)}")


def _words(error: Exception) -> str:
    """Return an error and the line that raised it."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    file = Path(place.filename)
    reason = " ".join(str(error).split())
    return f"{type(error).__name__}: {reason} (in {file.parent.name}/{file.name}:{place.lineno})"


def make_model(name: str) -> nn.Module:
    """Make a model by its factory, such as ``"my_package.networks:segmenter"``, or by `smp_model`.

    Raises:
        ValueError: There is no such function, it needs arguments, fails, or does not return a model.
    """
    if is_smp_name(name):
        return smp_model(name)
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        words = "; files of models are only read, by audit" if Path(name).suffix in FILES else ""
        raise ValueError(f"a model is named as in package.module:function, got {name!r}{words}")
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
