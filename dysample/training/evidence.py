"""From finished runs to the evidence of a task: score each once, then sum up over the seeds."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dysample.analysis.evidence import Evidence, EvidenceRow
from dysample.analysis.evidence_runs import evidence_row
from dysample.models.encoder import Encoder
from dysample.models.weights import new_encoder, new_head
from dysample.training.checkpoint import part_of, training_time
from dysample.training.datasets import PictureData
from dysample.training.evaluate import provenance
from dysample.training.finished import STAGES, FinishedRun, training_command
from dysample.training.recipe import Recipe
from dysample.training.scored_runs import ScoredRun, keep_scores, scored_runs
from dysample.training.scoring import HEADLINE, TaskScorer, score_heads
from dysample.training.shared_encoder import load_shared_encoder


def score_runs(
    recipe: Recipe,
    runs: Path,
    found: Iterable[FinishedRun],
    data: PictureData,
    folder: Path,
    *,
    device: torch.device,
) -> None:
    """Score the runs that have no scores yet; each gets a record and its per-picture statistics.

    Args:
        recipe: Of the runs.
        runs: Where the runs are.
        found: The finished ones.
        data: What to score them on.
        folder: Where scores are kept.
        device: Where to compute.

    Raises:
        DiskError: A file cannot be written.
        EvidenceError: A record is damaged.
    """
    source = provenance(data)
    known = {run.path.stem: run.record for run in scored_runs(recipe, folder, data.digest)}
    waiting = [run for run in found if known.get(run.name, {}).get("weights_sha256") != run.digest()]
    heads = [run for run in waiting if run.trained == "heads"]
    if heads:
        encoder = load_shared_encoder(recipe, runs).eval()
        _score(recipe, encoder, heads, data, source, folder, device)
    for run in waiting:
        if run.trained == "end-to-end":
            encoder = new_encoder(recipe)
            encoder.load_state_dict(part_of(run.module(), "encoder."))
            _score(recipe, encoder.eval(), [run], data, source, folder, device)


def gather(
    recipe: Recipe,
    found: Sequence[ScoredRun],
    data: PictureData,
    *,
    upsamplers: Sequence[str],
    title: str,
    reference: str,
) -> Evidence:
    """Sum up scored runs: mean and deviation over the seeds, and the paired difference to a reference.

    Args:
        recipe: Of the runs.
        found: Runs whose scores are kept.
        data: What they were scored on.
        upsamplers: Whose runs to sum up, in the order of the rows.
        title: Of the evidence, for people.
        reference: The upsampler that the others are compared with.

    Raises:
        EvidenceError: The statistics of a run are missing or damaged.
    """
    headline = HEADLINE[recipe.kind]
    rows: list[EvidenceRow] = []
    for trained in STAGES:
        runs = {
            name: [run.statistics(recipe) for run in found if (run.upsampler, run.trained) == (name, trained)]
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


def _score(
    recipe: Recipe,
    encoder: Encoder,
    runs: Sequence[FinishedRun],
    data: PictureData,
    source: Mapping[str, Any],
    folder: Path,
    device: torch.device,
) -> None:
    heads = {}
    for run in runs:
        head = new_head(recipe, encoder.channels, run.upsampler)
        module = run.module()
        head.load_state_dict(module if run.trained == "heads" else part_of(module, "head."))
        heads[run.name] = head.eval()
    scorers = score_heads(recipe, encoder, heads, data, device=device)
    for run in runs:
        _keep(recipe, run, scorers[run.name], source, folder)


def _keep(
    recipe: Recipe, run: FinishedRun, scorer: TaskScorer, source: Mapping[str, Any], folder: Path
) -> None:
    device, minutes = training_time(run.folder)
    options = ("--upsampler", run.upsampler, "--seed", str(run.seed))
    record = dict(source) | {
        "task": recipe.task,
        "upsampler": run.upsampler,
        "seed": run.seed,
        "trained": run.trained,
        "trained_by": training_command(recipe, run.stage, *options, device=device),
        "trained_on": device,
        "minutes": round(minutes, 1),
        "weights_sha256": run.digest(),
    }
    keep_scores(recipe, folder / f"{run.name}.json", record, scorer)
