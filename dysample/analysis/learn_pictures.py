"""Pictures to learn on, and the pictures of a problem to look at."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from dysample.analysis.arrows import CellWindow
from dysample.analysis.learn_tasks import CELLS, Problem, bilinear, held_out

_LUMINANCE = (0.299, 0.587, 0.114)
_RINGS = 4


@dataclass(frozen=True, slots=True)
class ProblemPictures:
    """A problem as pictures: RGB, or the mask in grey.

    Attributes:
        input: What is read, in low-res.
        bilinear: It enlarged by bilinear interpolation.
        target: What it should look like.
        held_out: Pixels of the target that nothing is learnt from.
        side: Pixels of the target along the side of a square.
    """

    input: UInt8[np.ndarray, "h w 3"]
    bilinear: UInt8[np.ndarray, "H W 3"]
    target: UInt8[np.ndarray, "H W 3"]
    held_out: Bool[np.ndarray, "H W"]
    side: int


def problem_pictures(problem: Problem) -> ProblemPictures:
    """What there is to see of a problem before anything is learnt."""
    return ProblemPictures(
        input=as_pixels(problem.input),
        bilinear=as_pixels(bilinear(problem)),
        target=as_pixels(problem.target),
        held_out=held_out(problem),
        side=CELLS * problem.scale,
    )


def hardest_window(problem: Problem) -> CellWindow:
    """The held-out square that bilinear interpolation gets most wrong, and one low-res pixel around it."""
    height, width = problem.input.shape[2:]
    error = F.avg_pool2d((bilinear(problem) - problem.target).square().mean(1), CELLS * problem.scale)[0]
    row, column = np.indices(error.shape)
    unseen = np.where((row + column) % 2 == 1, error.numpy(), -1)
    row, column = (int(index) for index in np.unravel_index(unseen.argmax(), unseen.shape))
    top, left = max(0, CELLS * row - 1), max(0, CELLS * column - 1)
    bottom, right = CELLS * (row + 1) + 1, CELLS * (column + 1) + 1
    return CellWindow(top, left, rows=min(bottom, height) - top, columns=min(right, width) - left)


def as_pixels(x: Float[Tensor, "1 c h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """A map of values in [0, 1] as a picture: three channels are RGB, one is grey."""
    return (255 * x[0]).round().to(torch.uint8).expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()


def bright_regions(image: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
    """The regions of a picture that are brighter than its mean, smoothed over 5 x 5 pixels."""
    luminance = np.tensordot(image.astype(np.float32) / 255, np.array(_LUMINANCE, np.float32), axes=1)
    padded = F.pad(torch.from_numpy(luminance)[None, None], (2, 2, 2, 2), mode="replicate")
    smooth = F.avg_pool2d(padded, 5, stride=1)[0, 0]
    return (smooth > smooth.mean()).numpy()


def rings(size: int) -> UInt8[np.ndarray, "h w 3"]:
    """A made picture of concentric rings: hard edges in every direction, in every square.

    Raises:
        ValueError: The size is less than one.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")
    place = (np.arange(size) + 0.5) / size - 0.5
    ring = (2 * _RINGS * np.hypot(place[:, None], place)).astype(np.int64) % 2
    return np.array([(30, 60, 140), (230, 200, 60)], np.uint8)[ring]
