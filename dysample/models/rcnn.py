"""The paper's hosts for objects (Sec. 4.3): Faster R-CNN, Mask R-CNN and Panoptic FPN with any upsampler.

The parts are torchvision's. Where mmdetection, in which the paper's networks were trained, does otherwise, so
do these: there is no box for the background, whose class is the last; anchors are not rounded; regions are
pooled with aligned pixels; corrections of boxes are limited in both directions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from dysample.extras import needed_for
from dysample.models.annotations import Objects, Panoptic
from dysample.models.encoder import Encoder
from dysample.models.feature_pyramid import FeaturePyramid, Stages
from dysample.models.host import Host, Pictures, picture
from dysample.models.merging import merge
from dysample.models.object_head import REGION_LEVELS, Detections, ProposalHead, RegionHead
from dysample.models.panoptic_fpn import SemanticBranch
from dysample.ops.upsampler import check_channels

with needed_for("dysample.models.rcnn"):
    from torchvision.models.detection._utils import BoxCoder
    from torchvision.models.detection.faster_rcnn import TwoMLPHead
    from torchvision.models.detection.image_list import ImageList
    from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
    from torchvision.models.detection.roi_heads import RoIHeads
    from torchvision.models.detection.rpn import RegionProposalNetwork
    from torchvision.ops import batched_nms, clip_boxes_to_image, roi_align

_STRIDES = (4, 8, 16, 32, 64)
_RATIOS = (0.5, 1.0, 2.0)  # of height to width
_ANCHOR = 8  # side of an anchor in strides
_FINEST = 56  # side in pixels from which on regions are read from coarser levels than p2, octave by octave
_GROUPS = 32  # of the semantic branch's normalisations
_LONGER, _SHORTER = 1333, 800  # sides of the pictures that the paper's networks were trained on
_FROZEN = ("conv1.", "bn1.", "layer1.")  # what is not trained, as usual when a ResNet is fine-tuned
_THINGS, _STUFF = 80, 53  # of COCO


def faster_rcnn(
    backbone: str = "resnet50", *, upsampler: str = "nearest", classes: int = _THINGS, stages: Stages = 4
) -> "RCNN":
    """Make a Faster R-CNN (Ren et al. 2015) with random weights, as in the paper's Table 6.

    Args:
        backbone: A ResNet by its name in segmentation_models_pytorch; the paper has "resnet50" and
            "resnet101".
        upsampler: A name of `OPERATORS`.
        classes: Number of classes of objects.
        stages: Number of upsamplers. The paper's parameters are those of four; the detectors that its authors
            published have three.

    Raises:
        ValueError: The backbone is no ResNet, or the upsampler or a number is impossible.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    encoder = resnet(backbone)
    return RCNN(encoder, RCNNHead(encoder.channels, things=classes, upsampler=upsampler, stages=stages))


def mask_rcnn(
    backbone: str = "resnet50", *, upsampler: str = "nearest", classes: int = _THINGS, stages: Stages = 4
) -> "RCNN":
    """Make a Mask R-CNN (He et al. 2017) with random weights, as in the paper's Table 7.

    The paper's text names three stages, the caption of its table the parameters of four.

    Args:
        backbone: As for `faster_rcnn`.
        upsampler: A name of `OPERATORS`.
        classes: Number of classes of objects.
        stages: Number of upsamplers.

    Raises:
        ValueError: The backbone is no ResNet, or the upsampler or a number is impossible.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    encoder = resnet(backbone)
    head = RCNNHead(encoder.channels, things=classes, masks=True, upsampler=upsampler, stages=stages)
    return RCNN(encoder, head)


def panoptic_rcnn(
    backbone: str = "resnet50", *, upsampler: str = "nearest", things: int = _THINGS, stuff: int = _STUFF
) -> "RCNN":
    """Make a Panoptic FPN (Kirillov et al. 2019) with random weights, as in the paper's Table 8.

    Args:
        backbone: As for `faster_rcnn`.
        upsampler: A name of `OPERATORS`.
        things: Number of classes of objects.
        stuff: Number of classes of stuff.

    Raises:
        ValueError: The backbone is no ResNet, or the upsampler or a number is impossible.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    encoder = resnet(backbone)
    return RCNN(
        encoder, RCNNHead(encoder.channels, things=things, stuff=stuff, masks=True, upsampler=upsampler)
    )


