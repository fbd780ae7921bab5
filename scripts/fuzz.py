"""Feed crafted and damaged pictures of all formats to the reading function, in processes with limits.

    python scripts/fuzz.py --pictures 10000 --seed 0

A picture may be read or refused by an `ImageError`; anything else is a fault, and so is a picture that takes
more than five seconds of the processor or a gigabyte of memory beside its own bytes. Pictures are made here:
small ones with Pillow, each of which is damaged in many ways, and some of nearly the most pixels that are
allowed. The same seed makes the same pictures; ``--only NUMBER`` writes one to a file. Exits with 1 if there
was a fault.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.fuzz_pictures import make_pictures

MOST_SECONDS = 5.0  # of the processor: others may use it as well
MOST_BYTES = 1 << 30
_PATIENCE_S = 120.0  # by the clock, after which a process hangs
_READY = "ready"
_HARD_LIMIT = 8 << 30  # bytes of addresses, so that a fault does not take the machine along

Outcome = Literal["read", "refused", "fault", "slow", "hungry", "crashed", "hung"]
FAULTS: tuple[Outcome, ...] = ("fault", "slow", "hungry", "crashed", "hung")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a picture.

    Attributes:
        number: Its number among all pictures of the seed.
        name: What it is.
        size: Its bytes.
        outcome: What happened.
        words: Sentence of the refusal, or the exception.
        seconds: Of the processor.
        memory: Bytes at the peak beside those of the picture; None where they cannot be measured.
    """

    number: int
    name: str
    size: int
    outcome: Outcome
    words: str = ""
    seconds: float = 0.0
    memory: int | None = None


# --- The process that reads ---


def read(number: int, name: str, data: bytes) -> Result:
    """Read a picture in this process, and measure it."""
    import torch

    from dysample.images import ImageError, decode
    from dysample.measure.memory import peak_beyond_output

    outcome: Outcome = "read"
    words, began = "", time.process_time()

    def attempt() -> torch.Tensor:
        nonlocal outcome, words
        try:
            decode(data)
        except ImageError as error:
            outcome, words = "refused", str(error)
        except BaseException as error:
            outcome, words = "fault", f"{type(error).__name__}: {error}"
        return torch.empty(0)

    peak = peak_beyond_output(attempt, torch.device("cpu"))
    seconds = time.process_time() - began
    memory = None if peak.value is None else round(peak.value * (1 << 20))
    return Result(number, name, len(data), _judged(outcome, seconds, memory), words, seconds, memory)


def _judged(outcome: Outcome, seconds: float, memory: int | None) -> Outcome:
    if outcome == "fault":
        return outcome
    if seconds > MOST_SECONDS:
        return "slow"
    return "hungry" if memory is not None and memory > MOST_BYTES else outcome


