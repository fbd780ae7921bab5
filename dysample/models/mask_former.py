"""MaskFormer (Cheng et al. 2021) on Swin transformers, the host of the paper's Table 5, with any upsampler.

All parts are those of transformers, but for the pixel decoder's enlargements.
"""

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor, nn

from dysample.extras import needed_for
from dysample.models.annotations import Labels
from dysample.models.encoder import IMAGENET, STRIDES
from dysample.models.heads import Head
from dysample.models.host import Pictures, picture
from dysample.models.hub import fetch, fetching
from dysample.ops.registry import build, operator_spec
from dysample.types import Prediction, Step

with needed_for("MaskFormer"):
    from transformers import MaskFormerConfig, MaskFormerForInstanceSegmentation


class Swin(NamedTuple):
    """Sizes of a Swin transformer (Liu et al. 2021).

    Attributes:
        width: Channels of the finest map; each coarser map has twice as many.
        depths: Blocks of each stage.
        heads: Attention heads in the blocks of each stage.
        window: Side of the windows within which positions attend to each other.
        side: Side of the pictures that the published weights were first trained on.
    """

    width: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    window: int
    side: int


SWINS: Mapping[str, Swin] = {
    "swin-tiny": Swin(96, (2, 2, 6, 2), (3, 6, 12, 24), 7, 224),
    "swin-small": Swin(96, (2, 2, 18, 2), (3, 6, 12, 24), 7, 224),
    "swin-base": Swin(128, (2, 2, 18, 2), (4, 8, 16, 32), 12, 384),
    "swin-large": Swin(192, (2, 2, 18, 2), (6, 12, 24, 48), 12, 384),
}
_LEVELS = ("p4", "p3", "p2")  # in the order in which the pixel decoder reaches them


def maskformer(
    backbone: str = "swin-base", *, upsampler: str = "nearest", classes: int = 150
) -> "MaskFormer":
    """Make a MaskFormer with random weights.

    Args:
        backbone: A name of `SWINS`; the paper has "swin-base" and "swin-large".
        upsampler: A name of `OPERATORS`.
        classes: Number of classes; ADE20K has 150.

    Raises:
        ValueError: There is no such backbone or upsampler.
        MissingExtraError: transformers is not installed.
    """
    if backbone not in SWINS:
        raise ValueError(f"backbone must be one of {', '.join(SWINS)}, got {backbone!r}")
    swin = SWINS[backbone]
    encoder = {
        "model_type": "swin",
        "embed_dim": swin.width,
        "depths": list(swin.depths),
        "num_heads": list(swin.heads),
        "window_size": swin.window,
        "image_size": swin.side,
        "drop_path_rate": 0.3,
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
    }
    config = cast(Any, MaskFormerConfig)(backbone_config=encoder, num_labels=classes)
    return MaskFormer(MaskFormerForInstanceSegmentation(config), upsampler=upsampler)


def load_maskformer(source: str | Path, *, upsampler: str = "nearest") -> "MaskFormer":
    """Load a MaskFormer that transformers saved, in eval mode.

    With "nearest", the published network's own, the logits equal those of transformers. All other upsamplers
    are new and need training.

    Args:
        source: A folder that `save_pretrained` wrote, or a repository of the Hugging Face Hub, such as
            ``"facebook/maskformer-swin-base-ade"``.
        upsampler: A name of `OPERATORS`.

    Raises:
        ValueError: The checkpoint is damaged or of another network, or there is no such upsampler.
        WeightsError: The files are missing and cannot be fetched.
        MissingExtraError: transformers is not installed.
    """
    operator_spec(upsampler)
    path = fetch(str(source), "config.json")
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is no configuration: {error}") from error
    if kind != MaskFormerConfig.model_type:
        raise ValueError(f"{path} must describe a MaskFormer of transformers, got {kind}")
    with fetching(f"the weights of {source}"):
        try:
            loaded: Any = MaskFormerForInstanceSegmentation.from_pretrained(
                source, output_loading_info=True, ignore_mismatched_sizes=True
            )
        except SafetensorError as error:
            raise ValueError(f"the weights of {source} are damaged: {error}") from error
    network, report = loaded
    wrong = sorted(str(key) for part in ("missing_keys", "mismatched_keys") for key in report[part])
    if wrong:
        raise ValueError(f"{source} lacks {len(wrong)} weights of its configuration, such as {wrong[0]}")
    return MaskFormer(network, upsampler=upsampler).eval()


