"""The commands that train: `train`, `evaluate`, `pack` and `sweep`."""

import argparse
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch

from dysample.cli.options import CommandError
from dysample.files import write_aside
from dysample.models.computing import device_named, precision_on
from dysample.models.manifest import Manifest, load_manifest, pretrained_folder
from dysample.ops.registry import OPERATORS
from dysample.scores.evidence import evidence_table, write_evidence
from dysample.scores.scorers import Score
from dysample.training import evidence, scoring, ship
from dysample.training.data import DataError, PictureData, data_folder
from dysample.training.distributed import joined
from dysample.training.evidence import ScoredRun, scored_runs, trained_like
from dysample.training.loop import TrainingError, device_name
from dysample.training.recipe import (
    Recipe,
    ablation,
    ablations,
    check_own_networks,
    load_recipe,
    recipe_names,
)
from dysample.training.runs import ENCODER_SEED, finished_runs
from dysample.training.ship import model_card
from dysample.training.stages import scored_pictures, train_heads, train_whole, training_pictures
from dysample.training.sweep import Outcome, RunKey, Sweep, sweep
from dysample.training.workers import ClusterError, ClusterWorkers, LocalWorkers, local_devices

FAILED = 1
INTERRUPTED = 130
SPLIT_ALONE = "--split names a split of another data set: give --dataset as well"


def run_train(options: argparse.Namespace) -> int:
    """Train; return the exit status.

    Raises:
        CommandError: The data are missing, or training cannot go on.
        ValueError: There is no such recipe, or an upsampler cannot have its widths.
    """
    return _run(train, options)


def run_evaluate(options: argparse.Namespace) -> int:
    """Score weights or runs; return the exit status.

    Raises:
        CommandError: The data or the runs are missing.
        ValueError: There is no such recipe.
        WeightsError: Weights are missing or damaged.
    """
    return _run(evaluate, options)


def run_pack(options: argparse.Namespace) -> int:
    """Ship a finished run; return the exit status.

    Raises:
        CommandError: The data or the run are missing.
        ValueError: There is no such recipe.
    """
    return _run(pack, options)


def _run(work: Callable[[argparse.Namespace, Path], None], options: argparse.Namespace) -> int:
    with _command_errors():
        if options.threads:
            torch.set_num_threads(options.threads)
        work(options, data_folder(options.data))
    return 0


@contextmanager
def _command_errors() -> Generator[None, None, None]:
    """Turn errors of training, whose modules need an extra, into the error that `main` prints."""
    try:
        yield
    except (ClusterError, DataError, TrainingError) as error:
        raise CommandError(str(error)) from error


def _pretrained(options: argparse.Namespace) -> Path:
    return options.pretrained or pretrained_folder()


def train(options: argparse.Namespace, data: Path) -> None:
    """Train the encoder, heads on it, both, or whole networks; processes of torchrun share a run."""
    recipe = load_recipe(options.recipe)
    check_own_networks(recipe)
    pictures = training_pictures(recipe, data)
    note_left_out(pictures)
    note_other_data(pictures, recipe.train_sha256)
    where = (recipe, data, options.runs)
    upsamplers: Sequence[str] = options.upsampler or list(OPERATORS)
    with joined(device_named(options.device)) as device:
        how: dict[str, Any] = {"device": device, "precision": options.precision}
        if options.stage in ("encoder", "both"):
            train_whole(*where, recipe.task.reference, seed=ENCODER_SEED, **how)
        if options.stage == "whole":
            for upsampler in upsamplers:
                train_whole(*where, upsampler, seed=options.seed, **how)
        if options.stage in ("heads", "both"):
            train_heads(*where, upsamplers, seed=options.seed, **how)


def pack(options: argparse.Namespace, data: Path) -> None:
    """Write the weights of a finished run in their shipped form, and score that form."""
    recipe = load_recipe(options.recipe)
    check_own_networks(recipe)
    ship.pack(recipe, options.runs, _pretrained(options), seed=options.seed)
    _evaluate_shipped(recipe, options, _test_pictures(recipe, data))


def evaluate(options: argparse.Namespace, data: Path) -> None:
    """Score shipped weights and enter the scores in the manifest, score some of them, or summarise runs."""
    recipe = load_recipe(options.recipe)
    if _is_look(options):
        _look(recipe, options, data)
        return
    if options.dataset:
        _evaluate_elsewhere(recipe, options, data)
        return
    if options.split:
        raise CommandError(SPLIT_ALONE)
    score = _evaluate_shipped if options.runs is None else _evaluate_runs
    score(recipe, options, _test_pictures(recipe, data))


