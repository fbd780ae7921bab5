"""What a benchmark is asked for: sizes, operators and ways to run them, as cases and as a command line."""

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from dysample.analysis.bench.case import BenchCase, DTypeName, Layout, reads_at_points
from dysample.kernels.choice import Implementation
from dysample.ops.registry import OPERATORS


@dataclass(frozen=True, slots=True)
class MapSize:
    """Size of a map.

    Attributes:
        channels: How many there are.
        height: Rows.
        width: Columns.
        batch: How many maps.
    """

    channels: int
    height: int
    width: int
    batch: int = 1

    @classmethod
    def parse(cls, text: str) -> "MapSize":
        """Read channels x rows x columns, such as ``256x120x120``, with the batch before if it is not 1.

        Raises:
            ArgumentTypeError: It is not three or four positive integers.
        """
        parts = text.lower().split("x")
        if len(parts) not in (3, 4) or not all(part.isdecimal() and int(part) for part in parts):
            raise argparse.ArgumentTypeError(
                "a size must be channels x rows x columns, such as 256x120x120, or batch x channels x rows x "
                f"columns, got {text!r}"
            )
        *batch, channels, height, width = map(int, parts)
        return cls(channels, height, width, *batch)

    def __str__(self) -> str:
        batch = f"{self.batch}x" if self.batch > 1 else ""
        return f"{batch}{self.channels}x{self.height}x{self.width}"


PAPER_SIZE = MapSize(256, 120, 120)  # Figures 1 and 8; the guide is 256x240x240


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured; every choice with every other.

    Attributes:
        operators: Names in `OPERATORS`.
        sizes: Of the maps.
        layouts: In memory.
        implementations: For those operators that read at points.
        compiled: Whether every operator is measured once more through `torch.compile`.
        scale: Enlargement s.
        dtype: Of maps and weights.
        device: Where.
        threads: CPU threads.
    """

    operators: Sequence[str] = tuple(OPERATORS)
    sizes: Sequence[MapSize] = (PAPER_SIZE,)
    layouts: Sequence[Layout] = get_args(Layout)[:1]
    implementations: Sequence[Implementation] = ("auto",)
    compiled: bool = False
    scale: int = 2
    dtype: DTypeName = "float32"
    device: str = "cpu"
    threads: int = 1

    def cases(self) -> list[BenchCase]:
        """Size by size, in the order of the table; bilinear interpolation always in both layouts.

        PyTorch's bilinear interpolation of NCHW, which all are compared with, is far slower on the CPU
        than that of channels-last maps: whoever reads a ratio should see both.
        """
        return [case for size in dict.fromkeys(self.sizes) for case in self._of_size(size)]

    def _of_size(self, size: MapSize) -> list[BenchCase]:
        return [
            self._case(size, name, layout, implementation, compiled)
            for name in OPERATORS
            if name in self.operators or name == "bilinear"
            for layout in (get_args(Layout) if name == "bilinear" else dict.fromkeys(self.layouts))
            for implementation in (
                dict.fromkeys(self.implementations) if reads_at_points(name) else ("auto",)
            )
            for compiled in ((False, True) if self.compiled else (False,))
        ]

    def _case(
        self, size: MapSize, name: str, layout: Layout, implementation: Implementation, compiled: bool
    ) -> BenchCase:
        return BenchCase(
            operator=name,
            channels=size.channels,
            height=size.height,
            width=size.width,
            batch=size.batch,
            scale=self.scale,
            dtype=self.dtype,
            layout=layout,
            device=self.device,
            threads=self.threads,
            implementation=implementation,
            compiled=compiled,
        )

    def command(self, *, rounds: int, backward: bool, memory: bool) -> str:
        """The command line that measures the same again, with every option that changes a figure."""
        chosen = [name for name in OPERATORS if name in self.operators]
        words = ["python", "-m", "dysample", "bench"]
        words += ["--upsampler", *chosen] if len(chosen) < len(OPERATORS) else []
        words += ["--size", *map(str, dict.fromkeys(self.sizes))]
        words += ["--layout", *dict.fromkeys(self.layouts)]
        words += ["--implementation", *dict.fromkeys(self.implementations)]
        for name in ("scale", "threads", "dtype", "device"):
            words += [f"--{name}", str(getattr(self, name))]
        words += ["--rounds", str(rounds)]
        flags = {"--compiled": self.compiled, "--backward": backward, "--no-memory": not memory}
        return shlex.join([*words, *(flag for flag, is_set in flags.items() if is_set)])


def positive(text: str) -> int:
    """Read a positive integer.

    Raises:
        ArgumentTypeError: It is something else.
    """
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)
