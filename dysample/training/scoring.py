"""Scores of networks on the pictures of a split, and their records as JSON and as a table."""

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
from dysample.models.annotations import Annotation
from dysample.models.computing import ChosenPrecision, decoding, encoding
from dysample.models.encoder import Encoder
from dysample.models.heads import Head
from dysample.models.host import encode
from dysample.models.manifest import Manifest
from dysample.models.tasks import KINDS, Kind, Task
from dysample.models.weights import load_encoder, load_head
from dysample.scores.scorers import SCORERS, Score, Scorer
from dysample.scores.specs import score_spec
from dysample.training.data import PictureData
from dysample.training.loop import ProgressLine


def evaluate(
    manifest: Manifest,
    task: str,
    upsamplers: Sequence[str],
    data: PictureData,
    *,
    device: torch.device,
    precision: ChosenPrecision = "float32",
    first: int | None = None,
) -> dict[str, Score]:
    """Score several shipped heads of a task on every picture of a split at its own size.

    Args:
        manifest: Manifest of the weights.
        task: Name of the task.
        upsamplers: The heads to score.
        data: The pictures, with their truth.
        device: Device to compute on.
        precision: Precision to compute in.
        first: Number of pictures from the first on; None for all.

    Returns:
        Scores by upsampler; the means are over the classes that the task scores.
    """
    encoder = load_encoder(task, manifest=manifest)
    heads = {name: load_head(task, name, encoder.channels, manifest=manifest) for name in upsamplers}
    how: dict[str, Any] = {"device": device, "precision": precision, "first": first}
    scorers = score_heads(manifest.task(task), encoder, heads, data, **how)
    return {name: scorer.score() for name, scorer in scorers.items()}


def score_heads(
    task: Task,
    encoder: Encoder,
    heads: Mapping[str, Head],
    data: PictureData,
    *,
    device: torch.device,
    precision: ChosenPrecision = "float32",
    first: int | None = None,
) -> dict[str, Scorer[Any]]:
    """Score several heads of an encoder on every picture at its own size, running the encoder once.

    Args:
        task: The task, which names the scored classes.
        encoder: The encoder of all heads, in eval mode.
        heads: Heads in eval mode, by name.
        data: Pictures with their truth.
        device: Device to compute on.
        precision: Precision to compute in; scores that are compared must have the same.
        first: Number of pictures from the first on; None for all.

    Returns:
        The scorer of each head, by name.
    """
    scorers = {name: SCORERS[task.kind].scorer(task) for name in heads}
    encoder.to(device)
    for head in heads.values():
        head.to(device)
    for image, truth in _pictures(data, device, first):
        with torch.inference_mode():
            with encoding(device, precision):
                maps = encode(encoder, image)
            for name, head in heads.items():
                with decoding(device, precision):
                    output = head.decode(maps, *image.shape[2:]).output
                scorers[name].update(KINDS[task.kind].annotation(task, output), truth)
    return scorers


def _pictures(
    data: PictureData, device: torch.device, first: int | None
) -> Iterator[tuple[Tensor, Annotation]]:
    count = len(data) if first is None else min(first, len(data))
    progress = ProgressLine(data.title, count)
    for index in range(count):
        picture = data[index]
        yield torch.from_numpy(picture.image).to(device).permute(2, 0, 1)[None].float() / 255, picture.truth
        progress.update(index + 1, picture.name)


def write_scores(
    path: Path,
    manifest: Manifest,
    task: str,
    data: PictureData,
    scores: Mapping[str, Score],
    unusual: Mapping[str, Any] | None = None,
) -> None:
    """Write scores as JSON with everything needed to reproduce them.

    Args:
        path: Path of the file.
        manifest: Manifest of the weights.
        task: Name of the task.
        data: The pictures.
        scores: Scores by upsampler.
        unusual: What is to be entered as well, or otherwise than for all pictures in float32.

    Raises:
        DiskError: The file cannot be written.
    """
    row = manifest.task(task)
    record = (
        provenance(data)
        | dict(unusual or {})
        | {
            "task": task,
            "weights_sha256": {name: manifest.entry(task, name).sha256 for name in ("", *scores)},
            "classes": row.classes,
            "scored": row.scored,
            "scores": {name: asdict(score) for name, score in scores.items()},
        }
    )
    write_json(path, record)


def provenance(data: PictureData) -> dict[str, Any]:
    """Return what was scored, with which command and which versions."""
    return {
        "dataset": data.dataset,
        "split": data.split,
        "pictures": len(data),
        "data_sha256": data.digest,
        "command": f"python -m dysample {' '.join(map(_portable, sys.argv[1:]))}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def _portable(word: str) -> str:
    """Return a word of a command line; of an absolute path, its last part."""
    return Path(word).name if Path(word).is_absolute() else word


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as indented JSON.

    Raises:
        DiskError: The file cannot be written.
    """
    write_aside(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def score_table(kind: Kind, scores: Mapping[str, Score]) -> str:
    """Return the headline scores as a table in plain text."""
    specs = [score_spec(name) for name in SCORERS[kind].headline]
    lines = [f"{'upsampler':<14}" + "".join(f"{spec.label:>14}" for spec in specs)]
    for name, score in scores.items():
        values = asdict(score)
        cells = ("none" if values[spec.name] is None else spec.printed(values[spec.name]) for spec in specs)
        lines.append(f"{name:<14}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)
