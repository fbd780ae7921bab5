"""Networks of a task, with random or pretrained weights, and the compressed form of the latter."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from dysample.extras import require
from dysample.models.encoder import Encoder
from dysample.models.heads import Head
from dysample.models.host import Host
from dysample.models.hub import WeightsError
from dysample.models.manifest import Manifest, WeightsEntry, load_manifest
from dysample.models.packing import SCALE, Arrays, Base, unpack
from dysample.models.tasks import KINDS, Task

PACKED = ".packed"  # ending of the files that `dysample.models.packing` makes; others are safetensors


def new_encoder(task: Task) -> Encoder:
    """Make an encoder with random weights, down to the finest stride that the task's heads read."""
    return Encoder(
        task.encoder,
        mean=task.mean,
        deviation=task.deviation,
        context=task.context,
        finest=KINDS[task.kind].finest,
    )


def new_head(task: Task, channels: tuple[int, ...], upsampler: str) -> Head:
    """Make a head with random weights for an encoder with these channels.

    Raises:
        ValueError: The upsampler is unknown, or cannot have the task's widths.
    """
    return KINDS[task.kind].head(task, channels, upsampler)


def join(task: Task, encoder: Encoder, head: Head) -> Host[Any]:
    """Join a task's encoder and head into a network."""
    return KINDS[task.kind].host(encoder, head)


def load_encoder(task: str, *, manifest: Manifest | None = None) -> Encoder:
    """Load the trained encoder that all heads of a task share, in eval mode.

    Raises:
        ValueError: The task is unknown.
        WeightsError: The file is missing or damaged.
    """
    manifest = manifest or load_manifest()
    encoder = new_encoder(manifest.task(task))
    _load(encoder, manifest, manifest.entry(task, ""))
    return encoder.eval().requires_grad_(False)


def load_head(
    task: str, upsampler: str, channels: tuple[int, ...], *, manifest: Manifest | None = None
) -> Head:
    """Load a trained head for an encoder with these channels, in eval mode.

    Raises:
        ValueError: The task or upsampler is unknown, or has no weights.
        WeightsError: The file is missing or damaged.
    """
    manifest = manifest or load_manifest()
    entry = manifest.entry(task, upsampler)
    head = new_head(manifest.task(task), channels, upsampler)
    _load(head, manifest, entry)
    return head.eval().requires_grad_(False)


def load_host(task: str, *, upsampler: str = "bilinear") -> Host[Any]:
    """Load a trained network, ready to use offline.

    Args:
        task: A task of the manifest, such as "street-segmentation".
        upsampler: A name of `OPERATORS` that has been trained for it.

    Returns:
        A host in eval mode: RGB in [0, 1], or of 8 bits, of any size from 32 pixels in; logits, or
        metres, of that size out.

    Raises:
        ValueError: The task or upsampler is unknown, or has no weights.
        WeightsError: A file is missing or damaged.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    require("segmentation_models_pytorch", "load_host")
    manifest = load_manifest()
    manifest.entry(task, upsampler)
    encoder = load_encoder(task, manifest=manifest)
    head = load_head(task, upsampler, encoder.channels, manifest=manifest)
    return join(manifest.task(task), encoder, head).eval()


def _load(module: nn.Module, manifest: Manifest, entry: WeightsEntry) -> None:
    state = restored(read_small(manifest, entry))
    try:
        module.load_state_dict(state)
    except RuntimeError as error:  # names or shapes do not fit
        reason = str(error).split("\n\t")[-1].strip()
        raise WeightsError(
            f"the weights {manifest.folder / entry.file} do not fit what the manifest says of {entry.task} "
            f"({reason}): copy the folder {manifest.folder.name} again"
        ) from error


def read_small(manifest: Manifest, entry: WeightsEntry) -> dict[str, Tensor]:
    """Read the tensors of a file as they are shipped; `restored` makes weights of them.

    Raises:
        WeightsError: The file, or the one that it rests on, is missing or damaged.
    """
    path = manifest.folder / entry.file
    data = checked_content(manifest.folder, Base(entry.file, entry.sha256))
    try:
        if path.suffix != PACKED:
            return load_safetensors(data)
        arrays = unpack(data, partial(_read_base, manifest.folder))
        return {name: torch.from_numpy(values) for name, values in arrays.items()}
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"the weights {path} are damaged ({error}): copy them again") from error


@lru_cache(maxsize=2)  # an encoder's and a head's, since whoever loads one network loads others beside it
def _read_base(folder: Path, base: Base) -> Arrays:
    return unpack(checked_content(folder, base), partial(_read_base, folder))


def checked_content(folder: Path, file: Base) -> bytes:
    """Read a file of a folder of weights.

    Raises:
        WeightsError: It is missing or has another checksum.
    """
    path = folder / file.file
    if not path.is_file():
        raise WeightsError(f"the weights {path} are missing: copy the folder {folder.name} again")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"the weights {path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise WeightsError(f"the weights {path} are damaged (checksum): copy them again")
    return data


# --- Compressed weights ---
#
# Weights are shipped at half of their size in float16, or a quarter in 8 bits. A large matrix in 8 bits is
# integers from -127 to 127 with a float32 scale for each row, so that the error of a value is at most half a
# step, 1/254 of the largest value in its row. `dysample.models.packing` puts these tensors into files.

_LARGE = 1024  # values; in smaller matrices the scales would take what the integers save


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return matrices in float16; vectors stay float32, since variances can exceed float16's range."""
    return {name: _half(tensor) for name, tensor in tensors.items()}


def quartered(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return large matrices in 8 bits with their scales, and all other tensors as `halved` does."""
    small: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not (tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel() >= _LARGE):
            small[name] = _half(tensor)
            continue
        rows = tensor.detach().cpu().float().flatten(1)
        scale = rows.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / 127
        small[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(tensor)
        small[name + SCALE] = scale
    return small


def restored(small: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Restore the tensors that `halved` or `quartered` compressed; 8-bit ones become float32."""
    return {name: _restored(name, small) for name in small if not name.endswith(SCALE)}


def _half(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.to(torch.float16) if tensor.is_floating_point() and tensor.ndim > 1 else tensor


def _restored(name: str, small: Mapping[str, Tensor]) -> Tensor:
    tensor, scale = small[name], small.get(name + SCALE)
    if scale is None:
        return tensor
    return tensor.float() * scale.view(-1, *[1] * (tensor.ndim - 1))
