"""The manifest of pretrained weights: tasks, files, checksums, scores."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dysample.models.hub import WeightsError
from dysample.models.tasks import Task

MANIFEST = "MANIFEST.toml"
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
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        tasks = tuple(Task(**as_tuples(row)) for row in table.get("tasks", []))
        weights = tuple(WeightsEntry(**row) for row in table.get("weights", []))
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path} is damaged ({error}): copy the folder again") from error
    return Manifest(folder, tasks, weights)


def as_tuples(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its lists turned into tuples, as frozen records hold them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