def serve(seed: int, pictures: int) -> None:
    """Read the pictures whose numbers come in, line by line; answer each with a line of JSON."""
    import torch

    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_HARD_LIMIT, _HARD_LIMIT))
    torch.set_num_threads(1)
    made = make_pictures(seed, pictures)
    for data in made.seeds.values():
        read(-1, "", data)  # libraries are loaded, so that the first picture is measured like others
    print(_READY, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff writes a line about each damage
    for line in sys.stdin:
        name, data = made.picture(int(line))
        print(json.dumps(asdict(read(int(line), name, data))), flush=True)


# --- The process that asks ---


class _Reader:
    """A process that reads pictures, and another one after it has died."""

    def __init__(self, seed: int, pictures: int) -> None:
        self._command = [
            sys.executable,
            str(Path(__file__)),
            "--serve",
            f"--seed={seed}",
            f"--pictures={pictures}",
        ]
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        if process.stdout is None or process.stdout.readline().strip() != _READY:
            raise RuntimeError("the process that reads pictures did not start; its error is above")
        return process

    def ask(self, number: int) -> Result:
        process = self._process
        watch = threading.Timer(_PATIENCE_S, process.kill)
        watch.start()
        began = time.monotonic()
        line = ""
        if process.stdin is not None and process.stdout is not None:
            print(number, file=process.stdin, flush=True)
            line = process.stdout.readline()
        watch.cancel()
        if line:
            return Result(**json.loads(line))
        self.close()
        self._process = self._start()
        hung = time.monotonic() - began >= _PATIENCE_S
        return Result(number, "", 0, "hung" if hung else "crashed", f"status {process.returncode}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def run(seed: int, pictures: int, processes: int) -> Iterator[Result]:
    """Read all pictures in several processes; results come as they are there."""
    numbers: Queue[int] = Queue()
    results: Queue[Result] = Queue()
    for number in range(pictures):
        numbers.put(number)

    def work() -> None:
        reader = _Reader(seed, pictures)
        try:
            while True:
                results.put(reader.ask(numbers.get_nowait()))
        except Empty:
            reader.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for _ in range(pictures):
        while True:
            try:
                yield results.get(timeout=1.0)
                break
            except Empty:
                if not any(thread.is_alive() for thread in threads) and results.empty():
                    raise RuntimeError("no process reads pictures any more") from None
    for thread in threads:
        thread.join()


def report(results: list[Result], seconds: float, seed: int) -> str:
    """Return what became of all pictures."""
    lines = [f"{len(results):,} pictures of seed {seed} in {seconds:.0f} s"]
    lines += [
        f"  {outcome:<8}{count:>7,}" for outcome, count in Counter(r.outcome for r in results).most_common()
    ]
    refusals = Counter(_kind(result.words) for result in results if result.outcome == "refused")
    lines += ["refusals:", *(f"  {count:>6,}  {words}" for words, count in refusals.most_common(8))]
    lines.append("slowest, in seconds of the processor:")
    slowest = sorted(results, key=lambda result: -result.seconds)[:5]
    lines += [f"  {r.seconds:6.2f}  {r.number:>6}  {r.name} ({r.size:,} bytes): {r.outcome}" for r in slowest]
    measured = [(result.memory, result) for result in results if result.memory is not None]
    lines.append(
        "hungriest, in MB beside the picture's own bytes:" if measured else "memory: not measured here"
    )
    hungriest = sorted(measured, key=lambda pair: -pair[0])[:5]
    lines += [
        f"  {m / 1e6:6.0f}  {r.number:>6}  {r.name} ({r.size:,} bytes): {r.outcome}" for m, r in hungriest
    ]
    faults = [result for result in results if result.outcome in FAULTS]
    lines.append(f"{len(faults)} faults")
    lines += [f"  {r.number:>6}  {r.outcome}: {r.name}. {r.words}"[:300] for r in faults[:30]]
    return "\n".join(lines)


def _kind(words: str) -> str:
    """Return a refusal without its numbers and the name of the format."""
    plain = "".join("#" if mark.isdigit() else mark for mark in words)
    while "##" in plain or "#,#" in plain:
        plain = plain.replace("#,#", "#").replace("##", "#")
    for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"):
        plain = plain.replace(f"The {name} ", "The ... ")
    return plain


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--pictures", type=int, default=10_000, metavar="N", help="default: 10000")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1), metavar="N")
    parser.add_argument(
        "--only", type=int, metavar="NUMBER", help="write one picture to fuzz-NUMBER and read it"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.seed, options.pictures)
        return 0
    if options.only is not None:
        name, data = make_pictures(options.seed, options.pictures).picture(options.only)
        Path(f"fuzz-{options.only}").write_bytes(data)
        print(read(options.only, name, data))
        return 0
    began, results = time.monotonic(), list[Result]()
    for result in run(options.seed, options.pictures, options.processes):
        results.append(result)
        if len(results) % 1000 == 0:
            print(f"{len(results):,} of {options.pictures:,}", file=sys.stderr, flush=True)
    print(report(results, time.monotonic() - began, options.seed))
    return 1 if any(result.outcome in FAULTS for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
