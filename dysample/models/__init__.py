"""Hosts: encoder, decoder head and the pretrained weights, with any upsampler inside."""

from dysample.models.annotations import Depth, Labels
from dysample.models.depth_head import DepthHead
from dysample.models.encoder import Encoder
from dysample.models.host import DepthEstimator, Host, PanopticFPN, SegmentationHost
from dysample.models.hub import WeightsError
from dysample.models.manifest import Manifest, WeightsEntry, load_manifest, pretrained_folder
from dysample.models.panoptic_fpn import PanopticFPNHead
from dysample.models.segformer_head import SegFormerHead
from dysample.models.smp import load_smp_segformer, smp_model
from dysample.models.tasks import KINDS, Kind, Task
from dysample.models.weights import load_encoder, load_head, load_host

__all__ = [
    "KINDS",
    "Depth",
    "DepthEstimator",
    "DepthHead",
    "Encoder",
    "Host",
    "Kind",
    "Labels",
    "Manifest",
    "PanopticFPN",
    "PanopticFPNHead",
    "SegFormerHead",
    "SegmentationHost",
    "Task",
    "WeightsEntry",
    "WeightsError",
    "load_encoder",
    "load_head",
    "load_host",
    "load_manifest",
    "load_smp_segformer",
    "pretrained_folder",
    "smp_model",
]