class RCNNHead(RegionHead):
    """Feature pyramid, region proposals, boxes, and on request masks and stuff, in the paper's sizes."""

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        things: int,
        stuff: int = 0,
        masks: bool = False,
        upsampler: str = "nearest",
        stages: Stages = 3,
        width: int = 256,
    ) -> None:
        """Make a head with random weights.

        Args:
            channels: Channels of the four maps, finest first.
            things: Number of classes of objects.
            stuff: Number of classes of stuff; 0 for a head without a semantic branch.
            masks: Whether to predict masks.
            upsampler: A name of `OPERATORS`.
            stages: Number of upsamplers.
            width: Channels of the pyramid, a multiple of 128 in a head with stuff.

        Raises:
            ValueError: There are not four maps, or a number is impossible.
        """
        super().__init__()
        if things < 1 or stuff < 0 or things + stuff > 255:
            raise ValueError(
                f"things and stuff must be 1 to 255 classes, some of them things, got {things}, {stuff}"
            )
        if stuff:
            # As in `PanopticFPNHead`: a group of one channel has zero deviation on maps of a single position.
            check_channels("width", width, 4 * _GROUPS, f"{_GROUPS} groups of two in half as many channels")
        self.things, self.stuff = things, stuff
        self.pyramid = FeaturePyramid(channels, width=width, upsampler=upsampler, stages=stages)
        self.rpn = RegionProposalNetwork(
            _Anchors(),  # pyright: ignore[reportArgumentType]
            ProposalHead(width, len(_RATIOS)),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n={"training": 2000, "testing": 1000},
            post_nms_top_n={"training": 1000, "testing": 1000},
            nms_thresh=0.7,
        )
        self.rpn.box_coder = _BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.rpn.min_size = torch.finfo(torch.float32).tiny  # all but empty boxes
        self.regions = _Regions(_RegionPool(7), width, things, across_classes=bool(stuff))
        if masks:
            self.regions.mask_roi_pool = _RegionPool(14)
            self.regions.mask_head = MaskRCNNHeads(width, (width,) * 4, 1)
            self.regions.mask_predictor = _MaskPredictor(width, width, things)
        self.semantic = SemanticBranch(width, width // 2, stuff + 1, groups=_GROUPS) if stuff else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise all but the upsamplers, which have their own initial values, and torchvision's parts.

        DySample is trained from offsets near zero; the weights that suit other convolutions would move its
        points by a third of a pixel at once.
        """
        boxes: Any = self.regions.box_head
        predictor: Any = self.regions.box_predictor
        spread: list[Any] = [
            *self.pyramid.project.values(),
            *self.pyramid.smooth.values(),
            boxes.fc6,
            boxes.fc7,
        ]
        small: dict[Any, float] = {predictor.classify: 0.01, predictor.regress: 0.001}
        if self.semantic is not None:
            small[self.semantic.predict] = 0.01
        for layer in spread:
            nn.init.xavier_uniform_(layer.weight)
        for layer, deviation in small.items():
            nn.init.normal_(layer.weight, std=deviation)
        for layer in (*spread, *small):
            nn.init.zeros_(layer.bias)


class RCNN(Host[RCNNHead]):
    """Finds the objects in RGB pictures of any size, and with a semantic branch also the stuff around them.

    Called on pictures it returns their `Detections`.

    Normalisations of the encoder keep their running statistics in training, and the first layers of the
    encoder of `faster_rcnn` and its like are frozen.
    """

    def encode(self, image: Pictures) -> tuple[Float[Tensor, "b _c _h _w"], ...]:
        """Compute the encoder's maps.

        The picture is padded with the mean colour, at the right and at the bottom, to sides that are
        multiples of the stride of the coarsest level that is enlarged: 32, or 64 with four stages.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
        """
        pixels = picture(image, self.encoder.mean)
        batch, _, height, width = image.shape
        stride = _STRIDES[len(self.head.upsamplers)]
        rows, columns = height + -height % stride, width + -width % stride
        padded = self.encoder.mean.expand(batch, 3, rows, columns).clone()
        padded[:, :, :height, :width] = pixels
        return self.encoder(padded)

    @torch.no_grad()
    def objects(self, image: Pictures, *, size: tuple[int, int] | None = None) -> tuple[Objects, ...]:
        """Return the objects of every picture, with masks if the head has them.

        Classes are numbered from 0.

        Args:
            image: RGB in [0, 1], or of 8 bits.
            size: Height and width at which the network sees the pictures, such as `usual_size`; None for
                their own.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1].
        """
        found = self._detections(image, size)
        return tuple(found.objects(k, range(self.head.things)) for k in range(len(image)))

    @torch.no_grad()
    def panoptic(
        self,
        image: Pictures,
        *,
        size: tuple[int, int] | None = None,
        threshold: float = 0.6,
        overlap: float = 0.5,
        stuff_area: int = 4096,
    ) -> tuple[Panoptic, ...]:
        """Return the segments of every picture: classes of objects are numbered from 0, then those of stuff.

        Args:
            image: RGB in [0, 1], or of 8 bits.
            size: As for `objects`.
            threshold: As for `merge`; mmdetection's is 0.6.
            overlap: As for `merge`.
            stuff_area: As for `merge`.

        Raises:
            ValueError: The picture is not (batch, 3, height, width), or not RGB in [0, 1], or the head has no
                masks or no stuff.
        """
        found = self._detections(image, size)
        things, stuff = self.head.things, self.head.stuff
        return tuple(
            merge(
                found.objects(k, range(things)),
                found.stuff(k, range(things, things + stuff)),
                threshold=threshold,
                overlap=overlap,
                stuff_area=stuff_area,
            )
            for k in range(len(image))
        )

    def train(self, mode: bool = True) -> "RCNN":
        """Set training or evaluation, but for the encoder's normalisations: batches are too small."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def _detections(self, image: Pictures, size: tuple[int, int] | None) -> Detections:
        if size is None:
            return self(image)
        pixels = picture(image, self.encoder.mean)
        seen = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False)
        return self(seen).resized(*image.shape[2:])


