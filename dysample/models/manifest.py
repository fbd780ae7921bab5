"""The list of pretrained weights: tasks, files, checksums, scores."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["segmentation", "depth"]
MANIFEST = "MANIFEST.toml"
_BESIDE_THE_PACKAGE = Path(__file__).parents[2] / "pretrained"


class WeightsError(RuntimeError):
    """Weights are missing or damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the networks of one task have in common.

    Attributes:
        name: Key, such as "street-segmentation".
        kind: What it predicts: a class or a depth for every pixel.
        title: Name for people.
        classes: Names, in the order of the logits; none for depth.
        scored: Names of the classes that the score averages over.
        encoder: SMP name of the encoder.
        mean: Subtracted from RGB in [0, 1].
        deviation: Divides it afterwards.
        context: Channels of the encoder's `ImageContext`; 0 for none.
        widths: Channels inside the head: one number for segmentation, five for depth, finest first.
        dataset: What it was trained on.
        licence: What the owners of these data allow.
        limits: What the networks have seen, and what not, for people.
        working_side: Longer side, in pixels, of the pictures it was trained on.
    """

    name: str
    kind: Kind
    title: str
    classes: tuple[str, ...]
    scored: tuple[str, ...]
    encoder: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    context: int
    widths: tuple[int, ...]
    dataset: str
    licence: str
    limits: str
    working_side: int


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One file of weights.

    Attributes:
        file: Path below the folder of the manifest.
        sha256: Checksum of the file.
        task: Name of its task.
        upsampler: Name in `OPERATORS`; empty for the encoder that all heads share.
        seed: Of the training.
        command: What made it.
        trained_on: Device, and time it took.
        miou: Mean IoU on `split`, None for the encoder and for depth.
        boundary_miou: Mean boundary IoU on `split`, likewise.
        delta1: Share of pixels within 25 % of the true depth; None for the encoder and for classes.
        abs_rel: Mean error of depth as a share of the truth, likewise.
        rms: Root mean square error in metres, likewise.
        split: The pictures that were scored.
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
    split: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a folder of weights holds."""

    folder: Path
    tasks: tuple[Task, ...]
    weights: tuple[WeightsEntry, ...]

    def task(self, name: str) -> Task:
        """A task by its name.

        Raises:
            ValueError: There is none of that name.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        known = ", ".join(task.name for task in self.tasks) or "none"
        raise ValueError(f"no task is called {name!r}; there are {known}")

    def heads(self, task: str) -> tuple[WeightsEntry, ...]:
        """The trained heads of a task, in the manifest's order."""
        return tuple(entry for entry in self.weights if entry.task == task and entry.upsampler)

    def entry(self, task: str, upsampler: str) -> WeightsEntry:
        """The file of one head, or of the encoder if `upsampler` is empty.

        Raises:
            ValueError: Nothing was trained for these.
        """
        for entry in self.weights:
            if entry.task == task and entry.upsampler == upsampler:
                return entry
        known = ", ".join(entry.upsampler for entry in self.heads(self.task(task).name)) or "none"
        raise ValueError(f"{task} has no weights for {upsampler!r}; there are {known}")


def pretrained_folder() -> Path:
    """`DYSAMPLE_PRETRAINED`, else the folder `pretrained` beside the package."""
    return Path(os.environ.get("DYSAMPLE_PRETRAINED") or _BESIDE_THE_PACKAGE)


def load_manifest(folder: Path | None = None) -> Manifest:
    """Read the list of what there is.

    Raises:
        WeightsError: The folder has no manifest, or it is damaged.
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
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise WeightsError(f"{path} is damaged ({error}): copy the folder again") from error
    return Manifest(folder, tasks, weights)


def as_tuples(row: dict[str, Any]) -> dict[str, Any]:
    """Lists become tuples, as the frozen records have them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
