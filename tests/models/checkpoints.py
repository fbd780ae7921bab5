"""Checkpoints of mmdetection with random weights: its names and shapes, written down from its sources."""

from collections.abc import Sequence

import torch
import torchvision
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

# Parts of an upsampler for maps of `width` channels.
UPSAMPLERS = {
    "nearest": lambda width: {},
    "deconv": lambda width: {"weight": (width, width, 3, 3), "bias": (width,)},
    "pixelshuffle": lambda width: {"0.weight": (4 * width, width, 3, 3), "0.bias": (4 * width,)},
    "carafe": lambda width: {
        "channel_compressor.weight": (64, width, 1, 1),
        "channel_compressor.bias": (64,),
        "content_encoder.weight": (100, 64, 3, 3),
        "content_encoder.bias": (100,),
    },
    "fade": lambda width: {
        "ker_generator.compressor_en.weight": (64, width, 1, 1),
        "ker_generator.compressor_en.bias": (64,),
        "ker_generator.compressor_de.weight": (64, width, 1, 1),
        "ker_generator.content_encoder.weight": (25, 64, 3, 3),
        "ker_generator.content_encoder.bias": (25,),
    },
    "sapa": lambda width: {
        **{f"norm_{side}.{part}": (width,) for side in "xy" for part in ("weight", "bias")},
        **{f"{name}.weight": (32, width, 1, 1) for name in "qk"},
        **{f"{name}.bias": (32,) for name in "qk"},
    },
    "dysample": lambda width: {
        "offset.weight": (32, width, 1, 1),
        "offset.bias": (32,),
        "init_pos": (1, 32, 1, 1),
    },
    "dysample+": lambda width: {
        **UPSAMPLERS["dysample"](width),
        "scope.weight": (32, width, 1, 1),
        "scope.bias": (32,),
    },
    "dysample-s": lambda width: {
        "offset.weight": (16, width // 4, 1, 1),
        "offset.bias": (16,),
        "init_pos": (1, 64, 1, 1),
    },
    "dysample-s+": lambda width: {
        **UPSAMPLERS["dysample-s"](width),
        "scope.weight": (16, width // 4, 1, 1),
        "scope.bias": (16,),
    },
}


def shapes(
    backbone: str = "resnet50",
    *,
    width: int = 256,
    things: int = 80,
    stuff: int = 0,
    masks: bool = False,
    upsampler: str = "nearest",
    stages: int = 3,
) -> Shapes:
    """Names and shapes of all weights of a detector."""
    with torch.device("meta"):
        network = getattr(torchvision.models, backbone)()
    found: Shapes = {
        f"backbone.{key}": tuple(value.shape)
        for key, value in network.state_dict().items()
        if not key.startswith("fc.")
    }
    channels = [found[f"backbone.layer{k}.0.downsample.0.weight"][0] for k in (2, 3, 4)]
    channels = [channels[0] // 2, *channels]

    def layer(name: str, *shape: int) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = shape, (shape[0],)

    for k in range(stages + 1):
        lateral = (width, channels[k], 1, 1) if k < 4 else (width, channels[3], 3, 3)
        layer(f"neck.lateral_convs.{k}.conv", *lateral)
        layer(f"neck.fpn_convs.{k}.conv", width, width, 3, 3)
    for k in range(stages):
        for part, shape in UPSAMPLERS[upsampler](width).items():
            found[f"neck.upsample_modules.{k}.{part}"] = shape
    layer("rpn_head.rpn_conv", width, width, 3, 3)
    layer("rpn_head.rpn_cls", 3, width, 1, 1)
    layer("rpn_head.rpn_reg", 12, width, 1, 1)
    layer("roi_head.bbox_head.fc_cls", things + 1, 4 * width)
    layer("roi_head.bbox_head.fc_reg", 4 * things, 4 * width)
    layer("roi_head.bbox_head.shared_fcs.0", 4 * width, width * 7 * 7)
    layer("roi_head.bbox_head.shared_fcs.1", 4 * width, 4 * width)
    if masks:
        for k in range(4):
            layer(f"roi_head.mask_head.convs.{k}.conv", width, width, 3, 3)
        layer("roi_head.mask_head.upsample", width, width, 2, 2)
        layer("roi_head.mask_head.conv_logits", things, width, 1, 1)
    if stuff:
        for k in range(4):
            for step in range(max(k, 1)):
                key = f"semantic_head.conv_upsample_layers.{k}.conv.{step}"
                found[f"{key}.conv.weight"] = (width // 2, width if step == 0 else width // 2, 3, 3)
                layer(f"{key}.gn", width // 2)
        layer("semantic_head.conv_logits", stuff + 1, width // 2, 1, 1)
    return found


def weights(names: Shapes, *, seed: int = 0) -> dict[str, Tensor]:
    """Random weights that keep maps of about the same size from layer to layer."""
    random = torch.Generator().manual_seed(seed)
    found = dict[str, Tensor]()
    for key, shape in names.items():
        fan = max(1, torch.Size(shape[1:]).numel())
        if key.endswith("num_batches_tracked"):
            found[key] = torch.tensor(0)
        elif key.endswith("running_var") or (len(shape) == 1 and key.endswith("weight")):
            found[key] = torch.rand(shape, generator=random) + 0.5
        elif key.endswith("init_pos"):
            found[key] = published_grid(shape[1] // 8)
        else:
            found[key] = torch.randn(shape, generator=random) / fan**0.5
    return found


def published_grid(groups: int) -> Tensor:
    """The buffer of a DySample of scale 2: x, then y, of its four points for every group."""
    points: Sequence[tuple[float, float]] = [(-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)]
    return torch.tensor([point[axis] for axis in (0, 1) for _ in range(groups) for point in points])[
        None, :, None, None
    ]