def usual_size(height: int, width: int) -> tuple[int, int]:
    """Return the size at which networks for COCO see a picture: sides of 800 or 1333, neither exceeded."""
    factor = min(_SHORTER / min(height, width), _LONGER / max(height, width))
    return int(height * factor + 0.5), int(width * factor + 0.5)


# --- Parts ---


def level_anchors(height: int, width: int, stride: int) -> Float[Tensor, "{height}*{width}*3 4"]:
    """Return the anchors of a level: three at each position, wide, square and tall, of equal area.

    They are centred at the multiples of the stride, unlike the level's positions, whose centres are half a
    stride further.
    """
    ratios = torch.tensor(_RATIOS, dtype=torch.float32, device="cpu")
    sides = torch.stack([1 / ratios.sqrt(), ratios.sqrt()], dim=1) * (_ANCHOR * stride)
    rows, columns = (torch.arange(side, device="cpu") * stride for side in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    centres = torch.stack([x, y], dim=-1).reshape(-1, 1, 2)
    return torch.cat([centres - sides / 2, centres + sides / 2], dim=-1).flatten(0, 1)


def region_levels(boxes: Float[Tensor, "n 4"]) -> Int64[Tensor, " n"]:
    """Return the number of the level that a region is read from: the larger, the coarser."""
    sides = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    octaves = torch.log2(sides / _FINEST + 1e-6).floor()
    return octaves.clamp(0, len(REGION_LEVELS) - 1).long()


class _Anchors(nn.Module):
    def num_anchors_per_location(self) -> list[int]:
        return [len(_RATIOS)] * len(_STRIDES)

    def forward(self, images: ImageList, maps: list[Tensor]) -> list[Tensor]:
        pairs = zip(maps, _STRIDES, strict=True)
        levels = [level_anchors(x.shape[2], x.shape[3], stride).to(x.device) for x, stride in pairs]
        return [torch.cat(levels)] * len(images.image_sizes)


class _BoxCoder(BoxCoder):
    """torchvision's coder, which only limits by how much a box may grow, with the same limit on shrinking."""

    def decode_single(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        rows = rel_codes.unflatten(1, (-1, 4))
        least = rows.new_tensor([-torch.inf, -torch.inf, -self.bbox_xform_clip, -self.bbox_xform_clip])
        rows = rows.maximum(least * rows.new_tensor(self.weights))
        return super().decode_single(rows.flatten(1), boxes)


class _RegionPool(nn.Module):
    """RoIAlign (He et al. 2017) with the half-pixel shift that torchvision's pooling of levels leaves out."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(
        self, levels: Mapping[str, Tensor], boxes: Sequence[Tensor], shapes: Sequence[tuple[int, int]]
    ) -> Float[Tensor, "n c {self.side} {self.side}"]:
        rows = [torch.cat([torch.full_like(part[:, :1], k), part], 1) for k, part in enumerate(boxes)]
        regions = torch.cat(rows)
        numbers = region_levels(regions[:, 1:])
        finest = levels[REGION_LEVELS[0]]
        output = finest.new_zeros(len(regions), finest.shape[1], self.side, self.side)
        for k, name in enumerate(REGION_LEVELS):
            # In float32: boxes in bfloat16 would be off by pixels.
            pooled = roi_align(
                levels[name].float(),
                regions[numbers == k],
                self.side,
                spatial_scale=1 / _STRIDES[k],
                sampling_ratio=-1,
                aligned=True,
            )
            output[numbers == k] = pooled.to(output.dtype)
        return output


class _BoxPredictor(nn.Module):
    """Classes with the background last, and boxes of all others; returned as torchvision has them."""

    def __init__(self, channels: int, things: int) -> None:
        super().__init__()
        self.classify = nn.Linear(channels, things + 1)
        self.regress = nn.Linear(channels, 4 * things)

    def forward(self, x: Float[Tensor, "n c"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n 4*k"]]:
        return self.classify(x).float().roll(1, dims=1), F.pad(self.regress(x).float(), (4, 0))


class _MaskPredictor(MaskRCNNPredictor):
    """Masks of the classes without the background, in float32, returned as torchvision has them."""

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k H W"]:
        return F.pad(super().forward(input).float(), (0, 0, 0, 0, 1, 0))


class _Regions(RoIHeads):
    """torchvision's boxes and masks, with mmdetection's choice of boxes."""

    def __init__(self, pool: _RegionPool, width: int, things: int, *, across_classes: bool) -> None:
        super().__init__(
            pool,
            TwoMLPHead(width * pool.side**2, 4 * width),
            _BoxPredictor(4 * width, things),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=512,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=0.05,
            nms_thresh=0.5,
            detections_per_img=100,
        )
        self.box_coder = _BoxCoder((10.0, 10.0, 5.0, 5.0))
        # Whether a box also drives out worse ones of other classes: pixels of a panoptic map have one class.
        self.across_classes = across_classes

    def postprocess_detections(
        self,
        class_logits: Float[Tensor, "n k"],
        box_regression: Float[Tensor, "n 4*k"],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        counts = [len(part) for part in proposals]
        boxes = self.box_coder.decode(box_regression, proposals).view(len(class_logits), -1, 4).split(counts)
        scores = class_logits.softmax(1).split(counts)
        pictures = zip(boxes, scores, image_shapes, strict=True)
        chosen = [self._choose(clip_boxes_to_image(part, shape), score) for part, score, shape in pictures]
        return [row[0] for row in chosen], [row[1] for row in chosen], [row[2] for row in chosen]

    def _choose(
        self, boxes: Float[Tensor, "n k 4"], scores: Float[Tensor, "n k"]
    ) -> tuple[Float[Tensor, "m 4"], Float[Tensor, " m"], Int64[Tensor, " m"]]:
        """Return the boxes, scores and labels of a picture's objects by falling score."""
        good = scores > self.score_thresh
        good[:, 0] = False  # the background
        boxes, scores, labels = boxes[good], scores[good], good.nonzero()[:, 1]
        rivals = torch.zeros_like(labels) if self.across_classes else labels
        keep = batched_nms(boxes, scores, rivals, self.nms_thresh)[: self.detections_per_img]
        return boxes[keep], scores[keep], labels[keep]


def resnet(name: str) -> Encoder:
    """Make a ResNet with random weights whose first layers are frozen.

    Raises:
        ValueError: The name is not that of a ResNet of segmentation_models_pytorch.
        MissingExtraError: segmentation_models_pytorch is not installed.
    """
    if not name.startswith("resnet"):
        raise ValueError(f"backbone must be a ResNet, such as resnet50, got {name!r}")
    encoder = Encoder(name)
    for key, parameter in encoder.backbone.named_parameters():
        parameter.requires_grad_(not key.startswith(_FROZEN))
    return encoder
