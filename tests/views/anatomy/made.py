"""Anatomies to test with, and readers of figures."""

import numpy as np
import plotly.graph_objects as go
import torch

from app.views.anatomy.figures import Block, blocks
from dysample.explain.anatomy import Anatomy, StageName, Trace, dissect, example, trace
from dysample.ops.dysample import DySample, Style

VARIANTS = [("lp", False), ("lp", True), ("pl", False), ("pl", True)]
AT = (3, 4)


def example_anatomy(style: Style, dynamic: bool) -> Anatomy:
    return dissect(*example(style, dynamic=dynamic))


def large_anatomy(style: Style) -> Anatomy:
    """Return an anatomy with two groups, sixteen channels and a map too large for numbers."""
    torch.manual_seed(0)
    op = DySample(16, groups=2, style=style, dynamic_scope=True)
    torch.nn.init.normal_(op.offset.weight, std=0.3)
    return dissect(op, torch.randn(1, 16, 12, 15))


def followed(anatomy: Anatomy, channel: int = 0) -> Trace:
    return trace(anatomy, at=AT, channel=channel)


def stage_blocks(anatomy: Anatomy, name: StageName, photo: np.ndarray | None = None) -> tuple[Block, Block]:
    return blocks(anatomy, name, followed(anatomy), photo)


def heat(figure: go.Figure) -> list[np.ndarray]:
    return [np.asarray(part.z) for part in figure.data if part.type == "heatmap"]


def frame(figure: go.Figure, index: int = -1) -> tuple[float, float, float, float, str]:
    line = [part for part in figure.data if part.type == "scatter" and part.mode == "lines"][index]
    return min(line.x), max(line.x), min(line.y), max(line.y), line.xaxis
