"""Everything that only a GPU can tell, in one go: `python -m scripts.gpu_check --out FOLDER --seconds 840`.

It times a comparison of four upsamplers and the paper's Figure 8 on the CPU and on the GPU, runs the tests
that need a GPU, and scores two tasks in float32 and in bfloat16. Every stage is a process of its own with a
share of the time that is left. What it found is in gpu_check.json and gpu_check.md as soon as it ends, so a
run that is cut short still tells something. Without a GPU, `--device cpu` shows that it works.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("street-segmentation", "indoor-depth")
COMPARED = ("nearest", "bilinear", "dysample", "dysample+")
COMPARED_TASK = "everyday-segmentation"
PRECISIONS = ("float32", "bfloat16")
ROUNDS = 9
_LEAST_S = 5.0  # in which no stage gets anywhere

State = Literal["done", "failed", "cut short", "left out"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A process of the check.

    Attributes:
        name: Its name in the report.
        command: Words after the name of the Python interpreter; ``{seconds}`` stands for the time that it may
            spend on measuring.
        share: Share of the time left that it may take.
        environment: Variables besides those of this process.
        writes: Whether it takes ``--json FILE`` and leaves figures there.
        why_not: Why it cannot run here; empty if it can.
    """

    name: str
    command: tuple[str, ...]
    share: float
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    writes: bool = True
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a stage.

    Attributes:
        name: Name of the stage.
        state: How it ended.
        seconds: Time that it took.
        words: Its last line, or why it did not run.
        command: Command line that repeats it.
        figures: What it measured, as it wrote it; None if it wrote nothing.
    """

    name: str
    state: State
    seconds: float
    words: str
    command: str
    figures: Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all stages; return the exit status, 1 if a stage failed."""
    options = _options(arguments)
    if options.time_on:
        figures = timed(options.time_on, options.size, options.seconds)
        _write_json(options.json, figures)
        print(figures["sentence"])
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    outcomes = list[Outcome]()
    deadline = time.monotonic() + options.seconds
    machine = _machine(options.device)
    for stage in stages(options):
        print(f"{stage.name} ...", file=sys.stderr, flush=True)
        outcomes.append(run(stage, deadline - time.monotonic(), options.out))
        print(f"  {outcomes[-1].state}: {outcomes[-1].words}", file=sys.stderr, flush=True)
        report = {"machine": machine, "stages": [asdict(outcome) for outcome in outcomes]}
        _write_json(options.out / "gpu_check.json", report)
        (options.out / "gpu_check.md").write_text(to_markdown(machine, outcomes), encoding="utf-8")
    print(to_markdown(machine, outcomes))
    return int(any(outcome.state == "failed" for outcome in outcomes))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--out", type=Path, default=Path("gpu-check"), help="folder of the report (default: gpu-check)")
    add("--seconds", type=float, default=840.0, help="time that all may take (default: 840)")
    add("--device", default="cuda", help="cuda, cuda:1, or cpu to try it out (default: cuda)")
    add("--data", default=os.environ.get("DYSAMPLE_DATA", ""), help="folder of the data sets")
    add("--first", type=int, default=1000, metavar="N", help="score N pictures at most (default: 1000)")
    add("--size", type=_size, default=(1080, 1920), metavar="HxW", help="of the compared picture")
    add("--map", default="256x120x120", metavar="CxHxW", help="of the benchmark (default: the paper's)")
    add("--time-on", choices=["engine"], help=argparse.SUPPRESS)  # what the times' stages call
    add("--json", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width)


def _machine(device: str) -> dict[str, Any]:
    import torch

    from dysample.measure.machine import this_machine

    there = torch.device(device if device == "cpu" or torch.cuda.is_available() else "cpu")
    return asdict(this_machine(there)) | {"date": datetime.now(UTC).isoformat(timespec="seconds")}


# --- Stages ---


