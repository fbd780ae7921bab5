"""Scores of finished runs, kept as files, and their summary as the evidence of a task.

A scored run is a record for people and programs (JSON) and what every picture adds to each score: a file
beside the record (NPZ) until `fold_runs` puts those of all runs into one. Evidence rests on these files
alone, so it can be extended after the runs themselves have been deleted.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from dysample.files import write_aside
from dysample.models.encoder import Encoder
from dysample.models.weights import new_encoder, new_head
from dysample.scores.evidence import Evidence, EvidenceError, EvidenceRow, RunResult, Trained, evidence_row
from dysample.scores.kept import fold, unfold
from dysample.scores.paired import PictureStatistics
from dysample.scores.scorers import SCORERS, Scorer
from dysample.training.data import PictureData
from dysample.training.recipe import Recipe
from dysample.training.runs import STAGES, FinishedRun, part_of, training_command, training_time
from dysample.training.scoring import provenance, score_heads, write_json
from dysample.training.stages import load_shared_encoder

# Keys of a recipe that do not influence training.
_WORDS = ("title", "licence", "limits")
STATISTICS = "statistics.xz"  # of all runs of a folder


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run whose scores are kept.

    Attributes:
        path: Path of the record; the statistics lie beside it, or in the folder's file of all runs.
        record: Content of the record.
    """

    path: Path
    record: dict[str, Any]

    @property
    def upsampler(self) -> str:
        """Name of the upsampler, or of a variant of one."""
        return self.record["upsampler"]

    @property
    def seed(self) -> int:
        """Seed of the training."""
        return self.record["seed"]

    @property
    def trained(self) -> Trained:
        """The part of the network that was trained."""
        return self.record["trained"]

    def statistics(self, recipe: Recipe) -> RunResult:
        """Read the statistics that `gather` sums up.

        Raises:
            EvidenceError: The statistics are missing or damaged.
        """
        scoring = SCORERS[recipe.task.kind]
        path, arrays = self.path.with_suffix(".npz"), self.arrays()
        try:
            statistics = tuple(scoring.restored(_part(arrays, name)) for name in scoring.headline)
        except (KeyError, ValueError) as error:
            raise _damaged(path if path.is_file() else self.path.with_name(STATISTICS), error) from error
        record = self.record
        return RunResult(self.seed, statistics, record["trained_by"], record["trained_on"], record["minutes"])

    def arrays(self) -> dict[str, np.ndarray]:
        """Read the arrays of all statistics, under names as in "miou.parts".

        Raises:
            EvidenceError: The statistics are missing or damaged.
        """
        path = self.path.with_suffix(".npz")
        if not path.is_file():
            return _folded_arrays(self.path)
        try:
            with np.load(path) as arrays:
                return dict(arrays)
        except (OSError, ValueError, BadZipFile) as error:
            raise _damaged(path, error) from error


def fold_runs(folder: Path) -> None:
    """Put the statistics that lie beside the records of a folder into its file of all runs.

    One process at a time may do so in a folder.

    Raises:
        DiskError: The file cannot be written; all others are still there.
        EvidenceError: A record is damaged, or its statistics are missing.
    """
    runs = [ScoredRun(path, _read(path)) for path in _records(folder)]
    loose = [path for path in (run.path.with_suffix(".npz") for run in runs) if path.is_file()]
    if loose:
        write_aside(folder / STATISTICS, fold({run.path.stem: run.arrays() for run in runs}))
        for path in loose:
            path.unlink()


