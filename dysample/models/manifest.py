"""The manifest of pretrained weights: tasks, files, checksums, scores."""

import math
import os
import re
import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, cast

from dysample.files import record_from
from dysample.models.hub import WeightsError
from dysample.models.tasks import Task

MANIFEST = "MANIFEST.toml"
Record = TypeVar("Record")
_BESIDE_THE_PACKAGE = Path(__file__).parents[2] / "pretrained"


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One file of weights.

    Attributes:
        file: Path inside the manifest's folder.
        sha256: Checksum of the file.
        task: Name of the task.
        upsampler: Name in `OPERATORS`; empty for the encoder that all heads share.
        seed: Seed of the training.
        command: Command that trained it.
        trained_on: Device and duration of the training.
        miou: Mean IoU on `split`, None for the encoder and for depth.
        boundary_miou: Mean boundary IoU on `split`; None likewise.
        delta1: Share of pixels within 25 % of the true depth; None for the encoder and for segmentation.
        abs_rel: Mean error of depth as a share of the truth; None likewise.
        rms: Root mean square error in metres; None likewise.
        box_ap: Average precision of boxes on `split`; None but for heads of detection.
        box_ap50: The same at an IoU of 0.5; None likewise.
        mask_ap: Average precision of masks on `split`; None but for heads of instance segmentation.
        boundary_ap: The same with the boundary's IoU; None likewise.
        pq: Panoptic quality on `split`; None but for heads of panoptic segmentation.
        sq: Its part of segmentation; None likewise.
        rq: Its part of recognition; None likewise.
        split: The scored split.
    """

    file: str
    sha256: str
    task: str
    upsampler: str
    seed: int
    command: str
    trained_on: str
    miou: float | None = None
    boundary_miou: float | None = None
    delta1: float | None = None
    abs_rel: float | None = None
    rms: float | None = None
    box_ap: float | None = None
    box_ap50: float | None = None
    mask_ap: float | None = None
    boundary_ap: float | None = None
    pq: float | None = None
    sq: float | None = None
    rq: float | None = None
    split: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Contents of a folder of weights."""

    folder: Path
    tasks: tuple[Task, ...]
    weights: tuple[WeightsEntry, ...]

    def task(self, name: str) -> Task:
        """Return a task by its name.

        Raises:
            ValueError: There is no task of that name.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        known = ", ".join(task.name for task in self.tasks) or "none"
        raise ValueError(f"no task is called {name!r}; there are {known}")

    def heads(self, task: str) -> tuple[WeightsEntry, ...]:
        """Return the trained heads of a task, in the manifest's order."""
        return tuple(entry for entry in self.weights if entry.task == task and entry.upsampler)

    def entry(self, task: str, upsampler: str) -> WeightsEntry:
        """Return the entry of one head, or of the encoder if `upsampler` is empty.

        Raises:
            ValueError: There are no such weights.
        """
        for entry in self.weights:
            if entry.task == task and entry.upsampler == upsampler:
                return entry
        known = ", ".join(entry.upsampler for entry in self.heads(self.task(task).name)) or "none"
        raise ValueError(f"{task} has no weights for {upsampler!r}; there are {known}")


def pretrained_folder() -> Path:
    """Return the folder of the weights: `DYSAMPLE_PRETRAINED`, else `pretrained` beside the package."""
    return Path(os.environ.get("DYSAMPLE_PRETRAINED") or _BESIDE_THE_PACKAGE)


def load_manifest(folder: Path | None = None) -> Manifest:
    """Read the manifest of a folder, by default of `pretrained_folder`.

    Raises:
        WeightsError: The manifest is missing or damaged.
    """
    folder = folder or pretrained_folder()
    path = folder / MANIFEST
    if not path.is_file():
        raise WeightsError(
            f"there are no weights in {folder}: they are in the folder `pretrained` of the project's "
            "repository; set the variable DYSAMPLE_PRETRAINED to a copy of that folder"
        )
    try:
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            raise ValueError("the last line is cut off")
        table = tomllib.loads(text)
        tasks = tuple(_record(Task, row, "tasks") for row in _rows(table, "tasks"))
        weights = tuple(_record(WeightsEntry, row, "weights") for row in _rows(table, "weights"))
        _check(tasks, weights)
    except (OSError, RecursionError, ValueError) as error:
        raise WeightsError(f"{path} is damaged ({error}): copy the folder again") from error
    return Manifest(folder, tasks, weights)


def _rows(table: dict[str, Any], name: str) -> list[Any]:
    rows = table.get(name, [])
    if not isinstance(rows, list):
        raise ValueError(f"{name} must be a list of tables, got {rows!r:.60}")
    return cast(list[Any], rows)


def _record(kind: type[Record], row: object, name: str) -> Record:
    """Build a record from a row, whose missing fields have their defaults, and check the types of all."""
    if not isinstance(row, dict):
        raise ValueError(f"{name} must be a list of tables, got {row!r:.60} in it")
    usual = {part.name: part.default for part in fields(cast(Any, kind)) if part.default is not MISSING}
    plain = usual | cast(dict[str, Any], row)
    return record_from(kind, {key: list(value) if value == () else value for key, value in plain.items()})


def _check(tasks: tuple[Task, ...], weights: tuple[WeightsEntry, ...]) -> None:
    """Check what the types of the fields do not say.

    Raises:
        ValueError: A name occurs twice or is unknown, a file lies elsewhere, or a number is impossible.
    """
    names: list[object] = [task.name for task in tasks]
    keys: list[object] = [(entry.task, entry.upsampler) for entry in weights]
    if not tasks or not weights:
        raise ValueError(f"there must be tasks and weights, and there are {len(tasks)} and {len(weights)}")
    twice = [key for key in (*names, *keys) if (*names, *keys).count(key) > 1]
    if twice:
        raise ValueError(f"there are two entries for {twice[0]!r}")
    for task in tasks:
        if len(task.mean) != 3 or len(task.deviation) != 3 or not all(value > 0 for value in task.deviation):
            raise ValueError(f"mean and deviation of {task.name} must be three numbers, the latter above 0")
        if min((*task.widths, task.context, task.working_side - 1)) < 0:
            raise ValueError(f"widths, context and working_side of {task.name} must be positive")
        if (task.owner, "") not in keys and (task.name, "") not in keys:
            raise ValueError(f"the encoder of {task.name} is missing")
    for entry in weights:
        if entry.task not in names:
            raise ValueError(f"{entry.file} is for {entry.task!r}, and there is no such task")
        path = PurePosixPath(entry.file)
        if path.is_absolute() or ".." in path.parts or "\\" in entry.file or not entry.file:
            raise ValueError(f"file must be a path inside the folder, got {entry.file!r}")
        if not re.fullmatch("[0-9a-f]{64}", entry.sha256):
            raise ValueError(
                f"sha256 of {entry.file} must have 64 hexadecimal digits, got {entry.sha256!r:.80}"
            )
        values = [getattr(entry, part.name) for part in fields(entry)]
        if not all(math.isfinite(value) for value in values if isinstance(value, float)):
            raise ValueError(f"scores of {entry.file} must be finite")


def as_tuples(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its lists turned into tuples, as frozen records hold them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