def stages(options: argparse.Namespace) -> list[Stage]:
    """Return the stages, the quick ones first."""
    gpu = options.device != "cpu"
    this = ("-m", "scripts.gpu_check", "--time-on", "engine", "--size", "x".join(map(str, options.size)))
    places = [("cpu", "float32"), *(((options.device, name) for name in PRECISIONS) if gpu else ())]
    times = [
        Stage(
            f"comparison on {device} in {precision}",
            (*this, "--seconds", "{seconds}"),
            0.3,
            {"DYSAMPLE_DEVICE": device, "DYSAMPLE_PRECISION": precision},
        )
        for device, precision in places
    ]
    bench = ("-m", "dysample", "bench", "--size", options.map, "--upsampler", *COMPARED, "carafe")
    benches = [
        Stage(f"upsamplers on {device}", (*bench, "--device", device, "--dtype", *dtypes, *more), 0.3)
        for device, dtypes, more in (
            ("cpu", ("float32",), ("--no-memory",)),
            *(((options.device, ("float32", "float16"), ()),) if gpu else ()),
        )
    ]
    tests = Stage(
        "tests",
        ("-m", "pytest", "-q", "-o", "addopts=--strict-markers", "-p", "no:cacheprovider", "-m", "gpu"),
        0.5,
        writes=False,
        why_not="" if gpu else "they need a CUDA device",
    )
    data = "" if options.data else "there are no data: give --data, or set DYSAMPLE_DATA"
    score = ("-m", "dysample", "evaluate")
    how = ("--upsampler", "bilinear", "dysample+", "--first", str(options.first), "--device", options.device)
    scores = [
        Stage(
            f"{task} in {precision}",
            (*score, task, *how, "--precision", precision, "--data", options.data),
            0.5,
            why_not=data,
        )
        for task in TASKS
        for precision in PRECISIONS
    ]
    return [*times, *benches, tests, *scores]


def run(stage: Stage, left: float, folder: Path) -> Outcome:
    """Run a stage within its share of the seconds that are left."""
    name = stage.name.replace(" ", "-").replace(":", "")
    file = folder / f"{name}.json"
    file.unlink(missing_ok=True)
    limit = max(_LEAST_S, stage.share * left)
    words = [word.replace("{seconds}", f"{limit / 2:.0f}") for word in stage.command]
    words += ["--json", str(file)] if stage.writes else []
    shown = " ".join(("python", *words))
    if stage.why_not or left < _LEAST_S:
        return Outcome(stage.name, "left out", 0.0, stage.why_not or "the time was over", shown, None)
    began = time.monotonic()
    with (folder / f"{name}.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=os.environ | dict(stage.environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with the processes that it started
            process.wait()
            status = None
        log.seek(0)
        lines = log.read().splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "")
    figures = json.loads(file.read_text(encoding="utf-8")) if status == 0 and stage.writes else None
    states: dict[int | None, State] = {0: "done", None: "cut short"}
    seconds = time.monotonic() - began
    return Outcome(stage.name, states.get(status, "failed"), round(seconds, 1), last, shown, figures)


# --- Times of a comparison ---


def timed(what: str, size: tuple[int, int], seconds: float) -> dict[str, Any]:
    """Time encoder and heads on noise as the app runs them, on the device that the environment names.

    Args:
        what: Names the part of the app; "engine".
        size: Rows and columns.
        seconds: After which no further round begins.
    """
    import numpy as np
    import torch

    from app.shared.engine import devices, passes
    from dysample.models import weights
    from dysample.models.manifest import load_manifest

    began = time.monotonic()
    manifest = load_manifest()
    encoder = devices.to_device(weights.load_encoder(COMPARED_TASK, manifest=manifest))
    channels = encoder.channels
    heads = {
        name: devices.on_device(weights.load_head(COMPARED_TASK, name, channels, manifest=manifest))
        for name in COMPARED
    }
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    times: dict[str, list[float]] = {name: [] for name in ("encoder", *heads, "all")}
    if devices.device().type == "cuda":
        torch.cuda.reset_peak_memory_stats(devices.device())
    # The first rounds warm up: kernels are compiled, graphs recorded.
    with torch.inference_mode():
        for _ in range(3 + ROUNDS):
            _round(times, lambda: passes.encode(encoder, passes.to_device(image)), heads, size)
            if time.monotonic() - began > seconds and len(times["all"]) > 3:
                break
    cuda = devices.device().type == "cuda"
    return {
        "part": what,
        "task": COMPARED_TASK,
        "size": list(size),
        "sentence": devices.sentence(),
        "rounds": len(times["all"]) - 3,
        "first_ms": 1000 * times["all"][0],
        "median_ms": {name: 1000 * statistics.median(values[3:]) for name, values in times.items()},
        "peak_mib": torch.cuda.max_memory_allocated(devices.device()) / 2**20 if cuda else None,
        "graphs": len(passes.GRAPHS),
    }


