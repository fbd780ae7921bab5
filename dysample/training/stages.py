"""The two training stages of a task: a whole network, then heads on its frozen encoder."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.computing import Precision, precision_on
from dysample.models.encoder import Encoder
from dysample.models.heads import Head
from dysample.models.host import Host, encode
from dysample.models.hub import WeightsError
from dysample.models.manifest import load_manifest
from dysample.models.weights import join, load_encoder, new_encoder, new_head
from dysample.training.data import PictureData, batches
from dysample.training.distributed import over_whole_batch
from dysample.training.listing import DataError
from dysample.training.loop import Learner, TrainingError, TrainingRun, make_learner, train
from dysample.training.losses import Loss, Maps
from dysample.training.recipe import Recipe, Stage
from dysample.training.runs import (
    CHECKPOINT,
    encoder_folder,
    epochs_done,
    head_folder,
    load_checkpoint,
    part_of,
    whole_folder,
)

_MEASURED_PICTURES = 32
_TIMM = "model."
_RANDOM = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)  # layers that start with random weights
# Fields of a task that shape its encoder.
_SHAPED_BY = ("kind", "dataset", "encoder", "mean", "deviation", "context")


def train_whole(
    recipe: Recipe,
    data: Path,
    runs: Path,
    upsampler: str,
    *,
    seed: int,
    device: torch.device,
    precision: Precision = "auto",
) -> Path:
    """Train encoder and head together with one upsampler; return the folder of the run."""
    pictures = training_pictures(recipe, data)
    stage = recipe.encoder_stage
    torch.manual_seed(seed)
    encoder = new_encoder(recipe.task)
    host = join(recipe.task, encoder, make_head(recipe, encoder, upsampler, seed))
    folder = whole_folder(recipe, runs, upsampler, seed)
    if not (folder / CHECKPOINT).is_file():
        load_start(encoder, data / recipe.start, _sample_pictures(pictures, recipe))
    over_whole_batch(host)
    host.train().to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if recipe.frozen_norms:
        freeze_norms(host.encoder)
    run = TrainingRun(
        title=f"{recipe.task.name} {upsampler} end to end",
        data=pictures,
        stage=stage,
        loss=_loss(recipe, pictures, stage),
        seed=seed,
        device=device,
        precision=precision_on(device, precision),
        prepare=lambda image: image,
        reach=_parts,
    )
    groups = [(host.encoder, stage.encoder_rate), (host.head, stage.head_rate)]
    train(run, [make_learner(upsampler, host, groups, folder)])
    return folder


def train_heads(
    recipe: Recipe,
    data: Path,
    runs: Path,
    upsamplers: Sequence[str],
    *,
    seed: int,
    device: torch.device,
    precision: Precision = "auto",
) -> None:
    """Train one head for each upsampler on the frozen encoder, which learned with the task's reference.

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
        learners.append(
            make_learner(name, head, [(head, stage.head_rate)], head_folder(recipe, runs, name, seed))
        )
    run = TrainingRun(
        title=f"{recipe.task.name} heads, seed {seed}",
        data=pictures,
        stage=stage,
        loss=_loss(recipe, pictures, stage),
        seed=seed,
        device=device,
        precision=precision_on(device, precision),
        prepare=lambda image: encode(encoder, image),
        reach=lambda head, maps: (cast(Head, head), maps),
    )
    train(run, learners)


def make_head(recipe: Recipe, encoder: Encoder, upsampler: str, seed: int) -> Head:
    """Make a head whose random weights depend on the seed alone.

    All heads of a seed have the same weights outside the upsamplers.
    """
    torch.manual_seed(seed)
    head = new_head(recipe.task, encoder.channels, upsampler)
    torch.manual_seed(seed)
    for name, module in head.named_modules():
        if isinstance(module, _RANDOM) and "upsamplers" not in name.split("."):
            module.reset_parameters()
    return head