def _is_look(options: argparse.Namespace) -> bool:
    """Return whether scores are asked for that must not stand beside the weights."""
    return bool(options.upsampler or options.first or options.json or options.precision == "bfloat16")


def _look(recipe: Recipe, options: argparse.Namespace, data: Path) -> None:
    """Score some shipped heads, on some pictures, in any precision; keep nothing beside the weights."""
    if options.runs is not None:
        raise CommandError(
            "scores of runs are compared with each other, and so all on every picture in float32: "
            "leave out --upsampler, --first, --json and --precision, or --runs"
        )
    if options.split and not options.dataset:
        raise CommandError(SPLIT_ALONE)
    device, manifest = device_named(options.device), load_manifest(_pretrained(options))
    precision = precision_on(device, options.precision)
    pictures = scored_pictures(recipe, data, dataset=options.dataset, split=options.split)
    note_left_out(pictures)
    task = recipe.task
    names = options.upsampler or [entry.upsampler for entry in manifest.heads(task.name)]
    how: dict[str, Any] = {"device": device, "precision": precision, "first": options.first}
    scores = scoring.evaluate(manifest, task.name, names, pictures, **how)
    print(scoring.score_table(task.kind, scores))
    if options.json is not None:
        count = min(options.first or len(pictures), len(pictures))
        where = {"pictures": count, "device": device_name(device, precision), "precision": precision}
        scoring.write_scores(options.json, manifest, task.name, pictures, scores, where)


def _test_pictures(recipe: Recipe, data: Path) -> PictureData:
    pictures = scored_pictures(recipe, data)
    note_left_out(pictures)
    note_other_data(pictures, recipe.test_sha256)
    return pictures


def note_left_out(pictures: PictureData) -> None:
    """Print what a split lists and cannot be used, if anything."""
    for left_out in pictures.left_out:
        print(f"note: {pictures.dataset} {pictures.split}: {left_out}", file=sys.stderr)


def note_other_data(pictures: PictureData, expected: str) -> None:
    """Print a note if a split is not the one that the shipped weights were made with."""
    if expected and pictures.digest != expected:
        print(
            f"note: {pictures.title}, are not those that the shipped weights and scores were made with "
            "(checksums differ): compare scores with care",
            file=sys.stderr,
        )


def _evaluate_shipped(recipe: Recipe, options: argparse.Namespace, pictures: PictureData) -> None:
    manifest, scores = _scores(recipe, options, pictures, "scores.json")
    manifest = ship.with_scores(manifest, recipe.task.name, scores, pictures.title)
    ship.write_manifest(manifest)
    _write_card(recipe, manifest)


def _evaluate_elsewhere(recipe: Recipe, options: argparse.Namespace, data: Path) -> None:
    """Score shipped weights on pictures of another data set, which the manifest does not speak of."""
    pictures = scored_pictures(recipe, data, dataset=options.dataset, split=options.split)
    note_left_out(pictures)
    manifest, _ = _scores(recipe, options, pictures, f"scores-{pictures.dataset}.json")
    _write_card(recipe, manifest)


def _scores(
    recipe: Recipe, options: argparse.Namespace, pictures: PictureData, file: str
) -> tuple[Manifest, dict[str, Score]]:
    """Score all shipped heads of a task, print the scores and write them; return them with the manifest."""
    task, manifest = recipe.task, load_manifest(_pretrained(options))
    names = [entry.upsampler for entry in manifest.heads(task.name)]
    scores = scoring.evaluate(manifest, task.name, names, pictures, device=device_named(options.device))
    scoring.write_scores(manifest.folder / task.name / file, manifest, task.name, pictures, scores)
    print(scoring.score_table(task.kind, scores))
    return manifest, scores


def _write_card(recipe: Recipe, manifest: Manifest) -> None:
    write_aside(manifest.folder / recipe.task.name / "README.md", model_card(recipe, manifest).encode())


def _evaluate_runs(recipe: Recipe, options: argparse.Namespace, pictures: PictureData) -> None:
    folder = _pretrained(options) / recipe.task.name
    finished = finished_runs(recipe, options.runs)
    evidence.score_runs(
        recipe, options.runs, finished, pictures, folder / "runs", device=device_named(options.device)
    )
    evidence.fold_runs(folder / "runs")
    scored = scored_runs(recipe, folder / "runs", pictures.digest)
    if not scored:
        raise TrainingError(f"{options.runs} has no finished run of {recipe.task.name}: train some first")
    tables = [_summarise(recipe, scored, pictures, folder, *table) for table in _tables(recipe, scored)]
    text = "\n".join(tables)
    write_aside(folder / "EVIDENCE.md", text.encode())
    print(text)