@dataclass(frozen=True, slots=True)
class Queries:
    """What the queries of a MaskFormer find in the pictures of a batch.

    Attributes:
        classes: Logits of the classes of each query, then of nothing.
        masks: Logits of the pixels of each query's segment, at stride 4.
        steps: The upsampling steps, coarsest first, each named after the level that it reaches.
    """

    classes: Float[Tensor, "b q k"]
    masks: Float[Tensor, "b q h w"]
    steps: tuple[Step, ...]


class MaskFormerHead(Head):
    """Pixel decoder with three x2 upsamplers, and a transformer whose queries each predict a segment.

    The guide of an upsampler is the lateral map that its result is added to.
    """

    def __init__(self, network: MaskFormerForInstanceSegmentation, *, upsampler: str) -> None:
        """Take the parts of a network behind its encoder.

        Args:
            network: The network, whose parts are not copied.
            upsampler: A name of `OPERATORS`.

        Raises:
            ValueError: There is no such upsampler, or it cannot have the pixel decoder's width.
        """
        super().__init__()
        inner: Any = network.model
        decoder: Any = inner.pixel_level_module.decoder
        self.spec = operator_spec(upsampler)
        self.top = decoder.fpn.stem
        self.project = nn.ModuleDict(
            dict(zip(_LEVELS, (row.proj for row in decoder.fpn.layers), strict=True))
        )
        self.smooth = nn.ModuleDict(
            dict(zip(_LEVELS, (row.block for row in decoder.fpn.layers), strict=True))
        )
        width: int = decoder.mask_projection.in_channels
        self.upsamplers = nn.ModuleDict({level: build(upsampler, width) for level in _LEVELS})
        self.pixels = decoder.mask_projection
        self.transformer = _with_fresh_positions(inner.transformer_module)
        self.classify: Any = network.class_predictor
        self.embed: Any = network.mask_embedder

    def forward(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Queries:
        """Return the segments that the queries find.

        Args:
            maps: The encoder's four maps, finest first, each half the size of the one before.
        """
        x, steps = self.top(maps[-1]), list[Step]()
        for (level, up), source in zip(self.upsamplers.items(), maps[2::-1], strict=True):
            guide = self.project[level](source)
            output = up(*self.spec.inputs(x, guide))
            steps.append(Step(name=level, input=x, guide=guide, output=output))
            x = self.smooth[level](guide + output)
        queries = self.transformer(maps[-1]).last_hidden_state
        masks = torch.einsum("bqc,bchw->bqhw", self.embed(queries), self.pixels(x))
        return Queries(self.classify(queries), masks, tuple(steps))

    def decode(
        self, maps: tuple[Float[Tensor, "b _c _h _w"], ...], height: int, width: int
    ) -> Prediction[Tensor]:
        """Score the classes of `height` x `width` pixels: the sum of the queries' votes."""
        queries = self(maps)
        large = F.interpolate(
            queries.masks, scale_factor=float(STRIDES[0]), mode="bilinear", align_corners=False
        )
        classes = queries.classes.softmax(2)[:, :, :-1]
        scores = torch.einsum("bqk,bqhw->bkhw", classes, large[:, :, :height, :width].sigmoid())
        return Prediction(scores, queries.steps)


class SinePositions(nn.Module):
    """Sines and cosines of every position's row and column (Carion et al. 2020), in ever longer waves.

    transformers keeps the last result between calls, even one that fake tensors or a trace have made.
    """

    def __init__(self, features: int) -> None:
        """Store the number of features for rows, and as many for columns."""
        super().__init__()
        self.features = features

    def forward(
        self, shape: torch.Size, device: torch.device, dtype: torch.dtype, mask: None = None
    ) -> Float[Tensor, "b k h w"]:
        """Return the features of all positions of a map of that shape, rows first."""
        rows, columns = (self._along(side, device, dtype) for side in shape[2:])
        height, width = shape[2:]
        both = [rows[:, :, None].expand(-1, -1, width), columns[:, None].expand(-1, height, -1)]
        return torch.cat(both).expand(shape[0], -1, -1, -1)

    def _along(self, side: int, device: torch.device, dtype: torch.dtype) -> Float[Tensor, "k n"]:
        place = torch.arange(1, side + 1, device=device, dtype=dtype)
        angle = place / (place[-1] + 1e-6) * (2 * math.pi)
        number = torch.arange(0, self.features, 2, device=device, dtype=torch.int64).to(dtype)
        waves = angle / (10_000 ** (number / self.features))[:, None]
        return torch.stack([waves.sin(), waves.cos()], dim=1).flatten(0, 1)


def _with_fresh_positions(transformer: Any) -> Any:
    """Return a transformer of the same parts, except that it computes its positions anew with every call."""
    fresh = SinePositions(transformer.position_embedder.num_position_features)
    copied = copy.copy(transformer)
    copied._modules = {**transformer._modules, "position_embedder": fresh}
    return copied


class MaskFormer(nn.Module):
    """Scores the classes of every pixel of RGB pictures of any size."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: MaskFormerForInstanceSegmentation, *, upsampler: str = "nearest") -> None:
        """Take the parts of a network of transformers.

        Args:
            network: The network, whose parts are not copied.
            upsampler: A name of `OPERATORS`.

        Raises:
            ValueError: There is no such upsampler, or it cannot have the pixel decoder's width.
        """
        super().__init__()
        inner: Any = network.model
        self.encoder = inner.pixel_level_module.encoder
        self.head = MaskFormerHead(network, upsampler=upsampler)
        for key, values in zip(("mean", "deviation"), IMAGENET, strict=True):
            self.register_buffer(key, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Pictures) -> Float[Tensor, "b k H W"]:
        """Score the classes of every pixel.

        Args:
            image: RGB in [0, 1], or of 8 bits.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
        """
        return self.intermediates(image).output

    def intermediates(self, image: Pictures) -> Prediction[Tensor]:
        """Return the scores with every upsampling step inside the head.

        The maps in the steps belong to the padded picture; see `encode`.
        """
        return self.head.decode(self.encode(image), *image.shape[2:])

    def encode(self, image: Pictures) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
        """Compute the encoder's maps.

        The picture is padded with the mean colour, at the right and at the bottom, to sides that are
        multiples of 32.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
        """
        normalised = (picture(image, self.mean) - self.mean) / self.deviation
        padding = (0, -image.shape[3] % STRIDES[-1], 0, -image.shape[2] % STRIDES[-1])
        return tuple(self.encoder(F.pad(normalised, padding)).feature_maps)

    @torch.no_grad()
    def labels(self, image: Pictures, *, size: tuple[int, int] | None = None) -> tuple[Labels, ...]:
        """Return the class of every pixel of every picture.

        Args:
            image: RGB in [0, 1], or of 8 bits.
            size: Height and width at which the network sees the pictures; None for their own.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
        """
        if size is None:
            scores = self(image)
        else:
            pixels = picture(image, self.mean)
            seen = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False)
            scores = F.interpolate(self(seen), size=image.shape[2:], mode="bilinear", align_corners=False)
        return tuple(Labels(row.argmax(0).to(torch.uint8).cpu().numpy()) for row in scores)

    def operator(self, step: str) -> nn.Module:
        """Return the upsampler of a step by the step's name.

        Raises:
            ValueError: The host has no step of that name.
        """
        if step not in self.head.upsamplers:
            raise ValueError(f"no step is called {step!r}; there are {', '.join(self.head.upsamplers)}")
        return self.head.upsamplers[step]
