"""Score networks on the pictures of a split; heads of one encoder share its work."""

import json
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dysample.files import write_aside
from dysample.models.encoder import Encoder
from dysample.models.host import decode, encode
from dysample.models.manifest import Manifest
from dysample.models.tasks import KINDS, Annotation, Kind, Task, TaskHead
from dysample.models.weights import load_encoder, load_head
from dysample.scores.scorers import SCORERS, Score, Scorer
from dysample.scores.specs import score_spec
from dysample.training.data import PictureData
from dysample.training.loop import ProgressLine


def score_heads(
    task: Task,
    encoder: Encoder,
    heads: Mapping[str, TaskHead],
    data: PictureData,
    *,
    device: torch.device,
) -> dict[str, Scorer[Any]]:
    """Score several heads of an encoder on every picture, at the pictures' own size.

    Args:
        task: What the networks predict, and which classes count.
        encoder: Shared by the heads, in eval mode.
        heads: By a name for each, in eval mode.
        data: Pictures with their truth.
        device: Where to compute.
    """
    scorers = {name: SCORERS[task.kind].scorer(task) for name in heads}
    encoder.to(device)
    for head in heads.values():
        head.to(device)
    for image, truth in _pictures(data, device):
        with torch.inference_mode():
            maps = encode(encoder, image)
            for name, head in heads.items():
                output = decode(head, maps, *image.shape[2:]).output
                scorers[name].update(KINDS[task.kind].annotation(output), truth)
    return scorers


def _pictures(data: PictureData, device: torch.device) -> Iterator[tuple[Tensor, Annotation]]:
    progress = ProgressLine(data.title, len(data))
    for index in range(len(data)):
        picture = data[index]
        yield torch.from_numpy(picture.image).to(device).permute(2, 0, 1)[None].float() / 255, picture.truth
        progress.update(index + 1, picture.name)


# Score shipped weights on a split of their data set, and write down how.


def evaluate(
    manifest: Manifest, task: str, upsamplers: Sequence[str], data: PictureData, *, device: torch.device
) -> dict[str, Score]:
    """Score several shipped heads of a task on every picture of a split, at the pictures' own size.

    Args:
        manifest: Where the weights are.
        task: Name of the task.
        upsamplers: The heads to score.
        data: The pictures, with their truth.
        device: Where to compute.

    Returns:
        By upsampler; the means are over the classes that the task scores.
    """
    encoder = load_encoder(task, manifest=manifest)
    heads = {name: load_head(task, name, encoder.channels, manifest=manifest) for name in upsamplers}
    scorers = score_heads(manifest.task(task), encoder, heads, data, device=device)
    return {name: scorer.score() for name, scorer in scorers.items()}


def write_scores(
    path: Path, manifest: Manifest, task: str, data: PictureData, scores: Mapping[str, Score]
) -> None:
    """Write scores as JSON with all that is needed to make them again.

    Raises:
        DiskError: The file cannot be written.
    """
    made = manifest.task(task)
    record = provenance(data) | {
        "task": task,
        "weights_sha256": {name: manifest.entry(task, name).sha256 for name in ("", *scores)},
        "classes": made.classes,
        "scored": made.scored,
        "scores": {name: asdict(score) for name, score in scores.items()},
    }
    write_json(path, record)


def provenance(data: PictureData) -> dict[str, Any]:
    """What was scored, with which command and versions."""
    return {
        "dataset": data.dataset,
        "split": data.split,
        "pictures": len(data),
        "data_sha256": data.digest,
        "command": f"python -m dysample {' '.join(map(_anywhere, sys.argv[1:]))}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def _anywhere(word: str) -> str:
    """A word of a command line; of a path that only this machine has, the last part."""
    return Path(word).name if Path(word).is_absolute() else word


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record for people and programs.

    Raises:
        DiskError: The file cannot be written.
    """
    write_aside(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def score_table(kind: Kind, scores: Mapping[str, Score]) -> str:
    """The headline scores as lines of text."""
    specs = [score_spec(name) for name in SCORERS[kind].headline]
    lines = [f"{'upsampler':<14}" + "".join(f"{spec.label:>14}" for spec in specs)]
    for name, score in scores.items():
        values = asdict(score)
        cells = ("none" if values[spec.name] is None else spec.printed(values[spec.name]) for spec in specs)
        lines.append(f"{name:<14}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)
