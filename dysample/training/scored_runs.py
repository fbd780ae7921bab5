"""Scores of a run that are kept for good, beside those of other runs.

Evidence rests on these files alone, so that it can be added to where the runs themselves are no more:
a record for people and programs (JSON), and what every picture adds to each score (NPZ).
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dysample.analysis.evidence import EvidenceError, Trained
from dysample.analysis.evidence_runs import Run
from dysample.analysis.paired import PictureRatios
from dysample.files import write_aside
from dysample.training.evaluate import write_json
from dysample.training.recipe import Recipe
from dysample.training.scoring import HEADLINE, TaskScorer

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

    def statistics(self, recipe: Recipe) -> Run:
        """What is summed up over runs.

        Raises:
            EvidenceError: The statistics are missing or damaged.
        """
        classes = tuple(range(len(recipe.scored) or 1))  # a mean has one "class"
        try:
            with np.load(self.path.with_suffix(".npz")) as arrays:
                found = tuple(
                    PictureRatios(arrays[f"{name}.parts"], arrays[f"{name}.wholes"], classes)
                    for name in HEADLINE[recipe.kind]
                )
        except (OSError, KeyError, ValueError) as error:
            raise EvidenceError(
                f"{self.path.with_suffix('.npz')} is missing or damaged ({error}): delete the record beside "
                "it and score the run again"
            ) from error
        told = self.record
        return Run(self.seed, found, told["trained_by"], told["trained_on"], told["minutes"])


def recipe_digest(recipe: Recipe, trained: Trained) -> str:
    """SHA-256 of everything in a recipe that decides what such a run learns."""
    decides = {key: value for key, value in asdict(recipe).items() if key not in _WORDS}
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


def keep_scores(recipe: Recipe, path: Path, record: dict[str, Any], scorer: TaskScorer) -> None:
    """Write the record of a run, and its statistics.

    Args:
        recipe: Of the run.
        path: Of the record.
        record: What was trained and scored, and how.
        scorer: Has seen all pictures.

    Raises:
        DiskError: A file cannot be written.
    """
    chosen = [recipe.classes.index(name) for name in recipe.scored] or [0]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **_arrays(HEADLINE[recipe.kind], scorer.statistics(), chosen))
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