def _records(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-seed*.json"))


def _folded_arrays(record: Path) -> dict[str, np.ndarray]:
    """Return the arrays of one run from its folder's file of all runs."""
    path = record.with_name(STATISTICS)
    try:
        return _unfolded(path, path.stat().st_mtime_ns)[record.stem]
    except KeyError as error:
        raise EvidenceError(
            f"{path} has no statistics of {record.stem}: delete {record.name} and score the run again"
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


@lru_cache(maxsize=1)  # whoever sums up a folder asks for all of its runs
def _unfolded(path: Path, changed: int) -> dict[str, dict[str, np.ndarray]]:
    return unfold(path.read_bytes())


def _damaged(path: Path, error: Exception) -> EvidenceError:
    return EvidenceError(
        f"{path} is missing or damaged ({error}): take it from the repository again, or delete the records "
        "of its runs and score them again"
    )


def score_runs(
    recipe: Recipe,
    runs: Path,
    finished: Iterable[FinishedRun],
    data: PictureData,
    folder: Path,
    *,
    device: torch.device,
) -> None:
    """Score the runs that have no scores yet, writing a record and per-picture statistics of each.

    Args:
        recipe: Recipe of the runs.
        runs: Folder of the runs.
        finished: The finished runs.
        data: Pictures to score them on.
        folder: Folder of the scores.
        device: Device to compute on.

    Raises:
        DiskError: A file cannot be written.
        EvidenceError: A record is damaged.
    """
    source = provenance(data)
    known = {run.path.stem: run.record for run in scored_runs(recipe, folder, data.digest)}
    waiting = [run for run in finished if known.get(run.name, {}).get("weights_sha256") != run.digest()]
    heads = [run for run in waiting if run.trained == "heads"]
    if heads:
        encoder = load_shared_encoder(recipe, runs).eval()
        _score(recipe, encoder, heads, data, source, folder, device)
    for run in waiting:
        if run.trained == "end-to-end":
            encoder = new_encoder(recipe.task)
            encoder.load_state_dict(part_of(run.module(), "encoder."))
            _score(recipe, encoder.eval(), [run], data, source, folder, device)


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


def gather(
    recipe: Recipe,
    scored: Sequence[ScoredRun],
    data: PictureData,
    *,
    upsamplers: Sequence[str],
    title: str,
    reference: str,
) -> Evidence:
    """Sum up scored runs: mean and deviation over the seeds, and the paired difference to a reference.

    Args:
        recipe: Recipe of the runs.
        scored: Runs whose scores are kept.
        data: Pictures that they were scored on.
        upsamplers: Upsamplers to sum up, in the order of the rows.
        title: Title of the evidence.
        reference: The upsampler that the others are compared with.

    Raises:
        EvidenceError: The statistics of a run are missing or damaged.
    """
    headline = SCORERS[recipe.task.kind].headline
    rows: list[EvidenceRow] = []
    for trained in STAGES:
        runs = {
            name: [
                run.statistics(recipe) for run in scored if (run.upsampler, run.trained) == (name, trained)
            ]
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


def scored_runs(recipe: Recipe, folder: Path, data_sha256: str) -> tuple[ScoredRun, ...]:
    """Return the runs in a folder that were trained by exactly this recipe and scored on exactly these data.

    Raises:
        EvidenceError: A record is damaged.
    """
    runs = [ScoredRun(path, _read(path)) for path in _records(folder)]
    return tuple(run for run in runs if _fits(recipe, run, data_sha256))


def _fits(recipe: Recipe, run: ScoredRun, data_sha256: str) -> bool:
    record = run.record
    same_recipe = record["recipe_sha256"] == recipe_digest(recipe, run.trained)
    return same_recipe and record["data_sha256"] == data_sha256


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        missing = {"upsampler", "seed", "trained", "data_sha256", "recipe_sha256"} - record.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise EvidenceError(f"{path} is damaged ({error}): delete it and score the run again") from error
    if missing:
        raise EvidenceError(f"{path} does not say {', '.join(sorted(missing))}: delete it and score again")
    return record


def trained_like(runs: Sequence[ScoredRun], upsampler: str) -> tuple[ScoredRun, ...]:
    """Return the runs that were trained in any way in which the upsampler was trained."""
    ways = {run.trained for run in runs if run.upsampler == upsampler}
    return tuple(run for run in runs if run.trained in ways)


def keep_scores(recipe: Recipe, path: Path, record: dict[str, Any], scorer: Scorer[Any]) -> None:
    """Write the record of a run, and its statistics.

    Args:
        recipe: Recipe of the run.
        path: Path of the record.
        record: What was trained and scored, and how.
        scorer: Scorer that has seen all pictures.

    Raises:
        DiskError: A file cannot be written.
    """
    chosen = [recipe.task.classes.index(name) for name in recipe.task.scored] or [0]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **_arrays(SCORERS[recipe.task.kind].headline, scorer.statistics(), chosen))
    write_aside(path.with_suffix(".npz"), buffer.getvalue())  # first: a record promises that both exist
    scores = {"recipe_sha256": recipe_digest(recipe, record["trained"]), "scores": asdict(scorer.score())}
    write_json(path, record | scores)


def _arrays(
    names: Sequence[str], statistics: Sequence[PictureStatistics], chosen: list[int]
) -> dict[str, Any]:
    """Return the arrays of all statistics under the name of the score and their own, as in "miou.parts"."""
    return {
        f"{name}.{part}": values
        for name, kept in zip(names, statistics, strict=True)
        for part, values in kept.of_classes(chosen).arrays().items()
    }


def _part(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the arrays of one score."""
    return {key.removeprefix(f"{name}."): arrays[key] for key in arrays if key.startswith(f"{name}.")}


def recipe_digest(recipe: Recipe, trained: Trained) -> str:
    """Return the SHA-256 of everything in a recipe that influences such a run."""
    settings = {key: value for key, value in recipe.flat().items() if key not in _WORDS}
    if trained == "end-to-end":
        del settings["head_stage"]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
