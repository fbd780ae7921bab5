"""Where runs are kept, and which of them all heads of a task rest on."""

from pathlib import Path

from dysample.training.recipe import Recipe

BASELINE = "bilinear"
ENCODER_SEED = 0  # all heads of a task learn on the encoder of this run


def whole_folder(recipe: Recipe, runs: Path, upsampler: str, seed: int) -> Path:
    """Where `train_whole` keeps a run."""
    return runs / recipe.task / "whole" / f"{upsampler}-seed{seed}"


def head_folder(recipe: Recipe, runs: Path, upsampler: str, seed: int) -> Path:
    """Where `train_heads` keeps one head."""
    return runs / recipe.task / "heads" / f"{upsampler}-seed{seed}"


def encoder_folder(recipe: Recipe, runs: Path) -> Path:
    """Where the run is kept that leaves the encoder for all heads."""
    return whole_folder(recipe, runs, BASELINE, ENCODER_SEED)
