"""Pretrained weights: the manifest, checked files, and hosts made of them without a connection."""

import hashlib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_safetensors

from dysample.models.encoder import Encoder
from dysample.models.host import SegmentationHost
from dysample.models.segformer_head import SegFormerHead

MANIFEST = "MANIFEST.toml"
_BESIDE_THE_PACKAGE = Path(__file__).parents[2] / "pretrained"


class WeightsError(RuntimeError):
    """Weights are missing or damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the networks of one task have in common.

    Attributes:
        name: Key, such as "street-segmentation".
        title: Name for people.
        classes: Names, in the order of the logits.
        scored: Names of the classes that the score averages over.
        encoder: SMP name of the encoder.
        mean: Subtracted from RGB in [0, 1].
        deviation: Divides it afterwards.
        context: Channels of the encoder's `ImageContext`; 0 for none.
        width: Channels at which the upsamplers work.
        dataset: What it was trained on.
        licence: What the owners of these data allow.
        working_side: Longer side, in pixels, of the pictures it was trained on.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    scored: tuple[str, ...]
    encoder: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    context: int
    width: int
    dataset: str
    licence: str
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
        miou: Mean IoU on `split`, None for the encoder.
        boundary_miou: Mean boundary IoU on `split`, None for the encoder.
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
        raise WeightsError(f"there are no weights in {folder}: set DYSAMPLE_PRETRAINED to their folder")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        tasks = tuple(Task(**as_tuples(row)) for row in table.get("tasks", []))
        weights = tuple(WeightsEntry(**row) for row in table.get("weights", []))
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise WeightsError(f"{path} is damaged ({error}): copy the folder again") from error
    return Manifest(folder, tasks, weights)


def load_encoder(task: str, *, manifest: Manifest | None = None) -> Encoder:
    """The trained encoder that all heads of a task share, in eval mode.

    Raises:
        ValueError: The task is unknown.
        WeightsError: The file is missing or damaged.
    """
    manifest = manifest or load_manifest()
    made = manifest.task(task)
    encoder = Encoder(made.encoder, mean=made.mean, deviation=made.deviation, context=made.context)
    encoder.load_state_dict(_read(manifest, manifest.entry(task, "")))
    return encoder.eval().requires_grad_(False)


def load_head(
    task: str, upsampler: str, channels: tuple[int, ...], *, manifest: Manifest | None = None
) -> SegFormerHead:
    """A trained head for an encoder with these channels, in eval mode.

    Raises:
        ValueError: The task or upsampler is unknown, or has no weights.
        WeightsError: The file is missing or damaged.
    """
    manifest = manifest or load_manifest()
    made = manifest.task(task)
    entry = manifest.entry(task, upsampler)
    head = SegFormerHead(channels, width=made.width, classes=len(made.classes), upsampler=upsampler)
    head.load_state_dict(_read(manifest, entry))
    return head.eval().requires_grad_(False)


def load_host(task: str, *, upsampler: str = "bilinear") -> SegmentationHost:
    """A trained network, ready to use offline.

    Args:
        task: A task of the manifest, such as "street-segmentation".
        upsampler: A name of `OPERATORS` that has been trained for it.

    Returns:
        A host in eval mode: RGB in [0, 1] of any size from 32 pixels in, logits of that size out.

    Raises:
        ValueError: The task or upsampler is unknown, or has no weights.
        WeightsError: A file is missing or damaged.
    """
    manifest = load_manifest()
    manifest.entry(task, upsampler)
    encoder = load_encoder(task, manifest=manifest)
    head = load_head(task, upsampler, encoder.channels, manifest=manifest)
    return SegmentationHost(encoder, head).eval()


def _read(manifest: Manifest, entry: WeightsEntry) -> dict[str, Any]:
    path = manifest.folder / entry.file
    if not path.is_file():
        raise WeightsError(f"the weights {path} are missing: copy the folder {manifest.folder.name} again")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise WeightsError(f"the weights {path} are damaged (checksum): copy them again")
    return load_safetensors(data)


def as_tuples(row: dict[str, Any]) -> dict[str, Any]:
    """Lists become tuples, as the frozen records have them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
