"""Weights of detectors that were trained in mmdetection, such as those that the paper's authors published.

Supported are Faster R-CNN, Mask R-CNN and Panoptic FPN on ResNets of PyTorch's style: RGB pictures, and the
stride of a bottleneck in its 3x3 convolution. Weights of Caffe's style have the same names and shapes but
belong to another network; the two cannot be told apart.
"""

import pickle
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dysample.models.hub import WeightsError
from dysample.models.rcnn import RCNN, RCNNHead, resnet

# Beginnings of the names of an upsampler's weights: theirs, and ours.
_UPSAMPLER_NAMES = {
    "offset.": "offset.",
    "scope.": "scope.",
    "init_pos": "init_pos",  # DySample compares it with its grid, and drops it
    "weight": "conv.weight",
    "bias": "conv.bias",
    "0.": "conv.",
    "upsample_conv.": "conv.",
    "channel_compressor.": "compress.",
    "content_encoder.": "encode.",
    "ker_generator.compressor_en.": "compress_guide.",
    "ker_generator.compressor_de.": "compress.",
    "ker_generator.content_encoder.": "encode.",
    "norm_y.": "norm_guide.",
    "norm_x.": "norm.",
    "q.": "query.",
    "k.": "key.",
}
# Beginnings of the names of all weights. Their level k is our p{k + 2}.
_NAMES = {
    "backbone.": "encoder.backbone.",
    **{f"neck.lateral_convs.{k}.conv.": f"head.pyramid.project.p{k + 2}." for k in range(5)},
    **{f"neck.fpn_convs.{k}.conv.": f"head.pyramid.smooth.p{k + 2}." for k in range(5)},
    **{
        f"neck.upsample_modules.{k}.{theirs}": f"head.pyramid.upsamplers.p{k + 2}.{ours}"
        for k in range(4)
        for theirs, ours in _UPSAMPLER_NAMES.items()
    },
    "rpn_head.rpn_conv.": "head.rpn.head.conv.0.0.",
    "rpn_head.rpn_cls.": "head.rpn.head.cls_logits.",
    "rpn_head.rpn_reg.": "head.rpn.head.bbox_pred.",
    "roi_head.bbox_head.shared_fcs.0.": "head.regions.box_head.fc6.",
    "roi_head.bbox_head.shared_fcs.1.": "head.regions.box_head.fc7.",
    "roi_head.bbox_head.fc_cls.": "head.regions.box_predictor.classify.",
    "roi_head.bbox_head.fc_reg.": "head.regions.box_predictor.regress.",
    **{f"roi_head.mask_head.convs.{k}.conv.": f"head.regions.mask_head.{k}.0." for k in range(4)},
    "roi_head.mask_head.upsample.": "head.regions.mask_predictor.conv5_mask.",
    "roi_head.mask_head.conv_logits.": "head.regions.mask_predictor.mask_fcn_logits.",
    # Each step of our semantic branch has four layers: convolution, normalisation, ReLU, enlargement.
    **{
        f"semantic_head.conv_upsample_layers.{k}.conv.{step}.{part}.": (
            f"head.semantic.enlarge.p{k + 2}.{4 * step + layer}."
        )
        for k in range(4)
        for step in range(max(k, 1))
        for layer, part in enumerate(("conv", "gn"))
    },
    "semantic_head.conv_logits.": "head.semantic.predict.",
}
# ResNets by the number of blocks in their third stage, and by whether a block has three convolutions.
_RESNETS = {
    (2, False): "resnet18",
    (6, False): "resnet34",
    (6, True): "resnet50",
    (23, True): "resnet101",
    (36, True): "resnet152",
}
_SHOWN = 5  # names in a message


def load_mmdet(source: str | Path, *, upsampler: str = "nearest") -> RCNN:
    """Load a detector that mmdetection saved, in eval mode.

    Args:
        source: A checkpoint of Faster R-CNN, Mask R-CNN or Panoptic FPN with PyTorch-style ResNets.
        upsampler: The name in `OPERATORS` of the upsamplers that it was trained with; plain feature pyramids
            have "nearest".

    Raises:
        ValueError: The file is no checkpoint, or of another network or upsampler; the message names the
            weights that do not fit.
        WeightsError: There is no such file.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    path = Path(source)
    if not path.is_file():
        raise WeightsError(f"there is no file {path}: download the checkpoint first")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path} is no checkpoint, or holds more than tensors, which could run code: if you trust it, "
            "load it where mmdetection is installed, and save its 'state_dict' alone"
        ) from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"{path} is no checkpoint of mmdetection: it has no dictionary of weights")
    return from_mmdet(weights, upsampler=upsampler)


def from_mmdet(weights: Mapping[str, Tensor], *, upsampler: str = "nearest") -> RCNN:
    """Make the host of a detector's weights, in eval mode.

    Backbone, widths, stages, classes, masks and stuff are read from the names and shapes.

    Args:
        weights: Weights by mmdetection's names.
        upsampler: As for `load_mmdet`.

    Raises:
        ValueError: The weights are of another network or upsampler; the message names those that do not fit.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    host = _host(weights, upsampler)
    names = {_renamed(key): key for key in weights}
    try:
        result = host.load_state_dict({ours: weights[key] for ours, key in names.items()}, strict=False)
    except RuntimeError as error:
        raise ValueError(f"weights do not fit {upsampler}: {' '.join(str(error).split())[:300]}") from error
    # Two of theirs that have the same name of ours cannot both be right either.
    unknown = {names[ours] for ours in result.unexpected_keys} | {*weights} - {*names.values()}
    if unknown:
        raise ValueError(f"the host with {upsampler} has no weights {_listed(unknown)}")
    if result.missing_keys:
        raise ValueError(f"weights lack what the host with {upsampler} calls {_listed(result.missing_keys)}")
    return host.eval()


def _renamed(key: str) -> str:
    """Return the host's name of a weight; the same name if there is none."""
    theirs = next((prefix for prefix in _NAMES if key.startswith(prefix)), "")
    return _NAMES.get(theirs, "") + key.removeprefix(theirs)


def _host(weights: Mapping[str, Tensor], upsampler: str) -> RCNN:
    """Make the host that weights seem to be for, with random weights.

    Raises:
        ValueError: The weights are of another network, or the upsampler cannot have their width.
    """
    blocks = {key.split(".")[2] for key in weights if key.startswith("backbone.layer3.")}
    three = "backbone.layer3.0.conv3.weight" in weights
    if (len(blocks), three) not in _RESNETS:
        raise ValueError(
            f"the backbone must be a ResNet, got one with {len(blocks)} blocks in its third stage"
        )
    lateral, classes = "neck.lateral_convs.0.conv.weight", "roi_head.bbox_head.fc_cls.weight"
    for key in (lateral, classes):
        if key not in weights:
            raise ValueError(f"weights of an R-CNN with a feature pyramid must have {key}")
    stuff = weights.get("semantic_head.conv_logits.weight", weights[classes][:1])
    encoder = resnet(_RESNETS[len(blocks), three])
    head = RCNNHead(
        encoder.channels,
        things=len(weights[classes]) - 1,
        stuff=len(stuff) - 1,
        masks=any(key.startswith("roi_head.mask_head.") for key in weights),
        upsampler=upsampler,
        stages=4 if "neck.lateral_convs.4.conv.weight" in weights else 3,
        width=len(weights[lateral]),
    )
    return RCNN(encoder, head)


def _listed(keys: Collection[str]) -> str:
    rest = len(keys) - _SHOWN
    return ", ".join(sorted(keys)[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
