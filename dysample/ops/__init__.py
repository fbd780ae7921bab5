"""Upsampling operators, one per file, and the table that lists them (`registry`)."""

from dysample.ops.a2u import A2U
from dysample.ops.carafe import CARAFE
from dysample.ops.deconv import Deconvolution
from dysample.ops.dysample import DySample, Style
from dysample.ops.fade import FADE
from dysample.ops.fixed import Bilinear, Nearest
from dysample.ops.indexnet import IndexNet
from dysample.ops.pixelshuffle import PixelShuffle
from dysample.ops.registry import OPERATORS, OperatorSpec, build, canonical_name, operator_spec
from dysample.ops.sapa import SAPA
from dysample.ops.upsampler import GuidedUpsampler, Upsampler

__all__ = [
    "A2U",
    "CARAFE",
    "FADE",
    "OPERATORS",
    "SAPA",
    "Bilinear",
    "Deconvolution",
    "DySample",
    "GuidedUpsampler",
    "IndexNet",
    "Nearest",
    "OperatorSpec",
    "PixelShuffle",
    "Style",
    "Upsampler",
    "build",
    "canonical_name",
    "operator_spec",
]
