"""What `python -m dysample audit` and `python -m dysample swap` take and do."""

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save_model
from torch import Tensor, nn

from dysample.models.swap.auditing import audit
from dysample.models.swap.loading import load_weights, made_by
from dysample.models.swap.swapping import swap_upsamplers
from dysample.ops.registry import canonical_name

# What models raise for inputs that they do not take; timm asserts sizes.
REFUSALS = (RuntimeError, TypeError, IndexError, KeyError, AttributeError, AssertionError)


def add_audit_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `audit`, which `swap` has, too."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="PACKAGE.MODULE:FUNCTION",
        help="function that makes the model; or such as smp:Unet:resnet18",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="safetensors, or a pickled state_dict")
    parser.add_argument(
        "--input",
        type=_shape,
        default=(1, 3, 256, 256),
        metavar="SHAPE",
        help="of the input, such as 1x3x256x256 (the default)",
    )
    parser.add_argument(
        "--list", action="store_true", help="give the model a list of pictures, as detectors take"
    )


def add_swap_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `swap`."""
    add_audit_options(parser)
    parser.add_argument("--to", type=_operator, default="dysample+", help="upsampler (default: dysample+)")
    parser.add_argument(
        "--where", nargs="+", type=_site, metavar="SITE", help="names or numbers that an audit prints"
    )
    parser.add_argument("--out", type=_safetensors, metavar="FILE", help="write the weights there")


def run_audit(options: argparse.Namespace) -> int:
    """Print what the model enlarges; gives the exit status.

    Raises:
        ValueError: The model cannot be made, loaded or run.
    """
    model, inputs = prepared(options)
    try:
        print(audit(model, inputs))
    except REFUSALS as error:
        raise not_run(options, error) from error
    return 0


def run_swap(options: argparse.Namespace) -> int:
    """Swap, print what was done, write the weights; gives the exit status.

    Raises:
        ValueError: The model cannot be made, loaded or run, or the file cannot be written.
    """
    model, inputs = prepared(options)
    try:
        swapped, report = swap_upsamplers(model, inputs, options.to, where=options.where)
    except REFUSALS as error:
        raise not_run(options, error) from error
    print(report)
    print(f"{len(report.swapped)} of {len(report.rows)} sites, {report.parameters:,} parameters added.")
    if options.out:
        try:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            save_model(swapped, str(options.out))
        except OSError as error:
            raise ValueError(f"{options.out} cannot be written: {error}") from error
        print(f"Wrote {options.out}: swap in a new model as here, then load it there.", file=sys.stderr)
    return 0


def prepared(options: argparse.Namespace) -> tuple[nn.Module, Tensor | list[Tensor]]:
    """The model that the options of `audit` name, and an input for it.

    Raises:
        ValueError: The model cannot be made, or its weights cannot be loaded.
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    model = made_by(options.model)
    if options.weights:
        load_weights(model, options.weights)
    picture = torch.rand(options.input)
    return model, list(picture) if options.list else picture


def not_run(options: argparse.Namespace, error: Exception) -> ValueError:
    """The sentence about a model that does not take the input."""
    shape = "x".join(map(str, options.input))
    said = " ".join(str(error).split())[:300]
    return ValueError(f"the model does not run with an input of {shape} (--input, --list): {said}")


def _shape(text: str) -> tuple[int, ...]:
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"a shape is written as 1x3x256x256, got {text!r}")
    return tuple(map(int, parts))


def _site(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _operator(text: str) -> str:
    try:
        return canonical_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _safetensors(text: str) -> Path:
    if not text.endswith(".safetensors"):
        raise argparse.ArgumentTypeError(f"weights are written as .safetensors, got {text!r}")
    return Path(text)
