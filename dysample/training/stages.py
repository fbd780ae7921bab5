"""The stages of a task: a network with bilinear learns whole, then heads learn on its encoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.host import encode
from dysample.models.weights import TaskHost, join, new_encoder
from dysample.training.augment import batches
from dysample.training.checkpoint import CHECKPOINT
from dysample.training.datasets import PictureData, class_shares
from dysample.training.distributed import over_whole_batch
from dysample.training.folders import head_folder, whole_folder
from dysample.training.learner import Learner, learner
from dysample.training.loop import Run, train
from dysample.training.losses import Loss, cross_entropy, scale_invariant_log
from dysample.training.networks import freeze_norms, make_head
from dysample.training.recipe import Recipe, Stage
from dysample.training.shared_encoder import load_shared_encoder
from dysample.training.start import load_start

_MEASURED_PICTURES = 32


def train_whole(
    recipe: Recipe,
    data: Path,
    runs: Path,
    upsampler: str,
    *,
    seed: int,
    device: torch.device,
    bfloat16: bool = False,
) -> Path:
    """Train encoder and head together with one upsampler; gives the folder of the run."""
    pictures = training_pictures(recipe, data)
    stage = recipe.encoder_stage
    torch.manual_seed(seed)
    encoder = new_encoder(recipe)
    host = join(encoder, make_head(recipe, encoder, upsampler, seed))
    folder = whole_folder(recipe, runs, upsampler, seed)
    if not (folder / CHECKPOINT).is_file():
        load_start(encoder, data / recipe.start, _sample_pictures(pictures, recipe))
    over_whole_batch(host)
    host.train().to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if recipe.frozen_norms:
        freeze_norms(host.encoder)
    run = Run(
        title=f"{recipe.task} {upsampler} end to end",
        data=pictures,
        stage=stage,
        loss=_loss(recipe, pictures, stage),
        seed=seed,
        device=device,
        bfloat16=bfloat16,
        prepare=lambda image: image,
        predict=_coarse,
    )
    groups = [(host.encoder, stage.encoder_rate), (host.head, stage.head_rate)]
    train(run, [learner(upsampler, host, groups, folder)])
    return folder


def train_heads(
    recipe: Recipe,
    data: Path,
    runs: Path,
    upsamplers: Sequence[str],
    *,
    seed: int,
    device: torch.device,
    bfloat16: bool = False,
) -> None:
    """Train one head for every upsampler on the frozen encoder that learned with bilinear.

    All heads of a seed see the same batches in the same order; none depends on the others.

    Raises:
        TrainingError: The encoder has not been trained.
    """
    encoder = load_shared_encoder(recipe, runs).eval().requires_grad_(False)
    encoder.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    pictures = training_pictures(recipe, data)
    stage = recipe.head_stage
    learners: list[Learner] = []
    for name in upsamplers:
        head = make_head(recipe, encoder, name, seed)
        over_whole_batch(head)
        head.train().to(device)
        learners.append(learner(name, head, [(head, stage.head_rate)], head_folder(recipe, runs, name, seed)))
    run = Run(
        title=f"{recipe.task} heads, seed {seed}",
        data=pictures,
        stage=stage,
        loss=_loss(recipe, pictures, stage),
        seed=seed,
        device=device,
        bfloat16=bfloat16,
        prepare=lambda image: encode(encoder, image),
        predict=lambda head, maps: head(maps),
    )
    train(run, learners)


def training_pictures(recipe: Recipe, data: Path) -> PictureData:
    """What the recipe's networks learn from.

    Raises:
        DataError: The data set is missing.
    """
    return PictureData(data, recipe.dataset, "train", recipe.kind)


def scored_pictures(recipe: Recipe, data: Path) -> PictureData:
    """What the recipe's networks are scored on.

    Raises:
        DataError: The data set is missing.
    """
    return PictureData(data, recipe.dataset, recipe.test_split, recipe.kind)


def class_weights(data: PictureData, classes: int, balance: float) -> Float[Tensor, " k"]:
    """Rare classes weigh more, within a factor of ten of the commonest; the mean over pixels is 1."""
    shares = torch.from_numpy(class_shares(data, classes)).float()
    raw = shares.clamp(min=1e-6) ** -balance
    raw = raw.clamp(max=10 * float(raw.min()))
    return raw / (raw * shares).sum()


def _loss(recipe: Recipe, data: PictureData, stage: Stage) -> Loss:
    if recipe.kind == "depth":
        return scale_invariant_log
    return cross_entropy(class_weights(data, len(recipe.classes), stage.balance))


def _coarse(host: nn.Module, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b _k _h _w"]:
    whole = cast(TaskHost, host)
    return whole.head(encode(whole.encoder, image))


def _sample_pictures(data: PictureData, recipe: Recipe) -> Float[Tensor, "b 3 h w"]:
    found: list[Tensor] = []
    for batch in batches(data, recipe.encoder_stage, seed=0, epoch=0):
        found.append(batch.image)
        if len(found) * recipe.encoder_stage.batch >= _MEASURED_PICTURES:
            break
    return torch.cat(found)
