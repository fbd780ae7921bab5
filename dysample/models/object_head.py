"""Panoptic FPN with a mask branch: boxes, instance masks and a map of stuff from one feature pyramid."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn

from dysample.extras import needed_for
from dysample.models.annotations import Labels, Objects
from dysample.models.feature_pyramid import FeaturePyramid
from dysample.models.heads import Head
from dysample.models.host import Host
from dysample.models.panoptic_fpn import SemanticBranch
from dysample.types import Prediction, Step

with needed_for("dysample.models.object_head"):
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
    from torchvision.models.detection.image_list import ImageList
    from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
    from torchvision.models.detection.roi_heads import RoIHeads
    from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
    from torchvision.ops import MultiScaleRoIAlign
    from torchvision.ops.poolers import initLevelMapper

REGION_LEVELS = ("p2", "p3", "p4", "p5")
_STRIDE = 4  # of the finest map
# Half of the usual sides, which are for pictures of 800 rows: ours have about 400.
_ANCHOR_SIDES = ((16,), (32,), (64,), (128,), (256,))
_ANCHOR_RATIOS = (0.5, 1.0, 2.0)
_SQUEEZED = 32  # channels of a region before the fully connected layers, which would be most of the weights
_Found = TypeVar("_Found", bound="Detections")


class Widths(NamedTuple):
    """Channels inside an `ObjectHead`."""

    pyramid: int
    semantic: int
    box: int
    mask: int


@dataclass(frozen=True, slots=True)
class Detections:
    """What a `RegionHead` finds in the pictures of a batch; coordinates are pixels, edges at integers.

    Attributes:
        height: Rows of the pictures.
        width: Columns of the pictures.
        boxes: Left, top, right and bottom edge of the objects of each picture, by falling score.
        labels: Classes of the objects, counted from 1: 0 is the background.
        scores: Confidences, 0 to 1.
        masks: Probability that a cell of a box's 28x28 grid belongs to the object; None from a head without
            masks.
        semantic: Logits of the classes of stuff, then of all things together, at the pictures' size; None
            from a head without stuff.
    """

    height: int
    width: int
    boxes: tuple[Float32[Tensor, "_n 4"], ...]
    labels: tuple[Int64[Tensor, " _n"], ...]
    scores: tuple[Float32[Tensor, " _n"], ...]
    masks: tuple[Float32[Tensor, "_n 1 28 28"], ...] | None
    semantic: Float[Tensor, "b k h w"] | None

    def resized(self: _Found, height: int, width: int) -> _Found:
        """Return what was found, in pictures of another size."""
        factors = [width / self.width, height / self.height] * 2
        semantic = self.semantic
        if semantic is not None:
            semantic = F.interpolate(semantic, size=(height, width), mode="bilinear", align_corners=False)
        boxes = tuple(rows * rows.new_tensor(factors) for rows in self.boxes)
        return replace(self, height=height, width=width, boxes=boxes, semantic=semantic)

    def above(self: _Found, score: float) -> _Found:
        """Return the objects with at least this score, and all stuff."""
        sure = [scores >= score for scores in self.scores]
        boxes, labels, scores = (
            tuple(rows[kept] for rows, kept in zip(field, sure, strict=True))
            for field in (self.boxes, self.labels, self.scores)
        )
        masks = (
            None if self.masks is None else tuple(m[kept] for m, kept in zip(self.masks, sure, strict=True))
        )
        return replace(self, boxes=boxes, labels=labels, scores=scores, masks=masks)

    def objects(self, picture: int, things: Sequence[int]) -> Objects:
        """Return the objects of a picture, with masks if the head has them.

        Args:
            picture: Number of the picture in the batch.
            things: Indices of the classes of objects into the task's classes, in the order of the labels.
        """
        boxes, labels = self.boxes[picture].detach().cpu(), self.labels[picture].cpu().numpy()
        masks = None
        if self.masks is not None:
            masks = paste(self.masks[picture].detach().cpu(), boxes, self.height, self.width).numpy()
        return Objects(
            self.height,
            self.width,
            boxes=boxes.numpy(),
            classes=np.array(things, np.uint8)[labels - 1],
            scores=self.scores[picture].detach().cpu().numpy(),
            masks=masks,
            crowd=np.zeros(len(boxes), bool),
        )

    def stuff(self, picture: int, stuff: Sequence[int]) -> Labels:
        """Return the class of stuff of every pixel of a picture, 255 where there is an object.

        Args:
            picture: Number of the picture in the batch.
            stuff: Indices of the classes of stuff into the task's classes, in the order of the logits.

        Raises:
            ValueError: The head has no stuff.
        """
        if self.semantic is None:
            raise ValueError("a head without a semantic branch finds no stuff")
        # The indices of a maximum are found eight times as fast as an argmax across rows far apart.
        labels = self.semantic[picture].max(0).indices.cpu().numpy()
        return Labels(np.array([*stuff, 255], np.uint8)[labels])


class RegionHead(Head):
    """Base of heads with a feature pyramid, region proposals, RoI heads and a semantic branch.

    Attributes:
        pyramid: Levels that all parts read.
        rpn: Proposes regions that may show an object.
        regions: Classifies the regions, corrects their boxes, and predicts masks.
        semantic: Predicts stuff; None for none.
    """

    pyramid: FeaturePyramid
    rpn: RegionProposalNetwork
    regions: RoIHeads
    semantic: SemanticBranch | None

    @property
    def upsamplers(self) -> nn.ModuleDict:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The operators by the name of their step."""
        return self.pyramid.upsamplers

    def forward(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> Detections:
        """Find the objects of the picture that the maps belong to.

        Args:
            maps: The encoder's four maps, finest first, each half the size of the one before.
        """
        height, width = _picture_size(maps)
        return self.decode(maps, height, width).output

    def decode(
        self, maps: tuple[Float[Tensor, "b _c _h _w"], ...], height: int, width: int
    ) -> Prediction[Detections]:
        """Find the objects within the first `height` rows and `width` columns; also return the steps.

        The rest of the maps belongs to the padding.
        """
        pyramid = self.pyramid(maps)
        levels, (images, shapes) = dict(pyramid.levels), _images(maps, height, width)
        proposals, _ = self.rpn(images, levels)
        rows, _ = self.regions(levels, proposals, shapes)
        semantic = None
        if self.semantic is not None:
            coarse = self.semantic(levels)
            # As in other heads, logits are compared in the dtype of the weights, also under autocast.
            coarse = coarse.to(torch.promote_types(coarse.dtype, next(self.parameters()).dtype))
            large = F.interpolate(coarse, scale_factor=float(_STRIDE), mode="bilinear", align_corners=False)
            semantic = large[:, :, :height, :width]
        output = Detections(
            height,
            width,
            boxes=tuple(row["boxes"] for row in rows),
            labels=tuple(row["labels"] for row in rows),
            scores=tuple(row["scores"] for row in rows),
            masks=tuple(row["masks"] for row in rows) if self.regions.has_mask() else None,
            semantic=semantic,
        )
        return Prediction(output, pyramid.steps)

    def steps(self, maps: tuple[Float[Tensor, "b _c _h _w"], ...]) -> tuple[Step, ...]:
        """Return the upsampling steps alone, without regions."""
        return self.pyramid(maps).steps

    def losses(
        self, maps: tuple[Float[Tensor, "b _c _h _w"], ...], targets: Sequence[Mapping[str, Tensor]]
    ) -> tuple[dict[str, Float[Tensor, ""]], Float[Tensor, "b k h w"] | None]:
        """Return the losses of boxes and masks by name, and the logits of the semantic branch at stride 4.

        Args:
            maps: The encoder's maps.
            targets: For every picture its "boxes", their "labels" counted from 1, and the "masks" if the head
                has them, as torchvision's detectors take them.
        """
        height, width = _picture_size(maps)
        levels = dict(self.pyramid(maps).levels)
        images, shapes = _images(maps, height, width)
        rows = [dict(target) for target in targets]
        proposals, proposal_losses = self.rpn(images, levels, rows)
        _, region_losses = self.regions(levels, proposals, shapes, rows)
        semantic = None if self.semantic is None else self.semantic(levels)
        return proposal_losses | region_losses, semantic


class ObjectHead(RegionHead):
    """Feature pyramid with torchvision's region proposals and RoI heads, and a semantic branch.

    This is Panoptic FPN (Kirillov et al. 2019) with the masks of Mask R-CNN (He et al. 2017), small enough
    for a CPU: without a semantic width it is a Mask R-CNN, without a mask width a Faster R-CNN.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        widths: Widths,
        things: int,
        stuff: int,
        upsampler: str = "nearest",
    ) -> None:
        """Make a head with random weights.

        Args:
            channels: Channels of the four maps, finest first.
            widths: Channels of the pyramid, of the semantic branch, of the box head and of the mask head; 0
                leaves out the semantic branch or the masks.
            things: Number of classes of objects.
            stuff: Number of classes of stuff.
            upsampler: A name of `OPERATORS`.

        Raises:
            ValueError: There are not four maps, or a width is impossible.
        """
        super().__init__()
        self.pyramid = FeaturePyramid(channels, width=widths.pyramid, upsampler=upsampler)
        self.rpn = RegionProposalNetwork(
            _Anchors(_ANCHOR_SIDES, (_ANCHOR_RATIOS,) * len(_ANCHOR_SIDES)),
            ProposalHead(widths.pyramid, len(_ANCHOR_RATIOS)),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=128,
            positive_fraction=0.5,
            pre_nms_top_n={"training": 600, "testing": 300},
            post_nms_top_n={"training": 300, "testing": 150},
            nms_thresh=0.7,
        )
        self.regions = RoIHeads(
            _pool(7),
            _box_head(widths.pyramid, widths.box),
            _BoxPredictor(widths.box, things + 1),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=64,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=0.05,
            nms_thresh=0.5,
            detections_per_img=50,
        )
        if widths.mask:
            self.regions.mask_roi_pool = _pool(14)
            self.regions.mask_head = MaskRCNNHeads(widths.pyramid, (widths.mask,) * 3, 1)
            self.regions.mask_predictor = _MaskPredictor(widths.mask, widths.mask, things + 1)
        self.semantic = (
            SemanticBranch(widths.pyramid, widths.semantic, stuff + 1, groups=widths.semantic // 4)
            if widths.semantic
            else None
        )


class ObjectDetector(Host[ObjectHead]):
    """Finds the objects in RGB pictures of any size, and the stuff around them, as `Detections`."""


# --- Masks ---


def paste(
    masks: Float[Tensor, "n 1 _side _side"], boxes: Float[Tensor, "n 4"], height: int, width: int
) -> Bool[Tensor, "n {height} {width}"]:
    """Return the pixels of objects whose masks cover their boxes.

    A pixel belongs to the object if the mask reaches one half at the pixel's centre: interpolated bilinearly,
    and zero outside the box.

    Args:
        masks: Probabilities on a grid over each box.
        boxes: Left, top, right and bottom edges in pixels.
        height: Rows of the picture.
        width: Columns of the picture.
    """
    pixels = torch.zeros(len(masks), height, width, dtype=torch.bool)
    for mask, (left, top, right, bottom), output in zip(masks, boxes.tolist(), pixels, strict=True):
        first, last = max(0, math.floor(top)), min(height, math.ceil(bottom))
        leftmost, rightmost = max(0, math.floor(left)), min(width, math.ceil(right))
        if right <= left or bottom <= top or first >= last or leftmost >= rightmost:
            continue
        rows, columns = torch.arange(first, last), torch.arange(leftmost, rightmost)
        y = (rows + 0.5 - top) / (bottom - top) * 2 - 1
        x = (columns + 0.5 - left) / (right - left) * 2 - 1
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        values = F.grid_sample(mask[None].float(), grid[None], align_corners=False)[0, 0]
        torch.ge(values, 0.5, out=output[first:last, leftmost:rightmost])
    return pixels


# --- Parts ---


class ProposalHead(RPNHead):
    """torchvision's head with outputs in float32: boxes in bfloat16 would be off by pixels."""

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return how likely each anchor shows an object, and the correction of its box, level by level."""
        scores, deltas = super().forward(x)
        return [row.float() for row in scores], [row.float() for row in deltas]


class _Anchors(AnchorGenerator):
    """torchvision's anchors at the strides of the pyramid.

    torchvision divides the side of the picture by that of the level, which is wrong where p5 has an odd side,
    for p6 is rounded up.
    """

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        """Return the anchors of all levels, the same for every picture."""
        options = zip(feature_maps, self.sizes, self.aspect_ratios, strict=True)
        levels = [
            self._level(x, _STRIDE * 2**k, list(sizes), list(ratios))
            for k, (x, sizes, ratios) in enumerate(options)
        ]
        return [torch.cat(levels)] * len(image_list.image_sizes)

    def _level(self, x: Tensor, stride: int, sizes: list[int], ratios: list[float]) -> Tensor:
        """Return the anchors of a level. torchvision keeps some between calls, of whatever kind they were."""
        anchors = self.generate_anchors(sizes, ratios, torch.float32, torch.device("cpu")).to(x.device)
        rows, columns = (torch.arange(side, device=x.device) * stride for side in x.shape[2:])
        top, left = torch.meshgrid(rows, columns, indexing="ij")
        shifts = torch.stack([left, top, left, top], dim=-1).view(-1, 1, 4)
        return (shifts + anchors).flatten(0, 1)


class _BoxPredictor(FastRCNNPredictor):
    """torchvision's predictor with outputs in float32."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores, deltas = super().forward(x)
        return scores.float(), deltas.float()


class _MaskPredictor(MaskRCNNPredictor):
    """torchvision's predictor with outputs in float32."""

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float32[Tensor, "n k H W"]:
        return super().forward(input).float()


def _box_head(width: int, inner: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, _SQUEEZED, kernel_size=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(_SQUEEZED * 7 * 7, inner),
        nn.ReLU(),
        nn.Linear(inner, inner),
        nn.ReLU(),
    )


def _pool(side: int) -> MultiScaleRoIAlign:
    """Return a pooling with fixed scales: torchvision guesses them, wrongly for small padded pictures."""
    pool = MultiScaleRoIAlign(list(REGION_LEVELS), side, sampling_ratio=2)
    pool.scales = [1 / (_STRIDE * 2**k) for k in range(len(REGION_LEVELS))]
    pool.map_levels = initLevelMapper(
        2, 5, canonical_scale=pool.canonical_scale, canonical_level=pool.canonical_level
    )
    return pool


def _picture_size(maps: tuple[Tensor, ...]) -> tuple[int, int]:
    return _STRIDE * maps[0].shape[2], _STRIDE * maps[0].shape[3]


def _images(maps: tuple[Tensor, ...], height: int, width: int) -> tuple[ImageList, list[tuple[int, int]]]:
    """Return what torchvision asks of the pictures: their sizes, and a tensor of their padded shape."""
    shapes = [(height, width)] * len(maps[0])
    padded = maps[0].new_empty(()).float().expand(len(maps[0]), 3, *_picture_size(maps))
    return ImageList(padded, shapes), shapes
