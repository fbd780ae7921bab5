"""Small third-party networks with random weights, to try swaps on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import segmentation_models_pytorch as smp
import torch
import transformers
from torch import Tensor, nn
from torchvision.models import detection, resnet18, segmentation
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

WIDTHS = [8, 16, 24, 32]
PROPOSALS = 30  # of detectors: random ones, each of which costs time


@dataclass(frozen=True, slots=True)
class ZooModel:
    """One network.

    Attributes:
        name: Name for people.
        make: Function that builds it.
        size: Height and width of its pictures.
        listed: Whether it takes a list of pictures, as detectors do, instead of a batch.
        part: Path of the module to compare, train, compile and export; empty for the whole network.
    """

    name: str
    make: Callable[[], nn.Module]
    size: tuple[int, int] = (64, 96)
    listed: bool = False
    part: str = ""

    def pictures(self) -> Tensor:
        """Return a batch of one random picture."""
        return torch.rand(1, 3, *self.size, generator=torch.Generator().manual_seed(0))

    def inputs(self) -> object:
        """Return example inputs of the network."""
        return list(self.pictures()) if self.listed else self.pictures()


class Neck(nn.Module):
    """A path aggregation neck with `nn.Upsample` between concatenations, as in YOLO since version 3."""

    def __init__(self) -> None:
        """Build the stem, three levels and the two joints on the way up."""
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=8, padding=1)
        self.p4 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.p5 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.up5 = nn.Upsample(scale_factor=2, mode="nearest")
        self.join4 = nn.Conv2d(32 + 16, 16, 3, padding=1)
        self.up4 = nn.Upsample(None, 2, "nearest")
        self.join3 = nn.Conv2d(16 + 8, 8, 3, padding=1)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return maps of stride 8, 16 and 32."""
        p3 = self.stem(picture).relu()
        p4 = self.p4(p3).relu()
        p5 = self.p5(p4).relu()
        n4 = self.join4(torch.cat([self.up5(p5), p4], dim=1)).relu()
        return self.join3(torch.cat([self.up4(n4), p3], dim=1)), n4, p5


def _smp(family: str, size: tuple[int, int] = (64, 96)) -> ZooModel:
    return ZooModel(f"smp {family}", lambda: getattr(smp, family)("resnet18", encoder_weights=None), size)


def _smp_dpt() -> nn.Module:
    sizes: Any = True  # the library annotates it as a dictionary
    return smp.DPT("tu-vit_tiny_patch16_224", encoder_weights=None, dynamic_img_size=sizes)


def _trunk(*, auxiliary: bool) -> nn.Module:
    layers = {"layer4": "out", **({"layer3": "aux"} if auxiliary else {})}
    return IntermediateLayerGetter(resnet18(weights=None), layers)


def _deeplab() -> nn.Module:
    return segmentation.DeepLabV3(_trunk(auxiliary=False), segmentation.deeplabv3.DeepLabHead(512, 21))


def _fcn() -> nn.Module:
    heads = [segmentation.fcn.FCNHead(channels, 21) for channels in (512, 256)]
    return segmentation.FCN(_trunk(auxiliary=True), *heads)


def _faster_rcnn() -> nn.Module:
    return detection.fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, min_size=64, max_size=96, rpn_post_nms_top_n_test=PROPOSALS
    )


def _mask_rcnn() -> nn.Module:
    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None)
    return detection.MaskRCNN(
        backbone, 5, min_size=64, max_size=96, box_score_thresh=0.0, rpn_post_nms_top_n_test=PROPOSALS
    )


def _retinanet() -> nn.Module:
    levels = LastLevelP6P7(256, 256)
    backbone = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, returned_layers=[2, 3, 4], extra_blocks=levels
    )
    return detection.RetinaNet(backbone, 5, min_size=64, max_size=96)


def _segformer() -> nn.Module:
    config = transformers.SegformerConfig(
        depths=[1] * 4, hidden_sizes=WIDTHS, num_attention_heads=[1] * 4, decoder_hidden_size=32
    )
    return transformers.SegformerForSemanticSegmentation(config)


def _maskformer() -> nn.Module:
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = cast(Any, transformers.SwinConfig)(
        embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=2, image_size=64, out_features=stages
    )
    decoder = transformers.DetrConfig(
        d_model=32, decoder_layers=1, encoder_layers=1, decoder_ffn_dim=32, encoder_ffn_dim=32,
        decoder_attention_heads=2, encoder_attention_heads=2, num_queries=5,
    )  # fmt: skip
    config = transformers.MaskFormerConfig(
        backbone_config=backbone, decoder_config=decoder, fpn_feature_size=256, mask_feature_size=32
    )
    return transformers.MaskFormerForInstanceSegmentation(config)


def _dpt() -> nn.Module:
    config = transformers.DPTConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=64, image_size=64,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=WIDTHS, fusion_hidden_size=16,
    )  # fmt: skip
    return transformers.DPTForDepthEstimation(config)


def _depth_anything() -> nn.Module:
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = cast(Any, transformers.Dinov2Config)(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14,
        out_features=stages, reshape_hidden_states=False,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=32, neck_hidden_sizes=WIDTHS,
        fusion_hidden_size=16, head_hidden_size=8, patch_size=14,
    )  # fmt: skip
    return transformers.DepthAnythingForDepthEstimation(config)


def _glpn() -> nn.Module:
    config = transformers.GLPNConfig(
        depths=[1] * 4, hidden_sizes=WIDTHS, num_attention_heads=[1] * 4, decoder_hidden_size=16
    )
    return transformers.GLPNForDepthEstimation(config)


ZOO = (
    _smp("Unet"),
    _smp("UnetPlusPlus"),
    _smp("FPN"),
    _smp("PAN", (128, 128)),
    _smp("MAnet"),
    _smp("UPerNet"),
    _smp("Segformer"),
    ZooModel("smp DPT", _smp_dpt, (64, 64)),
    _smp("DeepLabV3Plus"),
    ZooModel("torchvision DeepLabV3", _deeplab),
    ZooModel("torchvision FCN", _fcn),
    ZooModel("torchvision Faster R-CNN", _faster_rcnn, listed=True, part="backbone"),
    ZooModel("torchvision Mask R-CNN", _mask_rcnn, listed=True, part="backbone"),
    ZooModel("torchvision RetinaNet", _retinanet, listed=True, part="backbone"),
    ZooModel("transformers SegFormer", _segformer),
    ZooModel("transformers MaskFormer", _maskformer, (64, 64)),
    ZooModel("transformers DPT", _dpt, (64, 64)),
    ZooModel("transformers Depth Anything", _depth_anything, (56, 56)),
    ZooModel("transformers GLPN", _glpn),
    ZooModel("YOLO-style neck", Neck),
)
