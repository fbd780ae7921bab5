"""Encoders of segmentation_models_pytorch, reduced to the maps that decoders read, and image context."""

from typing import Any, Literal, cast, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.extras import needed_for
from dysample.models.hub import fetching

STRIDES = (4, 8, 16, 32)
Finest = Literal[2, 4]
Colours = tuple[float, float, float]
IMAGENET: tuple[Colours, Colours] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_PROBE = 64
# Layers that only widen a backbone's last map for its classifier.
_CLASSIFIER_LAYERS = {"mobilenet_v2": "features.18"}


class Encoder(nn.Module):
    """Any SMP encoder, returning maps at strides 4, 8, 16 and 32 of an RGB picture, optionally also at 2.

    Attributes:
        name: Name of the encoder in SMP.
        strides: Pixels of the picture per position of each map, finest first.
        channels: Channels of each map, finest first.
        context: Last layer of the coarsest map; None if there is none.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        name: str,
        *,
        mean: Colours | None = None,
        deviation: Colours | None = None,
        context: int = 0,
        finest: Finest = 4,
        encoder_weights: str | None = None,
    ) -> None:
        """Make an encoder, with random weights or published ones.

        Args:
            name: A name of segmentation_models_pytorch, such as "mit_b1".
            mean: Subtracted from red, green and blue in [0, 1]. None takes the value of the
                weights, or ImageNet's if there are none.
            deviation: Divides them afterwards; None as for `mean`.
            context: Channels of the coarsest map after `ImageContext`; 0 leaves it as it is.
            finest: Stride of the first map, 4 or 2.
            encoder_weights: Weights by SMP's name, such as "imagenet", downloaded once and then cached; None
                for random ones.

        Raises:
            ValueError: SMP has no encoder or weights of that name, it lacks one of the strides, or
                `finest` is neither 2 nor 4.
            WeightsError: The weights could not be fetched.
            MissingExtraError: segmentation_models_pytorch is not installed.
        """
        super().__init__()
        self.name = name
        self.strides = _strides(finest)
        self.backbone = _backbone(name, self.strides, encoder_weights)
        self.context: ImageContext | None = None
        self.channels = _channels(name, self.backbone, self.strides)
        if context:
            keep_stride_16(name, self.backbone)
            self.context = ImageContext(_probe(self.backbone)[-1].shape[1], context)
            self.channels = (*self.channels[:-1], context)
        if not (mean and deviation):
            usual = _normalisation(name, encoder_weights) if encoder_weights else IMAGENET
            mean, deviation = mean or usual[0], deviation or usual[1]
        for key, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(key, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
        """Compute the maps of an RGB picture in [0, 1], finest first.

        Both sides must be multiples of 32.
        """
        return self.in_context(self.local(image))

    def local(self, image: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
        """Compute the maps without the context of the image: each value depends on the pixels around it.

        The coarsest map is at stride 16 where a context follows.
        """
        normalised = (image - self.mean) / self.deviation
        maps: list[Tensor] = self.backbone(normalised)
        return tuple(maps[-len(self.strides) :])

    def in_context(
        self,
        maps: tuple[Float[Tensor, "b _c _h _w"], ...],
        mean: Float[Tensor, "b _c 1 1"] | None = None,
    ) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
        """Return local maps with the context of the image, if the encoder has one.

        Args:
            maps: Local maps of an image, or of a part of it.
            mean: Mean of the coarsest map over the whole image; by default that of `maps`.
        """
        if self.context is None:
            return maps
        return (*maps[:-1], self.context(maps[-1], mean))


def _strides(finest: Finest) -> tuple[int, ...]:
    if finest not in get_args(Finest):
        raise ValueError(f"finest must be 2 or 4, got {finest!r}")
    return STRIDES if finest == STRIDES[0] else (finest, *STRIDES)


def _backbone(name: str, strides: tuple[int, ...], weights: str | None) -> nn.Module:
    # Imported here: SMP takes seconds to load, and operators alone do not need it.
    with needed_for(f"the encoder {name}"):
        from segmentation_models_pytorch.encoders import get_encoder

    # Networks of timm have one set of weights each, which SMP takes as True.
    choice = cast(Any, True if weights and name.startswith("tu-") else weights)
    with fetching(f"the weights {weights!r} of {name}"):
        try:
            return cast(nn.Module, get_encoder(name, in_channels=3, depth=5, weights=choice))
        except (KeyError, RuntimeError) as error:  # of SMP, and of timm for names that begin with "tu-"
            said = f" with weights {weights!r}: {error}" if weights else ""
            raise ValueError(f"segmentation_models_pytorch has no encoder called {name!r}{said}") from error
        except ValueError as error:
            raise ValueError(_no_strides(name, strides, error)) from error


def _channels(name: str, backbone: nn.Module, strides: tuple[int, ...]) -> tuple[int, ...]:
    try:
        maps = _probe(backbone)[-len(strides) :]
    except (AssertionError, RuntimeError) as error:  # encoders made for a single size
        raise ValueError(_no_strides(name, strides, error)) from error
    sizes = [tuple(x.shape[2:]) for x in maps]
    # If the network skips a stride, SMP returns a map without channels.
    if sizes != [(_PROBE // stride,) * 2 for stride in strides] or not all(x.shape[1] for x in maps):
        raise ValueError(_no_strides(name, strides, [tuple(x.shape) for x in maps]))
    return tuple(x.shape[1] for x in maps)


@torch.no_grad()
def _probe(backbone: nn.Module) -> list[Tensor]:
    """Return the maps of a small black picture, without touching running statistics."""
    backbone.eval()
    maps: list[Tensor] = backbone(torch.zeros(1, 3, _PROBE, _PROBE))
    backbone.train()
    return maps


def _no_strides(name: str, strides: tuple[int, ...], result: object) -> str:
    return f"encoder {name!r} does not give maps at strides {strides} of pictures of any size: {result}"


def _normalisation(name: str, weights: str) -> tuple[Colours, Colours]:
    """Return mean and deviation of pictures in [0, 1] that weights were trained with."""
    from segmentation_models_pytorch.encoders import get_preprocessing_params

    with fetching(f"the settings of the weights {weights!r} of {name}"):
        try:
            settings = get_preprocessing_params(name, pretrained=weights)
        except KeyError as error:
            raise ValueError(f"the normalisation of {name} is not known: give mean and deviation") from error
    if settings["input_space"] != "RGB" or settings["input_range"] != [0, 1]:
        raise ValueError(f"weights for RGB in [0, 1] are needed, those of {name} are for {settings}")
    return tuple(settings["mean"]), tuple(settings["std"])


# --- Context of the coarsest map ---


class ImageContext(nn.Module):
    """Blend every position of a map with the mean of the map, then halve the resolution.

    This is DeepLabV3 (Chen et al. 2017) reduced to one local and one image-level branch. On a small data
    set, a map at stride 32 alone tells a cat from a dog much worse.
    """

    def __init__(self, channels: int, width: int) -> None:
        """Make the layers for maps of `channels` channels; the output has `width` channels."""
        super().__init__()
        self.local = nn.Conv2d(channels, width, kernel_size=1)
        self.image = nn.Conv2d(channels, width, kernel_size=1)
        self.join = nn.Conv2d(2 * width, width, kernel_size=1)

    def forward(
        self, x: Float[Tensor, "b c h w"], mean: Float[Tensor, "b c 1 1"] | None = None
    ) -> Float[Tensor, "b width h//2 w//2"]:
        """Compute the map; both sides of `x` must be even.

        Args:
            x: The map, or a part of it.
            mean: Mean of the whole map; by default that of `x`.
        """
        image = F.relu(self.image(x.mean(dim=(2, 3), keepdim=True) if mean is None else mean))
        both = torch.cat([image.expand(-1, -1, *x.shape[2:]), F.relu(self.local(x))], dim=1)
        return F.avg_pool2d(F.relu(self.join(both)), kernel_size=2)


def keep_stride_16(name: str, backbone: nn.Module) -> None:
    """Make a convolutional SMP backbone end at stride 16 by turning its last stride into dilation.

    The convolutions compute the same values as before, at four times as many positions.

    Raises:
        ValueError: The backbone does not list its stages.
    """
    if name in _CLASSIFIER_LAYERS:
        backbone.set_submodule(_CLASSIFIER_LAYERS[name], nn.Identity())
    try:
        stages = backbone.get_stages()  # pyright: ignore[reportCallIssue]
    except (AttributeError, NotImplementedError) as error:
        raise ValueError(f"encoder {name!r} cannot be dilated: it does not list its stages") from error
    strided = False
    for stage in stages[32]:
        for module in stage.modules():
            if not isinstance(module, nn.Conv2d):
                continue
            if strided and module.kernel_size == (3, 3):
                module.dilation = module.padding = (2, 2)
            if module.stride == (2, 2):
                module.stride, strided = (1, 1), True