def freeze_norms(module: nn.Module) -> None:
    """Freeze the running statistics of all batch normalisations; scale and shift still train."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()


def training_pictures(recipe: Recipe, data: Path) -> PictureData:
    """Return the pictures that a recipe trains on.

    Raises:
        DataError: The data set is missing.
    """
    return _pictures(recipe, data, "train")


def scored_pictures(recipe: Recipe, data: Path, *, dataset: str = "", split: str = "") -> PictureData:
    """Return the pictures that a recipe's networks are scored on.

    Args:
        recipe: The recipe.
        data: The folder that holds the data sets.
        dataset: Another data set than the recipe's, with truth of the same kind and classes.
        split: Another split than the recipe's.

    Raises:
        DataError: The data set is missing, or has no such truth.
    """
    return _pictures(recipe, data, split or recipe.test_split, dataset)


def _pictures(recipe: Recipe, data: Path, split: str, dataset: str = "") -> PictureData:
    task = recipe.task
    return PictureData(
        data, dataset or task.dataset, split, task.kind, classes=task.classes, files=recipe.coco
    )


def _loss(recipe: Recipe, data: PictureData, stage: Stage) -> Loss:
    return data.truth.loss(recipe.task, data.truths(), stage.balance)


def _parts(host: nn.Module, image: Float[Tensor, "b 3 h w"]) -> tuple[Head, Maps]:
    whole = cast(Host[Any], host)
    return whole.head, encode(whole.encoder, image)


def _sample_pictures(data: PictureData, recipe: Recipe) -> Float[Tensor, "b 3 h w"]:
    images: list[Tensor] = []
    for batch in batches(data, recipe.encoder_stage, seed=0, epoch=0):
        images.append(batch.image)
        if len(images) * recipe.encoder_stage.batch >= _MEASURED_PICTURES:
            break
    return torch.cat(images)


# --- Starting weights ---


def load_start(encoder: Encoder, path: Path, pictures: Float[Tensor, "b 3 h w"]) -> None:
    """Load starting weights into an encoder.

    A file with the encoder's own keys is loaded as it is. For a file whose normalisations were folded into
    its convolutions (DeepLab's), the normalisations are restored from statistics measured on `pictures`, so
    that the network computes the same and can be trained. DeepLab's dilated blocks are read at the
    positions of stride 32, where they compute the same as an encoder without dilation.

    Args:
        encoder: The encoder, changed in place.
        path: A pickle of tensors alone.
        pictures: RGB in [0, 1], to measure activations on.

    Raises:
        DataError: The file is missing, or fits neither way.
    """
    if not path.is_file():
        raise DataError(f"the starting weights {path} are missing: is the data folder complete?")
    state: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    if any(key.endswith("running_mean") for key in state):
        _load_whole(encoder, state, path)
        return
    _load_folded(encoder, state, pictures)


def _load_whole(encoder: Encoder, state: Mapping[str, Tensor], path: Path) -> None:
    """Load weights under the backbone's own keys, or without the prefix that SMP gives those of timm.

    Layers that the backbone lacks, such as the classifier's, are left out.
    """
    wanted = encoder.backbone.state_dict()
    renamed = {key if key in wanted else f"{_TIMM}{key}": value.float() for key, value in state.items()}
    missing = [key for key in wanted if key not in renamed and not key.endswith("num_batches_tracked")]
    if missing:
        raise DataError(f"{path.name} does not fit {encoder.name}: it lacks {', '.join(missing[:3])}, ...")
    fitting = {key: value for key, value in renamed.items() if key in wanted}
    encoder.backbone.load_state_dict(fitting, strict=False)


def _load_folded(encoder: Encoder, state: Mapping[str, Tensor], pictures: Float[Tensor, "b 3 h w"]) -> None:
    """Load convolutions in order of depth; those missing in the file (the last one) keep their values."""
    weights = [state[key] for key in state if key.startswith("features.") and key.endswith("weight")]
    biases = [state[key] for key in state if key.startswith("features.") and key.endswith("bias")]
    modules = [module for module in encoder.backbone.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in encoder.backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    for module, weight in zip(modules, weights, strict=False):
        if module.weight.shape != weight.shape:
            raise DataError(
                f"the starting weights do not fit {encoder.name}: {tuple(weight.shape)} for a "
                f"convolution of {tuple(module.weight.shape)}"
            )
        module.weight.data.copy_(weight)
    if encoder.context is not None and "aspp0.0.weight" in state:
        parts = (("local", "aspp0.0"), ("image", "pool.0"), ("join", "proj.0"))
        encoder.context.load_state_dict(
            {
                f"{ours}.{kind}": state[f"{theirs}.{kind}"]
                for ours, theirs in parts
                for kind in ("weight", "bias")
            }
        )
    shifts = [*biases, *(torch.zeros(norm.num_features) for norm in norms[len(biases) :])]
    handles = [
        norm.register_forward_pre_hook(_measure_into(norm, shift))
        for norm, shift in zip(norms, shifts, strict=True)
    ]
    encoder.eval()
    with torch.no_grad():
        encoder(pictures)
    for handle in handles:
        handle.remove()


def _measure_into(norm: nn.BatchNorm2d, shift: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    """Return a hook that makes a normalisation the identity plus `shift`, using measured statistics."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.data = torch.sqrt(variance + norm.eps)
        norm.bias.data = mean + shift

    return hook


# --- Shared encoder ---


def load_shared_encoder(recipe: Recipe, runs: Path) -> Encoder:
    """Load the encoder of the reference's run with the first seed, or the shipped one if there is no run.

    Raises:
        TrainingError: The run is not complete, or there is neither.
        WeightsError: The shipped file is damaged.
    """
    state = load_checkpoint(encoder_folder(recipe, runs) / CHECKPOINT)
    if state is None and ships_encoder(recipe):
        return load_encoder(recipe.task.name)
    if state is None or state["epoch"] < recipe.encoder_stage.epochs:
        raise TrainingError(
            f"the encoder in {encoder_folder(recipe, runs)} is missing or not complete: run "
            f"`python -m dysample train {recipe.task.name} --stage encoder` first"
        )
    encoder = new_encoder(recipe.task)
    encoder.load_state_dict(part_of(state["module"], "encoder."))
    return encoder


def has_shared_encoder(recipe: Recipe, runs: Path) -> bool:
    """Return whether `load_shared_encoder` will succeed."""
    folder = encoder_folder(recipe, runs)
    if (folder / CHECKPOINT).is_file():
        return epochs_done(folder) >= recipe.encoder_stage.epochs
    return ships_encoder(recipe)


def ships_encoder(recipe: Recipe) -> bool:
    """Return whether the shipped weights include an encoder for this recipe's task and pictures."""
    try:
        manifest = load_manifest()
        manifest.entry(recipe.task.name, "")
    except (ValueError, WeightsError):
        return False
    task = manifest.task(recipe.task.name)
    return all(getattr(task, name) == getattr(recipe.task, name) for name in _SHAPED_BY)
