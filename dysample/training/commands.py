"""What the command line's verbs do."""

import argparse
from pathlib import Path

import torch

from dysample.models.weights import load_manifest
from dysample.training import evaluate as evaluation
from dysample.training import pack as packing
from dysample.training.datasets import SegmentationData
from dysample.training.recipe import load_recipe
from dysample.training.stages import train_encoder, train_heads


def device_of(option: str | None) -> torch.device:
    """The device asked for, else CUDA where there is one."""
    return torch.device(option or ("cuda" if torch.cuda.is_available() else "cpu"))


def train(options: argparse.Namespace, data: Path) -> None:
    """Train the encoder, the heads, or both."""
    recipe, device = load_recipe(options.recipe), device_of(options.device)
    if options.stage in ("encoder", "both"):
        train_encoder(recipe, data, options.runs, seed=options.seed, device=device)
    if options.stage in ("heads", "both"):
        train_heads(recipe, data, options.runs, options.upsampler, seed=options.seed, device=device)


def pack(options: argparse.Namespace, data: Path) -> None:
    """Write the weights of a finished run in their shipped form, and score that form."""
    recipe = load_recipe(options.recipe)
    packing.pack(recipe, options.runs, options.pretrained, seed=options.seed)
    evaluate(options, data)


def evaluate(options: argparse.Namespace, data: Path) -> None:
    """Score shipped weights, enter the scores in the manifest and write them as JSON."""
    recipe = load_recipe(options.recipe)
    manifest = load_manifest(options.pretrained)
    pictures = SegmentationData(data, recipe.dataset, recipe.test_split)
    names = [entry.upsampler for entry in manifest.heads(recipe.task)]
    scores = evaluation.evaluate(manifest, recipe.task, names, pictures, device=device_of(options.device))
    path = manifest.folder / recipe.task / "scores.json"
    evaluation.write_scores(path, manifest, recipe.task, pictures, scores)
    summary = {name: (score.miou, score.boundary_miou) for name, score in scores.items()}
    packing.write_manifest(packing.with_scores(manifest, recipe.task, summary, pictures.title))
    print(evaluation.score_table(scores))
