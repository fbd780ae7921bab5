"""Hosts: encoder, decoder head and the pretrained weights, with any upsampler inside.

The paper's detectors and MaskFormer are imported on first use: torchvision's detectors and transformers take
seconds to load.
"""

from typing import TYPE_CHECKING

from dysample.lazy import exports
from dysample.models.annotations import Depth, Labels, Objects, Panoptic
from dysample.models.depth_head import DepthHead
from dysample.models.encoder import Encoder
from dysample.models.host import DepthEstimator, Host, PanopticFPN, SegmentationHost
from dysample.models.hub import WeightsError
from dysample.models.manifest import Manifest, WeightsEntry, load_manifest, pretrained_folder
from dysample.models.merging import merge
from dysample.models.panoptic_fpn import PanopticFPNHead
from dysample.models.segformer_head import SegFormerHead
from dysample.models.smp import load_smp_segformer, smp_model
from dysample.models.tasks import KINDS, Kind, Task
from dysample.models.weights import load_encoder, load_head, load_host

if TYPE_CHECKING:
    from dysample.models.mask_former import MaskFormer, load_maskformer, maskformer
    from dysample.models.mmdet import from_mmdet, load_mmdet
    from dysample.models.rcnn import RCNN, faster_rcnn, mask_rcnn, panoptic_rcnn

__all__ = [
    "KINDS",
    "RCNN",
    "Depth",
    "DepthEstimator",
    "DepthHead",
    "Encoder",
    "Host",
    "Kind",
    "Labels",
    "Manifest",
    "MaskFormer",
    "Objects",
    "Panoptic",
    "PanopticFPN",
    "PanopticFPNHead",
    "SegFormerHead",
    "SegmentationHost",
    "Task",
    "WeightsEntry",
    "WeightsError",
    "faster_rcnn",
    "from_mmdet",
    "load_encoder",
    "load_head",
    "load_host",
    "load_manifest",
    "load_maskformer",
    "load_mmdet",
    "load_smp_segformer",
    "mask_rcnn",
    "maskformer",
    "merge",
    "panoptic_rcnn",
    "pretrained_folder",
    "smp_model",
]

if not TYPE_CHECKING:  # a type checker that saw this `__getattr__` would accept any name
    __getattr__, __dir__ = exports(
        __name__,
        {
            "MaskFormer": "dysample.models.mask_former",
            "RCNN": "dysample.models.rcnn",
            "faster_rcnn": "dysample.models.rcnn",
            "from_mmdet": "dysample.models.mmdet",
            "load_maskformer": "dysample.models.mask_former",
            "load_mmdet": "dysample.models.mmdet",
            "mask_rcnn": "dysample.models.rcnn",
            "maskformer": "dysample.models.mask_former",
            "panoptic_rcnn": "dysample.models.rcnn",
        },
    )
