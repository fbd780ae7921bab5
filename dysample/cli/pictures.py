"""What commands on pictures share: files and folders, a progress bar, and going on after a bad one."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import TextIOBase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from dysample.cli.options import CommandError
from dysample.files import DiskError, write_aside
from dysample.images import ImageError, decode, to_uint8
from dysample.models.annotations import Annotation
from dysample.models.computing import ChosenPrecision, decoding, device_named, encoding, precision_on
from dysample.models.host import Host
from dysample.models.manifest import load_manifest
from dysample.models.tasks import KINDS, Task
from dysample.text import one_line

Pixels = UInt8[np.ndarray, "h w 3"]
Files = dict[str, bytes]  # by the ending of their name
ENDINGS = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".heic", ".heif", ".avif"),
    )
)
_BAR = 24  # characters


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that was not written, and a sentence on why."""

    name: str
    reason: str


def pictures_in(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return files as they are, and of folders the pictures in them, by name; a folder in a folder is left.

    Raises:
        CommandError: A folder cannot be read, or holds no picture.
    """
    found = list[Path]()
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
        except OSError as error:
            raise CommandError(f"the folder {path} cannot be read: {error.strerror or error}") from error
        if not inside:
            raise CommandError(f"the folder {path} holds no picture: {', '.join(sorted(ENDINGS))}")
        found += [file for file in inside if file.is_file() and not file.name.startswith(".")]
    return tuple(found)


def each_picture(paths: Sequence[Path], work: Callable[[Path], str]) -> int:
    """Work on one picture after the other, go on after a bad one, and sum up; return the exit status.

    Args:
        paths: The pictures.
        work: Works on a picture and returns what it wrote, in words.

    Returns:
        0, or 1 if a picture was not written.
    """
    failures, bar, names = list[Failure](), Bar(len(paths)), set[str]()
    for path in paths:
        bar.draw(one_line(path.name, 40))
        try:
            if path.stem in names:
                raise CommandError(f"another picture is called {path.stem}, and so are its answers")
            words = work(path)
            names.add(path.stem)
            bar.say(f"{path.name}: {words}")
        except (CommandError, DiskError) as error:
            failures.append(Failure(str(path), str(error)))
            bar.complain(f"{one_line(str(path))}: {error}")
        bar.step()
    bar.clear()
    if failures:
        of = f"{len(failures)} of {len(paths)} pictures"
        listed = ", ".join(one_line(failure.name) for failure in failures)
        print(f"dysample: {of} could not be done: {listed}", file=sys.stderr)
    return 1 if failures else 0


class Bar:
    """A progress bar on stderr where that is a terminal; elsewhere nothing is drawn."""

    def __init__(self, total: int, stream: TextIOBase | None = None) -> None:
        """Draw nothing yet.

        Args:
            total: Number of steps.
            stream: Where to draw; None for stderr.
        """
        self._total, self._done = total, 0
        self._stream: Any = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()

    def draw(self, words: str) -> None:
        """Draw the bar with the present step."""
        if self._live:
            full = _BAR * self._done // max(1, self._total)
            line = f"[{'#' * full}{'.' * (_BAR - full)}] {self._done}/{self._total} {words}"
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()

    def step(self) -> None:
        """Count a step."""
        self._done += 1

    def say(self, words: str) -> None:
        """Print a line above the bar, on stdout."""
        self.clear()
        print(words, flush=True)

    def complain(self, words: str) -> None:
        """Print a line above the bar, on stderr."""
        self.clear()
        print(words, file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the bar away."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def make_folder(folder: Path) -> None:
    """Make a folder.

    Raises:
        CommandError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"the folder {folder} cannot be made: {error.strerror or error}") from error


def read_picture(path: Path, longer_side: int | None) -> Pixels:
    """Read a picture, reduced to a longer side.

    Raises:
        CommandError: It cannot be read.
    """
    try:
        pixels = to_uint8(decode(path.read_bytes()))
    except ImageError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"it cannot be read: {error.strerror or error}") from error
    height, width = pixels.shape[:2]
    factor = (longer_side or max(height, width)) / max(height, width)
    if factor >= 1:
        return pixels
    size = max(1, round(factor * width)), max(1, round(factor * height))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def refuse_existing(files: Iterable[Path]) -> None:
    """Refuse to go on if a file is there.

    Raises:
        CommandError: One is.
    """
    for file in files:
        if file.exists():
            raise CommandError(f"{file} is there already: --overwrite replaces it")


def write_files(out: Path, stem: str, files: Files, *, overwrite: bool) -> str:
    """Write the answers about a picture, and return their names.

    Raises:
        CommandError: One is there already, and is not to be overwritten.
        DiskError: One cannot be written.
    """
    paths = {out / f"{stem}-{ending}": data for ending, data in files.items()}
    if not overwrite:
        refuse_existing(paths)
    for path, data in paths.items():
        write_aside(path, data)
    return ", ".join(path.name for path in paths)


@dataclass(frozen=True, slots=True)
class Runner:
    """How networks of a task are run.

    Attributes:
        task: The task.
        device: Where.
        precision: In which numbers.
        threshold: Least score of an object.
    """

    task: Task
    device: torch.device
    precision: ChosenPrecision
    threshold: float

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Runner":
        """Return how the networks of a command line are run.

        Raises:
            ValueError: There is no such network, device or precision.
            WeightsError: The manifest is damaged.
        """
        device = device_named(options.device)
        task = load_manifest().task(options.task)
        return cls(task, device, precision_on(device, options.precision), options.threshold)

    def place(self, host: Host[Any]) -> Host[Any]:
        """Move a network to the device, in place."""
        # Tensor cores and processors convolve fastest with the channels of a pixel side by side.
        host.encoder.to(self.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        host.head.to(self.device)
        return host

    def answers(self, hosts: Sequence[Host[Any]], image: Pixels) -> tuple[Annotation, ...]:
        """Return what networks that share their encoder say of a picture; the encoder runs once.

        Raises:
            CommandError: The memory ran out.
        """
        height, width = image.shape[:2]
        kind = KINDS[self.task.kind]
        try:
            with torch.inference_mode():
                batch = torch.from_numpy(image.copy()).to(self.device).permute(2, 0, 1)[None]
                with encoding(self.device, self.precision):
                    maps = hosts[0].encode(batch)
                answers = list[Annotation]()
                for host in hosts:
                    with decoding(self.device, self.precision):
                        output = host.head.decode(maps, height, width).output
                    answers.append(
                        kind.annotation(self.task, output)
                        if kind.above is None
                        else kind.above(self.task, output, self.threshold)
                    )
                return tuple(answers)
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise CommandError(
                f"the memory of {self.device} ran out over {width}×{height} pixels: reduce the picture with "
                "--longer-side, or choose another --device"
            ) from error
