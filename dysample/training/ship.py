"""The folder of shipped weights: compressed files, the manifest, and a model card for each task."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path, PurePosixPath

import numpy as np
from torch import Tensor

from dysample.files import write_aside
from dysample.models import packing
from dysample.models.manifest import MANIFEST, Manifest, WeightsEntry, load_manifest
from dysample.models.tasks import Kind, Task
from dysample.models.weights import PACKED, checked_content, halved, quartered, read_small
from dysample.ops.registry import OPERATORS, operator_spec
from dysample.scores.scorers import SCORERS, Score
from dysample.scores.specs import ScoreSpec, score_spec
from dysample.training.loop import TrainingError
from dysample.training.recipe import Recipe, Stage, sharing_recipes
from dysample.training.runs import (
    CHECKPOINT,
    ENCODER_SEED,
    encoder_folder,
    head_folder,
    load_checkpoint,
    training_command,
    training_time,
)
from dysample.training.stages import load_shared_encoder
from dysample.training.truth import TRUTHS

_HEADER = """\
# Weights trained for this project, made by `python -m dysample pack`.
# Within a task all heads share one encoder, which was trained with the upsampler that the others are
# compared with (nearest for objects, else bilinear) and then frozen: predictions of a task differ by the
# upsampler and its head alone.
"""


def pack(recipe: Recipe, runs: Path, output: Path, *, seed: int) -> tuple[WeightsEntry, ...]:
    """Write the encoder and the finished heads of a seed, and enter them in the manifest without scores.

    They are also entered for the tasks that share these networks.

    Raises:
        TrainingError: The encoder is missing or not complete, or no head is complete.
        DiskError: A file cannot be written.
        WeightsError: A shipped file that others rest on is missing or damaged.
    """
    heads: dict[str, Mapping[str, Tensor]] = {}
    for name in OPERATORS:
        state = load_checkpoint(head_folder(recipe, runs, name, seed) / CHECKPOINT)
        if state is not None and state["epoch"] >= recipe.head_stage.epochs:
            heads[name] = state["module"]
    if not heads:
        raise TrainingError(
            f"no head of {recipe.task.name} with seed {seed} is complete: run `python -m dysample train "
            f"{recipe.task.name} --stage heads --seed {seed}` first"
        )
    made = [_encoder_of(recipe, runs)]
    for name in sorted(heads, key=lambda name: name != recipe.task.reference):  # others rest on it
        command = ("heads", "--upsampler", name, "--seed", str(seed))
        folder = head_folder(recipe, runs, name, seed)
        made.append((_entry(recipe, name, command, folder, seed), quartered(heads[name])))
    # A damaged manifest is an error: to write a new one would lose the other tasks.
    known = load_manifest(output) if (output / MANIFEST).is_file() else Manifest(output, (), ())
    manifest, entries = known, []
    for entry, tensors in made:
        manifest, entry = _put(manifest, recipe.task, entry, tensors)
        entries.append(entry)
        for task in (recipe.task, *(sharing.task for sharing in sharing_recipes(recipe))):
            manifest = _merged(manifest, task, replace(entry, task=task.name))
    _replace(known, manifest)
    return tuple(entries)


def repack(folder: Path) -> None:
    """Pack the files of a folder that are safetensors yet, as `pack` would have.

    The smallest encoder comes before the others, which rest on it, and the reference of a task before its
    other heads.

    Raises:
        DiskError: A file cannot be written.
        WeightsError: A file is missing or damaged.
    """
    known = load_manifest(folder)
    plain = {entry.file: entry for entry in known.weights if Path(entry.file).suffix != PACKED}
    tensors = {file: read_small(known, entry) for file, entry in plain.items()}
    alone = {file: len(packing.pack(_arrays(small))) for file, small in tensors.items()}
    references = {
        file for file, entry in plain.items() if entry.upsampler == known.task(entry.task).reference
    }
    manifest = known
    for file in sorted(plain, key=lambda file: (file not in references, alone[file])):
        entry = replace(plain[file], file=str(PurePosixPath(file).with_suffix(PACKED)))
        manifest, entry = _put(manifest, manifest.task(entry.task), entry, tensors[file])
        manifest = _with_file(manifest, file, entry)
    _replace(known, manifest)


def _replace(old: Manifest, new: Manifest) -> None:
    """Write a manifest, and remove the files that it no longer names."""
    write_manifest(new)
    for file in {entry.file for entry in old.weights} - {entry.file for entry in new.weights}:
        (new.folder / file).unlink(missing_ok=True)


def _encoder_of(recipe: Recipe, runs: Path) -> tuple[WeightsEntry, Mapping[str, Tensor]]:
    """Return the encoder of the runs, or the shipped one if the heads learned on that."""
    tensors, folder = halved(load_shared_encoder(recipe, runs).state_dict()), encoder_folder(recipe, runs)
    if (folder / CHECKPOINT).is_file():
        return _entry(recipe, "", ("encoder",), folder, ENCODER_SEED), tensors
    return replace(load_manifest().entry(recipe.task.name, ""), file=_file(recipe, "")), tensors


def _entry(recipe: Recipe, upsampler: str, command: tuple[str, ...], folder: Path, seed: int) -> WeightsEntry:
    """Return the entry of a file that is not written yet, which has no checksum."""
    device, minutes = training_time(folder)
    return WeightsEntry(
        file=_file(recipe, upsampler),
        sha256="",
        task=recipe.task.name,
        upsampler=upsampler,
        seed=seed,
        command=training_command(recipe, *command, device=device),
        trained_on=f"{device}, {minutes:.0f} min",
    )


def _file(recipe: Recipe, upsampler: str) -> str:
    return f"{recipe.task.name}/{upsampler or 'encoder'}{PACKED}"


# --- Packed files ---


def _put(
    manifest: Manifest, task: Task, entry: WeightsEntry, tensors: Mapping[str, Tensor]
) -> tuple[Manifest, WeightsEntry]:
    """Write a file, and again those that rest on it.

    Returns:
        The manifest with the checksums of the files that it knew already, and the entry with its own.
    """
    resting = [(row, read_small(manifest, row)) for row in _resting(manifest, entry.file)]
    base = _base(manifest, task, entry)
    if base is None:
        data = packing.pack(_arrays(tensors))
    else:
        known = _arrays(read_small(manifest, base))
        data = packing.pack(_arrays(tensors), base=packing.Base(base.file, base.sha256), known=known)
    write_aside(manifest.folder / entry.file, data)
    entry = replace(entry, sha256=hashlib.sha256(data).hexdigest())
    manifest = _with_file(manifest, entry.file, entry)
    for row, small in resting:
        manifest, _ = _put(manifest, manifest.task(row.task), row, small)
    return manifest, entry


def _resting(manifest: Manifest, file: str) -> list[WeightsEntry]:
    """Return an entry for each of the files that rest on another."""
    rows = {row.file: row for row in manifest.weights if Path(row.file).suffix == PACKED and row.file != file}
    return [row for row in rows.values() if (base := _base_of(manifest, row)) and base.file == file]


def _base(manifest: Manifest, task: Task, entry: WeightsEntry) -> WeightsEntry | None:
    """Return what a file rests on: the head of the task's reference, or the first encoder of its kind."""
    for row in manifest.weights:
        if entry.upsampler:
            alike = (row.task, row.upsampler) == (task.name, task.reference)
        else:
            alike = not row.upsampler and manifest.task(row.task).encoder == task.encoder
        packed = row.file != entry.file and Path(row.file).suffix == PACKED
        if alike and packed and _base_of(manifest, row) is None:
            return row
    return None


