"""From finished runs to the evidence of a task: score each once, then sum up over the seeds."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dysample.analysis.evidence import Evidence, EvidenceRow
from dysample.analysis.evidence_runs import Run, evidence_row
from dysample.analysis.paired import PictureRatios
from dysample.files import write_aside
from dysample.models.encoder import Encoder
from dysample.models.weights import new_encoder, new_head
from dysample.training.checkpoint import training_time
from dysample.training.datasets import PictureData
from dysample.training.evaluate import provenance, write_json
from dysample.training.finished import STAGES, FinishedRun
from dysample.training.recipe import Recipe
from dysample.training.scoring import HEADLINE, TaskScorer, score_heads
from dysample.training.stages import load_trained_encoder

_RECORD, _STATISTICS = "scores.json", "pictures.npz"


def score_runs(
    recipe: Recipe,
    runs: Path,
    found: Iterable[FinishedRun],
    data: PictureData,
    *,
    device: torch.device,
) -> None:
    """Score the runs that have no scores yet; each gets a record and its per-picture statistics.

    Raises:
        DiskError: A file cannot be written.
    """
    source = provenance(data)
    waiting = [run for run in found if not _is_scored(run, source["data_sha256"])]
    heads = [run for run in waiting if run.trained == "heads"]
    if heads:
        encoder = load_trained_encoder(recipe, runs).eval()
        _score(recipe, encoder, heads, data, source, device)
    for run in waiting:
        if run.trained == "end-to-end":
            encoder = new_encoder(recipe)
            encoder.load_state_dict(_part(run.module(), "encoder."))
            _score(recipe, encoder.eval(), [run], data, source, device)


def gather(
    recipe: Recipe,
    found: Sequence[FinishedRun],
    data: PictureData,
    *,
    upsamplers: Sequence[str],
    title: str,
    reference: str,
) -> Evidence:
    """Sum up scored runs: mean and deviation over the seeds, and the paired difference to a reference.

    Args:
        recipe: Of the runs.
        found: Runs that `score_runs` has scored.
        data: What they were scored on.
        upsamplers: Whose runs to sum up, in the order of the rows.
        title: Of the evidence, for people.
        reference: The upsampler that the others are compared with.
    """
    headline = HEADLINE[recipe.kind]
    rows: list[EvidenceRow] = []
    for trained in STAGES:
        runs = {
            name: [_scored(recipe, run) for run in found if (run.upsampler, run.trained) == (name, trained)]
            for name in upsamplers
        }
        for name in filter(runs.get, upsamplers):
            against = [] if name == reference else runs.get(reference, [])
            rows.append(evidence_row(name, runs[name], against, trained=trained, headline=headline))
    return Evidence(
        task=recipe.task,
        title=title,
        kind=recipe.kind,
        dataset=recipe.dataset,
        split=data.split,
        pictures=len(data),
        data_sha256=data.digest,
        classes=recipe.scored,
        headline=headline,
        reference=reference,
        rows=tuple(rows),
    )


def copy_records(found: Iterable[FinishedRun], folder: Path) -> None:
    """Put the runs' own records side by side in a folder.

    Raises:
        DiskError: A file cannot be written.
    """
    for run in found:
        write_aside(folder / f"{run.name}.json", (run.folder / _RECORD).read_bytes())


def _is_scored(run: FinishedRun, data_sha256: str) -> bool:
    path = run.folder / _RECORD
    if not path.is_file():
        return False
    record = json.loads(path.read_text(encoding="utf-8"))
    return record["data_sha256"] == data_sha256 and record["weights_sha256"] == run.digest()


def _score(
    recipe: Recipe,
    encoder: Encoder,
    runs: Sequence[FinishedRun],
    data: PictureData,
    source: Mapping[str, Any],
    device: torch.device,
) -> None:
    heads = {}
    for run in runs:
        head = new_head(recipe, encoder.channels, run.upsampler)
        module = run.module()
        head.load_state_dict(module if run.trained == "heads" else _part(module, "head."))
        heads[run.name] = head.eval()
    scorers = score_heads(recipe, encoder, heads, data, device=device)
    for run in runs:
        _write(recipe, run, scorers[run.name], source)


def _write(recipe: Recipe, run: FinishedRun, scorer: TaskScorer, source: Mapping[str, Any]) -> None:
    """Statistics first: a record tells that all is there."""
    arrays: dict[str, np.ndarray] = {}
    for name, ratios in zip(HEADLINE[recipe.kind], scorer.statistics(), strict=True):
        arrays |= {f"{name}.parts": ratios.parts, f"{name}.wholes": ratios.wholes}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_aside(run.folder / _STATISTICS, buffer.getvalue())
    device, minutes = training_time(run.folder)
    made = f"python -m dysample train {recipe.task} --stage {run.stage}"
    record = dict(source) | {
        "task": recipe.task,
        "upsampler": run.upsampler,
        "seed": run.seed,
        "trained": run.trained,
        "trained_by": f"{made} --upsampler {run.upsampler} --seed {run.seed}",
        "trained_on": device,
        "minutes": round(minutes, 1),
        "weights_sha256": run.digest(),
        "scores": asdict(scorer.score()),
    }
    write_json(run.folder / _RECORD, record)


def _scored(recipe: Recipe, run: FinishedRun) -> Run:
    record = json.loads((run.folder / _RECORD).read_text(encoding="utf-8"))
    chosen = [recipe.classes.index(name) for name in recipe.scored] or [0]  # a mean has one "class"
    with np.load(run.folder / _STATISTICS) as arrays:
        statistics = tuple(
            PictureRatios(
                arrays[f"{name}.parts"][:, chosen],
                arrays[f"{name}.wholes"][:, chosen],
                tuple(range(len(chosen))),
            )
            for name in HEADLINE[recipe.kind]
        )
    return Run(run.seed, statistics, record["trained_by"], record["trained_on"], record["minutes"])


def _part(module: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in module.items() if key.startswith(prefix)}
