"""Make the folder of shipped weights: half-precision files and the manifest."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from dysample.models.weights import MANIFEST, Manifest, Task, WeightsEntry, WeightsError, load_manifest
from dysample.ops.registry import OPERATORS
from dysample.training.checkpoint import load_checkpoint, read_log
from dysample.training.loop import TrainingError
from dysample.training.recipe import Recipe
from dysample.training.stages import encoder_folder, heads_folder, load_trained_encoder

_HEADER = """\
# Weights trained for this project, made by `python -m dysample pack`.
# Within a task all heads share one encoder, which was trained with bilinear upsampling and then
# frozen: predictions of a task differ by the upsampler and its head alone.
"""


def pack(recipe: Recipe, runs: Path, output: Path, *, seed: int) -> tuple[WeightsEntry, ...]:
    """Write the encoder and the heads of a run, and enter them in the manifest without scores.

    Raises:
        TrainingError: A run is not there or not complete.
    """
    encoder = load_trained_encoder(recipe, runs, seed)
    folders = encoder_folder(recipe, runs, seed), heads_folder(recipe, runs, seed)
    state = load_checkpoint(folders[1] / "checkpoint.pt")
    if state is None or state["epoch"] < recipe.head_stage.epochs:
        raise TrainingError(
            f"{folders[1]} is not complete: run `python -m dysample train {recipe.task} --stage heads` first"
        )
    parts: dict[str, Mapping[str, Tensor]] = {"": encoder.state_dict()}
    parts |= {name: each["module"] for name, each in state["learners"].items()}
    entries: list[WeightsEntry] = []
    for upsampler, tensors in parts.items():
        stage, folder = ("heads", folders[1]) if upsampler else ("encoder", folders[0])
        data = save({name: _shipped(tensor) for name, tensor in tensors.items()})
        file = f"{recipe.task}/{upsampler or 'encoder'}.safetensors"
        _write(output / file, data)
        entries.append(
            WeightsEntry(
                file=file,
                sha256=hashlib.sha256(data).hexdigest(),
                task=recipe.task,
                upsampler=upsampler,
                seed=seed,
                command=f"python -m dysample train {recipe.task} --stage {stage} --seed {seed}",
                trained_on=_trained_on(folder),
            )
        )
    write_manifest(_merged(output, _task(recipe), tuple(entries)))
    return tuple(entries)


def with_scores(
    manifest: Manifest, task: str, scores: Mapping[str, tuple[float | None, float | None]], split: str
) -> Manifest:
    """The manifest with mIoU and boundary IoU of a task's heads entered, by upsampler."""
    return replace(
        manifest,
        weights=tuple(
            replace(
                entry, miou=scores[entry.upsampler][0], boundary_miou=scores[entry.upsampler][1], split=split
            )
            if entry.task == task and entry.upsampler in scores
            else entry
            for entry in manifest.weights
        ),
    )


def write_manifest(manifest: Manifest) -> None:
    """Write MANIFEST.toml into the manifest's folder."""
    lines = [_HEADER]
    for section, rows in (("tasks", manifest.tasks), ("weights", manifest.weights)):
        for row in rows:
            lines.append(f"[[{section}]]")
            values = {key: value for key, value in asdict(row).items() if value not in (None, "")}
            values |= {"upsampler": row.upsampler} if isinstance(row, WeightsEntry) else {}
            # JSON's strings, numbers and arrays are TOML as well.
            lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
            lines.append("")
    _write(manifest.folder / MANIFEST, "\n".join(lines).encode())


def _merged(output: Path, task: Task, entries: tuple[WeightsEntry, ...]) -> Manifest:
    """The folder's manifest with these rows of a task entered or replaced, in the order of `OPERATORS`."""
    try:
        known = load_manifest(output)
    except WeightsError:
        known = Manifest(output, (), ())
    made = {entry.upsampler: entry for entry in (*known.weights, *entries) if entry.task == task.name}
    return Manifest(
        folder=output,
        tasks=(*(other for other in known.tasks if other.name != task.name), task),
        weights=(
            *(other for other in known.weights if other.task != task.name),
            *(made[name] for name in ("", *OPERATORS) if name in made),
        ),
    )


def _task(recipe: Recipe) -> Task:
    return Task(
        name=recipe.task,
        title=recipe.title,
        classes=recipe.classes,
        scored=recipe.scored,
        encoder=recipe.encoder,
        mean=recipe.mean,
        deviation=recipe.deviation,
        context=recipe.context,
        width=recipe.width,
        dataset=recipe.dataset,
        licence=recipe.licence,
        working_side=recipe.working_side,
    )


def _shipped(tensor: Tensor) -> Tensor:
    """Matrices in float16; vectors stay float32, since variances can leave float16's range."""
    tensor = tensor.detach().cpu().contiguous()
    return tensor.to(torch.float16) if tensor.is_floating_point() and tensor.ndim > 1 else tensor


def _trained_on(folder: Path) -> str:
    log = read_log(folder / "log.jsonl")
    minutes = sum(entry["seconds"] for entry in log) / 60
    return f"{log[-1]['device']}, {minutes:.0f} min"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    aside.write_bytes(data)
    os.replace(aside, path)