def _base_of(manifest: Manifest, entry: WeightsEntry) -> packing.Base | None:
    return packing.base_of(checked_content(manifest.folder, packing.Base(entry.file, entry.sha256)))


def _with_file(manifest: Manifest, file: str, entry: WeightsEntry) -> Manifest:
    """Return the manifest in which all rows with one file have that of an entry."""
    rows = (
        replace(row, file=entry.file, sha256=entry.sha256) if row.file == file else row
        for row in manifest.weights
    )
    return replace(manifest, weights=tuple(rows))


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def _merged(known: Manifest, task: Task, entry: WeightsEntry) -> Manifest:
    """Return a manifest with this row of a task added or replaced, in the order of `OPERATORS`.

    A task keeps its position, which is its position in the app.
    """
    current = {row.upsampler: row for row in (*known.weights, entry) if row.task == task.name}
    tasks = {row.name: row for row in (*known.tasks, task)}
    rows = {name: tuple(row for row in known.weights if row.task == name) for name in tasks}
    rows[task.name] = tuple(current[name] for name in ("", *OPERATORS) if name in current)
    return Manifest(
        known.folder, tuple(tasks.values()), tuple(row for group in rows.values() for row in group)
    )


def with_scores(manifest: Manifest, task: str, scores: Mapping[str, Score], split: str) -> Manifest:
    """Return the manifest with the scores of a task's heads, given by upsampler, entered."""
    return replace(
        manifest,
        weights=tuple(
            replace(entry, split=split, **_score_fields(scores[entry.upsampler]))
            if entry.task == task and entry.upsampler in scores
            else entry
            for entry in manifest.weights
        ),
    )


