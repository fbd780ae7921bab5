"""What the commands' options share. Nothing here imports torch, so that --help answers at once.

What lies in modules that do need it is either imported when an option is read, or written down again; a test
compares the latter with the original.
"""

import argparse
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dysample.measure import MapSize, Picture

_TRAINING = Path(__file__).parents[1] / "training"

DTYPES = ("float32", "bfloat16", "float16")
LAYOUTS = ("nchw", "channels_last")
IMPLEMENTATIONS = ("auto", "plain", "native", "triton")
PAPER_SIZE = "256x120x120"
BFLOAT16_HELP = "compute in bfloat16 on the CPU too (CUDA always does): faster where the processor can"


class CommandError(Exception):
    """A command cannot do what it was asked for; the message is one sentence for people."""


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in (_TRAINING / "recipes").glob("*.toml"))


def ablation_names() -> list[str]:
    """Names of the paper's ablations."""
    return list(tomllib.loads((_TRAINING / "ablations.toml").read_text(encoding="utf-8")))


def operator_name(text: str) -> str:
    """Type of an option: a name in `OPERATORS`.

    Raises:
        ArgumentTypeError: There is none of that name; the message lists those that exist.
    """
    from dysample.ops import OPERATORS

    if text not in OPERATORS:
        known = ", ".join(map(repr, OPERATORS))
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {known})")
    return text


def upsampler_name(text: str) -> str:
    """Type of an option: the canonical name of an upsampler or a variant of one.

    Raises:
        ArgumentTypeError: There is none of that name; the message lists those that exist.
    """
    from dysample.ops import canonical_name

    try:
        return canonical_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def map_size(text: str) -> "MapSize":
    """Type of an option: the size of a map, such as ``256x120x120``.

    Raises:
        ArgumentTypeError: It is something else.
    """
    from dysample.measure import MapSize

    return MapSize.parse(text)


def picture(text: str) -> "Picture":
    """Type of an option: a trained network and the size of a picture, such as ``indoor-depth:240x320``.

    Raises:
        ArgumentTypeError: It is something else.
    """
    from dysample.measure import Picture

    return Picture.parse(text)


def positive(text: str) -> int:
    """Type of an option: a positive integer.

    Raises:
        ArgumentTypeError: It is something else.
    """
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def seed(text: str) -> int:
    """Type of an option: an integer that is not negative.

    Raises:
        ArgumentTypeError: It is something else.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an integer of at least 0, got {text!r}")
    return int(text)


def input_shape(text: str) -> tuple[int, ...]:
    """Type of an option: a shape, such as ``1x3x256x256``.

    Raises:
        ArgumentTypeError: It is something else.
    """
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"a shape is written as 1x3x256x256, got {text!r}")
    return tuple(map(int, parts))


def site(text: str) -> str | int:
    """Type of an option: a site by its name or its number."""
    return int(text) if text.isdecimal() else text


def site_and_operator(text: str) -> tuple[str, str]:
    """Type of an option: a site and its upsampler, such as ``decoder.up=carafe``; nothing leaves it alone.

    Raises:
        ArgumentTypeError: It is something else.
    """
    name, equals, operator = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"a site's upsampler is written as SITE=OPERATOR, got {text!r}")
    return name, upsampler_name(operator) if operator else ""


def safetensors_file(text: str) -> Path:
    """Type of an option: a file of weights to write.

    Raises:
        ArgumentTypeError: Its name does not end in ``.safetensors``.
    """
    if not text.endswith(".safetensors"):
        raise argparse.ArgumentTypeError(f"weights are written as .safetensors, got {text!r}")
    return Path(text)
