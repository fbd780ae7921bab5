"""From finished runs to the evidence of a task: score each once, then sum up over the seeds."""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dysample.files import write_aside
from dysample.models.encoder import Encoder
from dysample.models.weights import new_encoder, new_head
from dysample.scores.evidence import Evidence, EvidenceError, EvidenceRow, RunResult, Trained, evidence_row
from dysample.scores.paired import PictureRatios
from dysample.scores.scorers import SCORERS, Scorer
from dysample.training.data import PictureData
from dysample.training.recipe import Recipe
from dysample.training.runs import STAGES, FinishedRun, part_of, training_command, training_time
from dysample.training.scoring import provenance, score_heads, write_json
from dysample.training.stages import load_shared_encoder

# Scores of a run that are kept for good, beside those of other runs.
#
# Evidence rests on these files alone, so that it can be added to where the runs themselves are no more:
# a record for people and programs (JSON), and what every picture adds to each score (NPZ).


# What a recipe says for people has no say in what is learned.
_WORDS = ("title", "licence", "limits")


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run whose scores are kept.

    Attributes:
        path: Of its record; the statistics lie beside it.
        record: What it says.
    """

    path: Path
    record: dict[str, Any]

    @property
    def upsampler(self) -> str:
        """Its name, or a variant's."""
        return self.record["upsampler"]

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.record["seed"]

    @property
    def trained(self) -> Trained:
        """What of the network was trained."""
        return self.record["trained"]

    def statistics(self, recipe: Recipe) -> RunResult:
        """What is summed up over runs.

        Raises:
            EvidenceError: The statistics are missing or damaged.
        """
        classes = tuple(range(len(recipe.task.scored) or 1))  # a mean has one "class"
        try:
            with np.load(self.path.with_suffix(".npz")) as arrays:
                found = tuple(
                    PictureRatios(arrays[f"{name}.parts"], arrays[f"{name}.wholes"], classes)
                    for name in SCORERS[recipe.task.kind].headline
                )
        except (OSError, KeyError, ValueError) as error:
            raise EvidenceError(
                f"{self.path.with_suffix('.npz')} is missing or damaged ({error}): delete the record beside "
                "it and score the run again"
            ) from error
        told = self.record
        return RunResult(self.seed, found, told["trained_by"], told["trained_on"], told["minutes"])


def recipe_digest(recipe: Recipe, trained: Trained) -> str:
    """SHA-256 of everything in a recipe that decides what such a run learns."""
    decides = {key: value for key, value in recipe.flat().items() if key not in _WORDS}
    if trained == "end-to-end":
        del decides["head_stage"]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def scored_runs(recipe: Recipe, folder: Path, data_sha256: str) -> tuple[ScoredRun, ...]:
    """The runs of this very recipe whose scores on these very pictures lie in a folder.

    Raises:
        EvidenceError: A record is damaged.
    """
    found = [ScoredRun(path, _read(path)) for path in sorted(folder.glob("*-seed*.json"))]
    return tuple(run for run in found if _fits(recipe, run, data_sha256))


def trained_like(found: Sequence[ScoredRun], upsampler: str) -> tuple[ScoredRun, ...]:
    """The runs that were trained in a way in which the upsampler was trained too."""
    ways = {run.trained for run in found if run.upsampler == upsampler}
    return tuple(run for run in found if run.trained in ways)


def keep_scores(recipe: Recipe, path: Path, record: dict[str, Any], scorer: Scorer[Any]) -> None:
    """Write the record of a run, and its statistics.

    Args:
        recipe: Of the run.
        path: Of the record.
        record: What was trained and scored, and how.
        scorer: Has seen all pictures.

    Raises:
        DiskError: A file cannot be written.
    """
    chosen = [recipe.task.classes.index(name) for name in recipe.task.scored] or [0]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **_arrays(SCORERS[recipe.task.kind].headline, scorer.statistics(), chosen))
    write_aside(path.with_suffix(".npz"), buffer.getvalue())  # first: a record tells that all is there
    scores = {"recipe_sha256": recipe_digest(recipe, record["trained"]), "scores": asdict(scorer.score())}
    write_json(path, record | scores)


def _arrays(names: Sequence[str], statistics: Sequence[PictureRatios], chosen: list[int]) -> dict[str, Any]:
    arrays: dict[str, np.ndarray] = {}
    for name, ratios in zip(names, statistics, strict=True):
        arrays |= {f"{name}.parts": _small(ratios.parts[:, chosen])}
        arrays |= {f"{name}.wholes": _small(ratios.wholes[:, chosen])}
    return arrays


def _small(counts: np.ndarray) -> np.ndarray:
    """Pixels of one picture fit 32 bits."""
    return counts.astype(np.int32) if np.issubdtype(counts.dtype, np.integer) else counts


def _fits(recipe: Recipe, run: ScoredRun, data_sha256: str) -> bool:
    told = run.record
    same_recipe = told["recipe_sha256"] == recipe_digest(recipe, run.trained)
    return same_recipe and told["data_sha256"] == data_sha256


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        missing = {"upsampler", "seed", "trained", "data_sha256", "recipe_sha256"} - record.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise EvidenceError(f"{path} is damaged ({error}): delete it and score the run again") from error
    if missing:
        raise EvidenceError(f"{path} does not say {', '.join(sorted(missing))}: delete it and score again")
    return record


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
            encoder = new_encoder(recipe.task)
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
    headline = SCORERS[recipe.task.kind].headline
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
        task=recipe.task.name,
        title=title,
        kind=recipe.task.kind,
        dataset=recipe.task.dataset,
        split=data.split,
        pictures=len(data),
        data_sha256=data.digest,
        classes=recipe.task.scored,
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
        head = new_head(recipe.task, encoder.channels, run.upsampler)
        module = run.module()
        head.load_state_dict(module if run.trained == "heads" else part_of(module, "head."))
        heads[run.name] = head.eval()
    scorers = score_heads(recipe.task, encoder, heads, data, device=device)
    for run in runs:
        _keep(recipe, run, scorers[run.name], source, folder)


def _keep(
    recipe: Recipe, run: FinishedRun, scorer: Scorer[Any], source: Mapping[str, Any], folder: Path
) -> None:
    device, minutes = training_time(run.folder)
    options = ("--upsampler", run.upsampler, "--seed", str(run.seed))
    record = dict(source) | {
        "task": recipe.task.name,
        "upsampler": run.upsampler,
        "seed": run.seed,
        "trained": run.trained,
        "trained_by": training_command(recipe, run.stage, *options, device=device),
        "trained_on": device,
        "minutes": round(minutes, 1),
        "weights_sha256": run.digest(),
    }
    keep_scores(recipe, folder / f"{run.name}.json", record, scorer)
