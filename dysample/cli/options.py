"""Types and choices of options. Nothing here imports torch, so that --help answers at once.

Values from modules that need torch are either imported when an option is parsed or repeated here; a test
compares the copies with the originals.
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
PRECISIONS = ("auto", "float32", "bfloat16")
PAPER_SIZE = "256x120x120"
BFLOAT16_HELP = "compute in bfloat16 on the CPU too, as CUDA does: faster where the processor can"


class CommandError(Exception):
    """A command cannot be carried out; the message is one sentence for the user."""


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in (_TRAINING / "recipes").glob("*.toml"))


def ablation_names() -> list[str]:
    """Return the names of the paper's ablations."""
    return list(tomllib.loads((_TRAINING / "ablations.toml").read_text(encoding="utf-8")))


def operator_name(text: str) -> str:
    """Parse a name in `OPERATORS`.

    Raises:
        ArgumentTypeError: There is no such operator; the message lists those that exist.
    """
    from dysample.ops import OPERATORS

    if text not in OPERATORS:
        known = ", ".join(map(repr, OPERATORS))
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {known})")
    return text


def upsampler_name(text: str) -> str:
    """Parse the name of an upsampler, or of a variant of one, into its canonical form.

    Raises:
        ArgumentTypeError: There is no such upsampler; the message lists those that exist.
    """
    from dysample.ops import canonical_name

    try:
        return canonical_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def map_size(text: str) -> "MapSize":
    """Parse the size of a map, such as ``256x120x120``.

    Raises:
        ArgumentTypeError: The text is something else.
    """
    from dysample.measure import MapSize

    return MapSize.parse(text)


def picture(text: str) -> "Picture":
    """Parse a trained network and the size of a picture, such as ``indoor-depth:240x320``.

    Raises:
        ArgumentTypeError: The text is something else.
    """
    from dysample.measure import Picture

    return Picture.parse(text)


def positive(text: str) -> int:
    """Parse a positive integer.

    Raises:
        ArgumentTypeError: The text is something else.
    """
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def share(text: str) -> float:
    """Parse a number from 0 to 1.

    Raises:
        ArgumentTypeError: The text is something else.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, got {text!r}")
    return value


def seed(text: str) -> int:
    """Parse a non-negative integer.

    Raises:
        ArgumentTypeError: The text is something else.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an integer of at least 0, got {text!r}")
    return int(text)


def input_shape(text: str) -> tuple[int, ...]:
    """Parse a shape, such as ``1x3x256x256``.

    Raises:
        ArgumentTypeError: The text is something else.
    """
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"a shape is written as 1x3x256x256, got {text!r}")
    return tuple(map(int, parts))


def site(text: str) -> str | int:
    """Parse the name or the number of a site."""
    return int(text) if text.isdecimal() else text


def site_and_operator(text: str) -> tuple[str, str]:
    """Parse a site and its upsampler, such as ``decoder.up=carafe``; an empty one leaves the site alone.

    Raises:
        ArgumentTypeError: The text is something else.
    """
    name, equals, operator = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"a site's upsampler is written as SITE=OPERATOR, got {text!r}")
    return name, upsampler_name(operator) if operator else ""


def safetensors_file(text: str) -> Path:
    """Parse the path of a file of weights to write.

    Raises:
        ArgumentTypeError: Its name does not end in ``.safetensors``.
    """
    if not text.endswith(".safetensors"):
        raise argparse.ArgumentTypeError(f"weights are written as .safetensors, got {text!r}")
    return Path(text)