def _score_fields(score: Score) -> dict[str, float | None]:
    names = {field.name for field in fields(WeightsEntry)}
    return {name: value for name, value in asdict(score).items() if name in names}


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
    write_aside(manifest.folder / MANIFEST, "\n".join(lines).encode())


# --- Model card ---


def model_card(recipe: Recipe, manifest: Manifest) -> str:
    """Return a task's model card in Markdown, written from its recipe and its entries in the manifest."""
    task, heads = recipe.task, manifest.heads(recipe.task.name)
    what = TRUTHS[task.kind].words(task)
    return f"""\
# {task.title}: `{task.name}`

{what} Every head has another upsampler; all share one encoder, so that their predictions
differ by the upsampler and its head alone.

{task.limits}

## Data and licence

{task.licence}. Trained on {task.dataset}, split train; scored on {heads[0].split}.
No photograph or truth is shipped. The weights are under this project's licence; what is made with them
is still bound by what the data's owners allow.

## Training

{_shared(task)}The encoder is {task.encoder} of segmentation_models_pytorch. It started from
`{recipe.start.rpartition("/")[2]}`, learned with {_reference(task)} upsampling and was then frozen.

{_stages(recipe)}

Matrices of the encoder are kept in float16, large ones of the heads in 8 bits with a scale for each
row, vectors in float32; `dysample.models.packing` packs these without loss.
The recipe is `{task.name}.toml` in
`dysample/training/recipes`; `MANIFEST.toml` has the command, device and time of every file.

## Scores

Of the files as they are shipped, seed {heads[0].seed}, made by
`python -m dysample evaluate {task.name}`. `evidence.json`, where there is one, has more seeds.

{_scores(task.kind, {entry.upsampler: asdict(entry) for entry in heads})}
{_elsewhere(task, manifest.folder / task.name)}"""


def _shared(task: Task) -> str:
    return (
        f"The networks are those of `{task.networks}`, trained as its card says.\n\n" if task.networks else ""
    )


def _reference(task: Task) -> str:
    return operator_spec(task.reference).label.lower()


def _stages(recipe: Recipe) -> str:
    lines = [
        "| | Epochs | Batch | Crop | Random size | Rate of encoder | Rate of head |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, stage in (("Encoder", recipe.encoder_stage), ("Heads", recipe.head_stage)):
        lines.append(f"| {name} | {_stage(stage)} |")
    return "\n".join(lines)


def _stage(stage: Stage) -> str:
    low, high = stage.resize
    cells = (stage.epochs, stage.batch, stage.crop, f"{low}–{high}", stage.encoder_rate, stage.head_rate)
    return " | ".join(str(cell) for cell in cells)


def _elsewhere(task: Task, folder: Path) -> str:
    """Return the scores on other data sets, which `evaluate --dataset` keeps beside the weights."""
    parts: list[str] = []
    for path in sorted(folder.glob("scores-*.json")):
        record = json.loads(path.read_bytes())
        parts.append(
            f"""
On {record["dataset"]} {record["split"]}, {record["pictures"]} pictures that nothing was trained or chosen on
(`{path.name}`):

{_scores(task.kind, record["scores"])}
"""
        )
    return "".join(parts)


def _scores(kind: Kind, rows: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return a table of scores by upsampler."""
    specs = [score_spec(name) for name in SCORERS[kind].shown]
    lines = ["| Upsampler | " + " | ".join(_title(spec) for spec in specs) + " |"]
    lines.append("|---" * (1 + len(specs)) + "|")
    for upsampler, scores in rows.items():
        cells = [_cell(scores.get(spec.name), spec) for spec in specs]
        lines.append(f"| {operator_spec(upsampler).label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _title(spec: ScoreSpec) -> str:
    return f"{spec.label} ({spec.unit})" if spec.unit else spec.label


def _cell(value: float | None, spec: ScoreSpec) -> str:
    return "–" if value is None else spec.printed(value)
