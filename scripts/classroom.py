"""A class that uses the app at once, on this machine alone; every answer is checked.

    python scripts/classroom.py --visitors 60 --minutes 3

Every visitor arrives within a minute with a photograph of its own that bears its number, and goes from
Compare to Offsets and back, again and again, at three working sizes. What each photograph gives was computed
before, by one visitor alone on another server. Prints times and memory; exits with 1 if any answer was an
error, late beyond all patience, or not the visitor's own.
"""

import argparse
import asyncio
import base64
import hashlib
import io
import itertools
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.serving import serving
from scripts.visitor import Answer, VisitError, Visitor

PATIENCE_S = 300.0
_BITS = 10
_SIZE = (960, 720)
_PAUSE_S = (2.0, 8.0)  # between two things that a visitor does
_LIST = "Longer side"
_SIZES = ("480 px", "640 px", "As trained")  # the last is what a visitor sees first
_GALLERY = ("chelsea.png", "coffee.png", "astronaut.png")


# --- Photographs that bear a number ---


def photograph(number: int) -> bytes:
    """Return a JPEG whose top row of blocks, black or white, spells a number."""
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    with Image.open(folder / _GALLERY[number % len(_GALLERY)]) as picture:
        image = np.asarray(picture.convert("RGB").resize(_SIZE)).copy()
    width, height = _SIZE
    for bit in range(_BITS):
        image[: height // 6, bit * width // _BITS : (bit + 1) * width // _BITS] = 255 * (number >> bit & 1)
    image[-height // 8 :] = [37 * number % 256, 91 * number % 256, 153 * number % 256]
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()


def number_of(uri: str) -> int:
    """Read the number of a photograph from the data URI of a picture."""
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        grey = np.asarray(picture.convert("L"))
    height, width = grey.shape
    bits = [int(grey[height // 12, int((bit + 0.5) * width / _BITS)] > 127) << bit for bit in range(_BITS)]
    return sum(bits)


def digest(answer: Answer) -> str:
    """Return a digest of all pictures that Compare shows of a photograph."""
    layers = answer.component("panes")["layers"]
    return hashlib.sha256("".join(layer["picture"] for layer in layers).encode()).hexdigest()


# --- Visits ---


@dataclass(slots=True)
class Report:
    """Times in seconds by what was asked for, and faults."""

    times: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    faults: list[str] = field(default_factory=list[str])

    def timed(self, what: str, answer: Answer) -> Answer:
        """Note how long an answer took."""
        self.times.setdefault(what, []).append(answer.seconds)
        return answer

    def check(self, number: int, answer: Answer, expected: str | None) -> None:
        """Note what is wrong with an answer of Compare."""
        self.faults += [f"visitor {number}: {fault}" for fault in answer.faults()]
        seen = number_of(answer.component("viewer")["photo"])
        if seen != number:
            self.faults.append(f"visitor {number} sees the photograph of {seen}")
        if expected is not None and digest(answer) != expected:
            self.faults.append(f"visitor {number} sees other answers than the photograph gives alone")

    def lines(self) -> list[str]:
        """Return the table of times."""
        rows = [f"{'':<34}{'n':>6}{'p50':>8}{'p95':>8}{'max':>8}  s"]
        for what, times in self.times.items():
            middle, late = np.percentile(times, [50, 95])
            rows.append(f"{what:<34}{len(times):>6}{middle:>8.2f}{late:>8.2f}{max(times):>8.2f}")
        return rows

    def told(self, before: str = "") -> int:
        """Print the number of faults and the first of them; return the status to exit with."""
        print(f"{before}{len(self.faults)} faults")
        for fault in self.faults[:20]:
            print(f"  {fault}")
        return 1 if self.faults else 0


async def visit(
    address: str, number: int, report: Report, expected: dict[tuple[int, str], str], *, end: float
) -> None:
    """Be one visitor until the time is over."""
    random_ = random.Random(number)
    visitor, size, seen = Visitor(address), _SIZES[-1], {_SIZES[-1]}
    sizes = itertools.cycle(_SIZES)
    try:
        await visitor.connect(patience=PATIENCE_S)
        first = report.timed("first page", await visitor.open("compare", patience=PATIENCE_S))
        await visitor.upload(first, f"pupil{number}.jpg", photograph(number), patience=PATIENCE_S)
        answer = report.timed("own photograph, first answer", await visitor.open(patience=PATIENCE_S))
        report.check(number, answer, expected.get((number, size)))
        while time.monotonic() < end:
            await asyncio.sleep(random_.uniform(*_PAUSE_S))
            answer = report.timed("Offsets", await visitor.open("offsets", patience=PATIENCE_S))
            report.faults += [f"visitor {number}: {fault}" for fault in answer.faults()]
            if not any(f"pupil{number}.jpg" in alert.body for alert in answer.all("alert")):
                report.faults.append(f"visitor {number}: Offsets does not show its photograph")
            await asyncio.sleep(random_.uniform(*_PAUSE_S))
            answer = report.timed("Compare, seen before", await visitor.open("compare", patience=PATIENCE_S))
            report.check(number, answer, expected.get((number, size)))
            await asyncio.sleep(random_.uniform(*_PAUSE_S))
            size = next(sizes)
            answer = await visitor.choose(answer, _LIST, size, patience=PATIENCE_S)
            report.timed(f"Compare, {'seen before' if size in seen else 'another size'}", answer)
            report.check(number, answer, expected.get((number, size)))
            seen.add(size)
    except (VisitError, OSError) as error:
        report.faults.append(f"visitor {number}: {error}")
    finally:
        await visitor.close()


async def alone(address: str, number: int) -> dict[tuple[int, str], str]:
    """Return the digests of what a photograph gives, by size, to a visitor who is alone."""
    visitor = Visitor(address)
    await visitor.connect(patience=PATIENCE_S)
    first = await visitor.open("compare", patience=PATIENCE_S)
    await visitor.upload(first, f"pupil{number}.jpg", photograph(number), patience=PATIENCE_S)
    answer = await visitor.open(patience=PATIENCE_S)
    found = {(number, _SIZES[-1]): digest(answer)}
    for size in _SIZES[:-1]:
        answer = await visitor.choose(answer, _LIST, size, patience=PATIENCE_S)
        found[number, size] = digest(answer)
    await visitor.open("offsets", patience=PATIENCE_S)
    await visitor.close()
    return found


# --- The class ---


def megabytes(process: psutil.Process) -> float:
    """Return the resident memory of a server."""
    return process.memory_info().rss / 1e6


async def watched(process: psutil.Process, samples: list[tuple[float, float]]) -> None:
    """Note time and memory of a server every second."""
    while True:
        samples.append((time.monotonic(), megabytes(process)))
        await asyncio.sleep(1)


async def classroom(visitors: int, minutes: float, arriving: float, afterwards: float) -> Report:
    """Run the class; print and return what was seen."""
    report, expected = Report(), dict[tuple[int, str], str]()
    with serving({}, quiet=True) as (_, address):
        for number in range(1, visitors + 1):
            expected |= await alone(address, number)
    print(f"What {visitors} photographs give alone is known.", flush=True)
    with serving({}, quiet=True) as (server, address):
        process = psutil.Process(server.pid)
        await alone(address, 0)  # so that networks are loaded
        before, samples = megabytes(process), list[tuple[float, float]]()
        watch = asyncio.create_task(watched(process, samples))
        began = time.monotonic()

        async def arrive(number: int) -> None:
            await asyncio.sleep(arriving * (number - 1) / visitors)
            await visit(address, number, report, expected, end=began + 60 * minutes)

        await gather(arrive, range(1, visitors + 1))
        ended = time.monotonic()
        at_the_end = megabytes(process)
        await asyncio.sleep(afterwards)
        watch.cancel()
        half = [size for at, size in samples if began + (ended - began) / 2 <= at <= ended]
        print("\n".join(report.lines()))
        most = max(size for _, size in samples)
        print(
            f"memory: {before:.0f} MB before, {most:.0f} MB at most, in the second half {half[0]:.0f} to "
            f"{half[-1]:.0f} MB; {at_the_end:.0f} MB when all have left, {megabytes(process):.0f} MB "
            f"{afterwards:.0f} s later"
        )
    return report


async def gather(work: Callable[[int], Awaitable[None]], numbers: Sequence[int]) -> None:
    """Do the work of all numbers at once."""
    await asyncio.gather(*map(work, numbers))


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--visitors", type=int, default=60, choices=range(1, 201), metavar="N")
    parser.add_argument("--minutes", type=float, default=3.0, help="at most 30")
    parser.add_argument(
        "--arriving", type=float, default=60.0, metavar="S", help="seconds in which all arrive"
    )
    parser.add_argument(
        "--afterwards",
        type=float,
        default=150.0,  # visitors may come back for two minutes
        metavar="S",
        help="seconds after which memory is read again",
    )
    options = parser.parse_args()
    minutes = min(30.0, options.minutes)
    report = asyncio.run(classroom(options.visitors, minutes, options.arriving, options.afterwards))
    return report.told(f"{options.visitors} visitors, ")


if __name__ == "__main__":
    sys.exit(main())
