"""Starting weights: put a published network's convolutions into an encoder."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.models.encoder import Encoder
from dysample.training.datasets import DataError


def load_start(encoder: Encoder, path: Path, pictures: Float[Tensor, "b 3 h w"]) -> None:
    """Load starting weights into an encoder.

    A file with the encoder's own keys is loaded as it is. A file whose normalisations were folded
    into its convolutions (DeepLab's) gets them back, measured on `pictures`, so that the network
    computes the same and can be trained. DeepLab's dilated blocks are read at their positions
    of stride 32, where they compute the same as an encoder without dilation.

    Args:
        encoder: Changed in place.
        path: A pickle of tensors alone.
        pictures: RGB in [0, 1], to measure activations on.

    Raises:
        DataError: The file is missing, or fits in neither way.
    """
    if not path.is_file():
        raise DataError(f"the starting weights {path} are missing: is the data folder complete?")
    state: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")
    if any(key.endswith("running_mean") for key in state):
        encoder.backbone.load_state_dict({key: value.float() for key, value in state.items()})
        return
    _load_folded(encoder, state, pictures)


def _load_folded(encoder: Encoder, state: Mapping[str, Tensor], pictures: Float[Tensor, "b 3 h w"]) -> None:
    """Convolutions in order of depth; those that the file lacks (the last one) keep their values."""
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
    """A hook that sets a normalisation to the identity plus `shift`, around measured statistics."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
        norm.running_mean, norm.running_var = mean, variance
        norm.weight.data = torch.sqrt(variance + norm.eps)
        norm.bias.data = mean + shift

    return hook