_Table = tuple[str, str, tuple[str, ...], str]  # file, title, upsamplers, reference


def _tables(recipe: Recipe, scored: Sequence[ScoredRun]) -> list[_Table]:
    """Return the table of all operators, and every ablation whose upsamplers are all trained."""
    trained = {run.upsampler for run in scored}
    complete = [
        row for row in ablations() if row.recipe == recipe.task.name and trained >= set(row.upsamplers)
    ]
    tables = [(f"evidence-{row.name}", row.title, row.upsamplers, row.upsamplers[0]) for row in complete]
    return [("evidence", recipe.task.title, tuple(OPERATORS), recipe.task.reference), *tables]


def _summarise(
    recipe: Recipe,
    scored: Sequence[ScoredRun],
    pictures: PictureData,
    folder: Path,
    name: str,
    title: str,
    upsamplers: tuple[str, ...],
    reference: str,
) -> str:
    """Summarise runs in a file of evidence; return its table."""
    if reference != recipe.task.reference:  # an ablation consists of its comparisons alone
        scored = trained_like(scored, reference)
    summary = evidence.gather(
        recipe, scored, pictures, upsamplers=upsamplers, title=title, reference=reference
    )
    write_evidence(folder / f"{name}.json", summary)
    return evidence_table(summary)


# --- sweep ---


def run_sweep(options: argparse.Namespace) -> int:
    """Train what is not complete and print the table; return the exit status.

    Raises:
        CommandError: There is no such cluster, or the data are missing.
        ValueError: There is no such recipe.
    """
    with _command_errors():
        return _trained(options)


def _trained(options: argparse.Namespace) -> int:
    plan = _sweep(options)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, for workers too
    try:
        outcomes = _on_cluster(plan, options) if options.cluster else _here(plan, options)
    finally:
        signal.signal(signal.SIGTERM, before)
    print(outcome_table(outcomes))
    states = {outcome.state for outcome in outcomes}
    return INTERRUPTED if "interrupted" in states else FAILED if "failed" in states else 0


def outcome_table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes of a sweep as text: one line per run, and the number of runs in each state."""
    rows = [(outcome.upsampler, str(outcome.seed), outcome.state, outcome.reason) for outcome in outcomes]
    rows = [("upsampler", "seed", "state", "reason"), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    ]
    counts = Counter(outcome.state for outcome in outcomes)
    return "\n".join([*lines, ", ".join(f"{count} {state}" for state, count in counts.items())])


def _sweep(options: argparse.Namespace) -> Sweep:
    names: Sequence[str] = options.upsamplers or list(OPERATORS)
    source: str | None = options.recipe
    if options.ablation:
        chosen = ablation(options.ablation)
        names, source = chosen.upsamplers, source or chosen.recipe
    if source is None:
        raise ValueError(f"name a recipe ({', '.join(recipe_names())}), or an ablation with --ablation")
    recipe, data = load_recipe(source), data_folder(options.data)
    training_pictures(recipe, data)  # fails at once if they are missing
    return Sweep(
        recipe=recipe,
        source=str(Path(source).absolute()) if source.endswith(".toml") else source,
        data=data.absolute(),
        runs=options.runs.absolute(),
        stage=options.stage,
        upsamplers=tuple(dict.fromkeys(names)),
        seeds=tuple(dict.fromkeys(options.seeds)),
        bfloat16=options.bfloat16,
        scored=_scored(recipe, data, options),
    )


def _scored(recipe: Recipe, data: Path, options: argparse.Namespace) -> frozenset[RunKey]:
    folder = _pretrained(options) / recipe.task.name / "runs"
    if not folder.is_dir():
        return frozenset()
    trained = "heads" if options.stage == "heads" else "end-to-end"
    scored = scored_runs(recipe, folder, scored_pictures(recipe, data).digest)
    return frozenset((run.upsampler, run.seed) for run in scored if run.trained == trained)


def _here(plan: Sweep, options: argparse.Namespace) -> tuple[Outcome, ...]:
    devices = local_devices(options.device, workers=options.workers, per_device=options.per_device)
    threads = options.threads or max(1, (os.cpu_count() or 1) // len(devices))
    print(f"{len(devices)} workers: {', '.join(devices)}; threads each: {threads}", file=sys.stderr)
    return sweep(plan, LocalWorkers(devices, threads=threads))


def _on_cluster(plan: Sweep, options: argparse.Namespace) -> tuple[Outcome, ...]:
    cluster = ClusterWorkers(options.cluster, threads=options.threads or 1, per_device=options.per_device)
    with closing(cluster) as workers:
        print(f"the cluster has room for {workers.count} jobs at a time", file=sys.stderr)
        return sweep(plan, workers)
