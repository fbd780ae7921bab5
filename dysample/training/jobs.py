"""What one process of a sweep trains, and how it ended."""

import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

MENDABLE = 2  # exit status of the command line when it ends with a sentence for people
_PATIENCE = 10  # seconds that a process gets to end by itself


@dataclass(frozen=True, slots=True)
class Job:
    """Runs that one process trains: the encoder, several heads of a seed, or one network end to end.

    Attributes:
        recipe: Name or absolute path.
        data: Absolute folder of the data sets.
        runs: Absolute folder of the runs.
        stage: As `python -m dysample train` calls it.
        upsamplers: Their names.
        seed: Of all of them.
        bfloat16: Compute in it on the CPU too.
    """

    recipe: str
    data: Path
    runs: Path
    stage: Literal["encoder", "heads", "whole"]
    upsamplers: tuple[str, ...]
    seed: int
    bfloat16: bool = False

    def command(self, device: str, threads: int) -> list[str]:
        """The command line that trains them."""
        words = [sys.executable, "-m", "dysample", "train", self.recipe, "--stage", self.stage]
        words += ["--upsampler", *self.upsamplers, "--seed", str(self.seed)]
        words += ["--data", str(self.data), "--runs", str(self.runs)]
        words += ["--device", device, "--threads", str(threads)]
        return [*words, *["--bfloat16"] * self.bfloat16]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended.

    Attributes:
        status: 0 if all is done, `MENDABLE` after a sentence for people, else it broke.
        reason: Its last words.
    """

    status: int
    reason: str


@runtime_checkable
class Workers(Protocol):
    """What carries jobs out."""

    @property
    def count(self) -> int:
        """How many jobs run at a time."""
        ...

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[Job, Ending], None, None]:
        """Carry jobs out, giving each as it ends; closing the generator stops the rest."""
        ...


class Process:
    """A command that tells what it prints, line by line, and can be stopped."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it, out of reach of the terminal's Ctrl-C, which is for whoever started it."""
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def watch(self, tell: Callable[[str], None]) -> Ending:
        """Pass every line on until the command ends; stops it if that is interrupted."""
        last = said = ""
        with self._process:
            try:
                for line in self._process.stdout or ():
                    last = line.strip() or last
                    said = line.strip() if line.startswith("dysample: ") else said
                    tell(line.rstrip())
            finally:
                self.stop()
        status = self._process.returncode
        if status < 0:
            return Ending(status, f"ended by the signal {signal.Signals(-status).name}")
        return Ending(status, said.removeprefix("dysample: ") or last)

    def stop(self) -> None:
        """End it, if it has not ended yet; a run loses no more than its last epoch."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
