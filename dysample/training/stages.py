"""The two stages of a task: a host with bilinear learns whole, then heads learn on its encoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.encoder import Encoder
from dysample.models.host import SegmentationHost, decode, encode
from dysample.models.segformer_head import SegFormerHead
from dysample.training.augment import batches
from dysample.training.checkpoint import load_checkpoint
from dysample.training.datasets import SegmentationData, class_shares
from dysample.training.loop import Run, TrainingError, learner, train
from dysample.training.recipe import Recipe
from dysample.training.start import load_start

BASELINE = "bilinear"
_MEASURED_PICTURES = 32


def make_encoder(recipe: Recipe) -> Encoder:
    """An encoder as the recipe wants it, with random weights."""
    return Encoder(recipe.encoder, mean=recipe.mean, deviation=recipe.deviation, context=recipe.context)


def make_head(recipe: Recipe, encoder: Encoder, upsampler: str, seed: int) -> SegFormerHead:
    """A head whose random start depends on the seed alone.

    All heads of a seed share the values of every layer outside the upsamplers.
    """
    torch.manual_seed(seed)
    head = SegFormerHead(
        encoder.channels, width=recipe.width, classes=len(recipe.classes), upsampler=upsampler
    )
    torch.manual_seed(seed)
    for part in (head.project, head.fuse, head.predict):
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                module.reset_parameters()
    return head


def train_encoder(recipe: Recipe, data: Path, runs: Path, *, seed: int, device: torch.device) -> Path:
    """Train a whole host with the bilinear upsampler; gives the folder of the run."""
    pictures = SegmentationData(data, recipe.dataset, "train")
    torch.manual_seed(seed)
    encoder = make_encoder(recipe)
    host = SegmentationHost(encoder, make_head(recipe, encoder, BASELINE, seed))
    folder = encoder_folder(recipe, runs, seed)
    if not (folder / "checkpoint.pt").is_file():
        load_start(encoder, data / recipe.start, _sample_pictures(pictures, recipe))
    host.train().to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if recipe.frozen_norms:
        freeze_norms(host.encoder)
    stage = recipe.encoder_stage
    run = Run(
        title=f"{recipe.task} encoder",
        folder=folder,
        data=pictures,
        stage=stage,
        class_weights=class_weights(pictures, len(recipe.classes), stage.balance),
        seed=seed,
        device=device,
        prepare=lambda image: image,
        logits=lambda module, image: module(image),
    )
    groups = [(host.encoder, stage.encoder_rate), (host.head, stage.head_rate)]
    train(run, {BASELINE: learner(host, groups)})
    return folder


def train_heads(
    recipe: Recipe, data: Path, runs: Path, upsamplers: Sequence[str], *, seed: int, device: torch.device
) -> Path:
    """Train one head for every upsampler on the frozen encoder of `train_encoder`.

    All heads see the same batches in the same order; none knows of the others. Gives the folder.

    Raises:
        TrainingError: The encoder has not been trained.
    """
    encoder = load_trained_encoder(recipe, runs, seed).eval().requires_grad_(False)
    encoder.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    pictures = SegmentationData(data, recipe.dataset, "train")
    stage = recipe.head_stage
    heads = {name: make_head(recipe, encoder, name, seed).train().to(device) for name in upsamplers}
    run = Run(
        title=f"{recipe.task} heads",
        folder=heads_folder(recipe, runs, seed),
        data=pictures,
        stage=stage,
        class_weights=class_weights(pictures, len(recipe.classes), stage.balance),
        seed=seed,
        device=device,
        prepare=lambda image: encode(encoder, image),
        logits=lambda head, maps: decode(cast(SegFormerHead, head), maps, stage.crop, stage.crop).output,
    )
    train(run, {name: learner(head, [(head, stage.head_rate)]) for name, head in heads.items()})
    return run.folder


def freeze_norms(module: nn.Module) -> None:
    """Keep the running statistics of all batch normalisations; their scale and shift still learn."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()


def encoder_folder(recipe: Recipe, runs: Path, seed: int) -> Path:
    """Where `train_encoder` keeps a run."""
    return runs / recipe.task / f"encoder-seed{seed}"


def heads_folder(recipe: Recipe, runs: Path, seed: int) -> Path:
    """Where `train_heads` keeps a run."""
    return runs / recipe.task / f"heads-seed{seed}"


def load_trained_encoder(recipe: Recipe, runs: Path, seed: int) -> Encoder:
    """The encoder that `train_encoder` left.

    Raises:
        TrainingError: There is none, or its training is not complete.
    """
    path = encoder_folder(recipe, runs, seed) / "checkpoint.pt"
    state = load_checkpoint(path)
    if state is None or state["epoch"] < recipe.encoder_stage.epochs:
        raise TrainingError(
            f"{path} is not there or not complete: run `python -m dysample train {recipe.task} "
            f"--stage encoder --seed {seed}` first"
        )
    encoder = make_encoder(recipe)
    prefix = "encoder."
    module: dict[str, Tensor] = state["learners"][BASELINE]["module"]
    encoder.load_state_dict({k.removeprefix(prefix): v for k, v in module.items() if k.startswith(prefix)})
    return encoder


def class_weights(data: SegmentationData, classes: int, balance: float) -> Float[Tensor, " k"]:
    """Rare classes weigh more, within a factor of ten of the commonest; the mean over pixels is 1."""
    shares = torch.from_numpy(class_shares(data, classes)).float()
    raw = shares.clamp(min=1e-6) ** -balance
    raw = raw.clamp(max=10 * float(raw.min()))
    return raw / (raw * shares).sum()


def _sample_pictures(data: SegmentationData, recipe: Recipe) -> Float[Tensor, "b 3 h w"]:
    found: list[Tensor] = []
    for batch in batches(data, recipe.encoder_stage, seed=0, epoch=0):
        found.append(batch.image)
        if len(found) * recipe.encoder_stage.batch >= _MEASURED_PICTURES:
            break
    return torch.cat(found)
