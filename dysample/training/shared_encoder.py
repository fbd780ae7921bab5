"""The encoder that all heads of a task learn on: that of the runs, else the shipped one."""

from pathlib import Path

from dysample.models.encoder import Encoder
from dysample.models.manifest import WeightsError, load_manifest
from dysample.models.weights import load_encoder, new_encoder
from dysample.training.checkpoint import CHECKPOINT, epochs_done, load_checkpoint, part_of
from dysample.training.folders import encoder_folder
from dysample.training.loop import TrainingError
from dysample.training.recipe import Recipe

_SHAPED_BY = ("kind", "dataset", "encoder", "mean", "deviation", "context")


def load_shared_encoder(recipe: Recipe, runs: Path) -> Encoder:
    """The encoder that the run with bilinear and the first seed left, or the shipped one if there is no run.

    Raises:
        TrainingError: That run is not complete, or there is neither.
        WeightsError: The shipped file is damaged.
    """
    state = load_checkpoint(encoder_folder(recipe, runs) / CHECKPOINT)
    if state is None and ships_encoder(recipe):
        return load_encoder(recipe.task)
    if state is None or state["epoch"] < recipe.encoder_stage.epochs:
        raise TrainingError(
            f"the encoder in {encoder_folder(recipe, runs)} is not there or not complete: run "
            f"`python -m dysample train {recipe.task} --stage encoder` first"
        )
    encoder = new_encoder(recipe)
    encoder.load_state_dict(part_of(state["module"], "encoder."))
    return encoder


def has_shared_encoder(recipe: Recipe, runs: Path) -> bool:
    """Whether `load_shared_encoder` will find one."""
    folder = encoder_folder(recipe, runs)
    if (folder / CHECKPOINT).is_file():
        return epochs_done(folder) >= recipe.encoder_stage.epochs
    return ships_encoder(recipe)


def ships_encoder(recipe: Recipe) -> bool:
    """Whether the shipped weights have an encoder that was made for this recipe's task and pictures."""
    try:
        manifest = load_manifest()
        manifest.entry(recipe.task, "")
    except (ValueError, WeightsError):
        return False
    task = manifest.task(recipe.task)
    return all(getattr(task, name) == getattr(recipe, name) for name in _SHAPED_BY)
