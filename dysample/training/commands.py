"""What the command line's verbs do."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dysample.analysis.evidence import write_evidence
from dysample.analysis.evidence_table import evidence_table
from dysample.files import write_aside
from dysample.models.manifest import load_manifest
from dysample.ops.registry import OPERATORS
from dysample.training import evaluate as evaluation
from dysample.training import evidence
from dysample.training import pack as packing
from dysample.training.ablations import ablations
from dysample.training.card import model_card
from dysample.training.datasets import PictureData
from dysample.training.distributed import joined
from dysample.training.finished import finished_runs
from dysample.training.folders import BASELINE, ENCODER_SEED
from dysample.training.loop import TrainingError
from dysample.training.recipe import Recipe, load_recipe
from dysample.training.scored_runs import ScoredRun, scored_runs, trained_like
from dysample.training.stages import scored_pictures, train_heads, train_whole, training_pictures


def device_of(option: str | None) -> torch.device:
    """The device asked for, else CUDA where there is one."""
    return torch.device(option or ("cuda" if torch.cuda.is_available() else "cpu"))


def train(options: argparse.Namespace, data: Path) -> None:
    """Train the encoder, heads on it, both, or whole networks; under torchrun all processes share a run."""
    recipe = load_recipe(options.recipe)
    note_other_data(training_pictures(recipe, data), recipe.train_sha256)
    where = (recipe, data, options.runs)
    with joined(device_of(options.device)) as device:
        how: dict[str, Any] = {"device": device, "bfloat16": options.bfloat16}
        if options.stage in ("encoder", "both"):
            train_whole(*where, BASELINE, seed=ENCODER_SEED, **how)
        if options.stage == "whole":
            for upsampler in options.upsampler:
                train_whole(*where, upsampler, seed=options.seed, **how)
        if options.stage in ("heads", "both"):
            train_heads(*where, options.upsampler, seed=options.seed, **how)


def pack(options: argparse.Namespace, data: Path) -> None:
    """Write the weights of a finished run in their shipped form, and score that form."""
    recipe = load_recipe(options.recipe)
    packing.pack(recipe, options.runs, options.pretrained, seed=options.seed)
    _evaluate_shipped(recipe, options, _test_pictures(recipe, data))


def evaluate(options: argparse.Namespace, data: Path) -> None:
    """Score shipped weights and enter the scores in the manifest; with runs, score and sum them up."""
    recipe = load_recipe(options.recipe)
    score = _evaluate_shipped if options.runs is None else _evaluate_runs
    score(recipe, options, _test_pictures(recipe, data))


def _test_pictures(recipe: Recipe, data: Path) -> PictureData:
    pictures = scored_pictures(recipe, data)
    note_other_data(pictures, recipe.test_sha256)
    return pictures


def note_other_data(pictures: PictureData, expected: str) -> None:
    """Tell when a split is not the one that the shipped weights were made with."""
    if expected and pictures.digest != expected:
        print(
            f"note: {pictures.title}, are not those that the shipped weights and scores were made with "
            "(checksums differ): compare scores with care",
            file=sys.stderr,
        )


def _evaluate_shipped(recipe: Recipe, options: argparse.Namespace, pictures: PictureData) -> None:
    manifest = load_manifest(options.pretrained)
    names = [entry.upsampler for entry in manifest.heads(recipe.task)]
    scores = evaluation.evaluate(manifest, recipe.task, names, pictures, device=device_of(options.device))
    path = manifest.folder / recipe.task / "scores.json"
    evaluation.write_scores(path, manifest, recipe.task, pictures, scores)
    manifest = packing.with_scores(manifest, recipe.task, scores, pictures.title)
    packing.write_manifest(manifest)
    write_aside(manifest.folder / recipe.task / "README.md", model_card(recipe, manifest).encode())
    print(evaluation.score_table(recipe.kind, scores))


def _evaluate_runs(recipe: Recipe, options: argparse.Namespace, pictures: PictureData) -> None:
    folder = options.pretrained / recipe.task
    finished = finished_runs(recipe, options.runs)
    evidence.score_runs(
        recipe, options.runs, finished, pictures, folder / "runs", device=device_of(options.device)
    )
    found = scored_runs(recipe, folder / "runs", pictures.digest)
    if not found:
        raise TrainingError(f"{options.runs} has no finished run of {recipe.task}: train some first")
    tables = [_summed(recipe, found, pictures, folder, *wanted) for wanted in _wanted(recipe, found)]
    text = "\n".join(tables)
    write_aside(folder / "EVIDENCE.md", text.encode())
    print(text)


_Wanted = tuple[str, str, tuple[str, ...], str]  # file, title, upsamplers, the one compared with


def _wanted(recipe: Recipe, found: Sequence[ScoredRun]) -> list[_Wanted]:
    """The table of all operators, and every ablation whose upsamplers have all been trained."""
    trained = {run.upsampler for run in found}
    whole = [each for each in ablations() if each.recipe == recipe.task and trained >= set(each.upsamplers)]
    made = [(f"evidence-{each.name}", each.title, each.upsamplers, each.upsamplers[0]) for each in whole]
    return [("evidence", recipe.title, tuple(OPERATORS), BASELINE), *made]


def _summed(
    recipe: Recipe,
    found: Sequence[ScoredRun],
    pictures: PictureData,
    folder: Path,
    name: str,
    title: str,
    upsamplers: tuple[str, ...],
    reference: str,
) -> str:
    """Sum runs up in a file of evidence; gives its table."""
    if reference != BASELINE:  # an ablation is nothing but its comparisons
        found = trained_like(found, reference)
    summed = evidence.gather(recipe, found, pictures, upsamplers=upsamplers, title=title, reference=reference)
    write_evidence(folder / f"{name}.json", summed)
    return evidence_table(summed)