def _round(
    times: dict[str, list[float]],
    encode: Callable[[], tuple[Any, ...]],
    heads: Mapping[str, Any],
    size: tuple[int, int],
) -> None:
    """Run the encoder and every head once, down to labels on the CPU."""
    from app.shared.engine import devices, passes

    started = before = time.perf_counter()
    maps = encode()
    devices.finished()
    times["encoder"].append(time.perf_counter() - before)
    for name, head in heads.items():

        def labels(head: Any = head) -> Any:
            return passes.decode(head, maps, size).output.argmax(1).byte().cpu()

        before = time.perf_counter()
        labels()
        times[name].append(time.perf_counter() - before)
    times["all"].append(time.perf_counter() - started)


# --- Report ---


def to_markdown(machine: Mapping[str, Any], outcomes: Sequence[Outcome]) -> str:
    """Return the report as Markdown."""
    where = ", ".join(filter(None, (machine["accelerator"], machine["processor"])))
    lines = [
        "# What a GPU tells",
        "",
        f"Made on {machine['date']}: {where}, {machine['cores']} cores, PyTorch {machine['torch']}.",
        "",
        *_table(
            ("stage", "state", "s", "last line"),
            [(row.name, row.state, f"{row.seconds:.0f}", row.words) for row in outcomes],
        ),
    ]
    known = {row.name: row.figures for row in outcomes if row.figures is not None}
    times = {name: figures for name, figures in known.items() if "median_ms" in figures}
    if times:
        names = tuple(next(iter(times.values()))["median_ms"])
        height, width = next(iter(times.values()))["size"]
        rows = [
            (name, *(f"{each['median_ms'][part]:.1f}" for part in names), _mebibytes(each), each["sentence"])
            for name, each in times.items()
        ]
        head = ("where", *names, "peak, MiB", "the app says")
        lines += ["", f"## Four upsamplers at {width}×{height}, ms", "", *_table(head, rows)]
    differences = list(_differences(known))
    if differences:
        lines += ["", "## Scores in bfloat16, less those in float32, in points", ""]
        lines += _table(("task", "upsampler", "score", "float32", "difference"), differences)
    benches = [figures for figures in known.values() if "rows" in figures]
    if benches:
        from dysample.measure.bench import from_json
        from dysample.measure.bench_table import to_markdown as bench_to_markdown

        for figures in benches:
            lines += ["", bench_to_markdown(from_json(json.dumps(figures))).replace("\n#", "\n##").strip()]
    return "\n".join(lines).replace("\n# ", "\n## ") + "\n"


def _differences(known: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows = list[tuple[str, ...]]()
    for task in TASKS:
        pair = [known[name] for name in (f"{task} in {each}" for each in PRECISIONS) if name in known]
        if len(pair) < len(PRECISIONS):
            continue
        exact, half = (each["scores"] for each in pair)
        for upsampler, scores in exact.items():
            for name, value in scores.items():
                if isinstance(value, float):
                    difference = 100 * (half[upsampler][name] - value)
                    rows.append((task, upsampler, name, f"{100 * value:.3f}", f"{difference:+.4f}"))
    return rows


def _mebibytes(figures: Mapping[str, Any]) -> str:
    return "–" if figures["peak_mib"] is None else f"{figures['peak_mib']:.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
