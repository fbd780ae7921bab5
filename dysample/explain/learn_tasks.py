"""Problems for a tiny upsampler to learn from one small picture, and its score on held-out parts.

The picture is cut into a chessboard of squares of `CELLS` x `CELLS` low-res pixels. One half of them is for
training, each as a picture of its own; the other half is held out for the score. Pictures are reduced by the
mean of s x s pixels, so no low-res pixel belongs to two squares.
"""

from dataclasses import dataclass
from math import log10
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from dysample.explain.offsets import CellWindow
from dysample.geometry import check_scale
from dysample.images import to_uint8

Task = Literal["picture", "mask"]
CELLS = 12  # low-res pixels along the side of a square
LARGEST = 256  # pixels a side, so that learning takes seconds
_SMALLEST_MSE = 1e-10  # 100 dB; the PSNR of a perfect output would be infinite
_LUMINANCE = (0.299, 0.587, 0.114)
_RINGS = 4


@dataclass(frozen=True, slots=True)
class Problem:
    """A small map and its target, s times larger. All values lie in [0, 1].

    Attributes:
        task: "picture" undoes a reduction; "mask" enlarges a coarse mask.
        scale: Enlargement s.
        input: The map to enlarge: the reduced picture, or the coarse mask (the share of each low-res pixel
            that is inside).
        picture: The reduced picture.
        target: The picture, or the fine mask.
    """

    task: Task
    scale: int
    input: Float[Tensor, "1 c h w"]
    picture: Float[Tensor, "1 3 h w"]
    target: Float[Tensor, "1 c H W"]

    @property
    def seen(self) -> Float[Tensor, "1 f h w"]:
        """The map to predict offsets from: the reduced picture and, for masks, the coarse mask."""
        return self.picture if self.task == "picture" else torch.cat([self.picture, self.input], dim=1)


def picture_problem(image: UInt8[np.ndarray, "h w 3"], *, scale: int = 2) -> Problem:
    """Return the problem to undo a reduction: from the picture reduced s times to the picture.

    Args:
        image: RGB; cut to whole squares, evenly on both sides.
        scale: Enlargement s.

    Raises:
        ValueError: The picture is too small, too large or without detail, or the scale is invalid.
    """
    target = _whole_squares(image, scale)
    low = F.avg_pool2d(target, scale)
    return _worthwhile(Problem("picture", scale, low, low, target))


def mask_problem(
    image: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"], *, scale: int = 2
) -> Problem:
    """Return the problem to enlarge a coarse mask, given the reduced picture too.

    Args:
        image: RGB; cut to whole squares, evenly on both sides.
        mask: Pixels inside, for example `bright_regions(image)`.
        scale: Enlargement s.

    Raises:
        ValueError: The picture is too small or too large, the mask has another size, it is empty or full in
            the held-out or the training squares, or the scale is invalid.
    """
    picture = _whole_squares(image, scale)
    if mask.shape != image.shape[:2]:
        raise ValueError(f"the mask must have the picture's size {image.shape[:2]}, got {mask.shape}")
    target = _whole_squares(np.repeat(np.uint8(255) * mask[..., None], 3, axis=2), scale)[:, :1]
    problem = Problem("mask", scale, F.avg_pool2d(target, scale), F.avg_pool2d(picture, scale), target)
    for held_out in (False, True):
        if not 0 < squares(target, CELLS * scale, held_out=held_out).mean() < 1:
            kind = "held-out" if held_out else "training"
            raise ValueError(f"the mask must be neither empty nor full in the {kind} squares: choose another")
    return _worthwhile(problem)


def _whole_squares(image: UInt8[np.ndarray, "h w 3"], scale: int) -> Float[Tensor, "1 3 H W"]:
    check_scale(scale, least=2)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"the picture must be 8-bit RGB, got {image.dtype} of shape {image.shape}")
    height, width = image.shape[:2]
    side = CELLS * scale
    if min(height, width) < 2 * side or max(height, width) > LARGEST:
        raise ValueError(
            f"to learn at scale {scale}, the picture must have from {2 * side} to {LARGEST} pixels a side, "
            f"got {width} x {height}"
        )
    top, left = height % side // 2, width % side // 2
    cut = image[top : top + height // side * side, left : left + width // side * side]
    return torch.from_numpy(cut.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def _worthwhile(problem: Problem) -> Problem:
    """Return the problem, or raise an error if bilinear interpolation already solves it."""
    if score(problem, bilinear(problem)).mse < _SMALLEST_MSE:
        raise ValueError("the held-out squares have no detail that bilinear misses: choose another picture")
    return problem


@dataclass(frozen=True, slots=True)
class HeldOutScore:
    """Closeness of an output to the target on the held-out squares.

    Attributes:
        mse: Mean squared error of values in [0, 1], over pixels and channels.
        iou: Intersection over union of output and target, both thresholded at one half; None for pictures.
    """

    mse: float
    iou: float | None

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB, at most 100."""
        return -10 * log10(max(self.mse, _SMALLEST_MSE))


def bilinear(problem: Problem) -> Float[Tensor, "1 c H W"]:
    """Return the baseline: the input enlarged by bilinear interpolation."""
    return F.interpolate(problem.input, scale_factor=float(problem.scale), mode="bilinear")


def score(problem: Problem, output: Float[Tensor, "1 c H W"]) -> HeldOutScore:
    """Compare an output with the target on the held-out squares."""
    side = CELLS * problem.scale
    result = squares(output, side, held_out=True)
    target = squares(problem.target, side, held_out=True)
    mse = float((result - target).square().mean())
    if problem.task == "picture":
        return HeldOutScore(mse, None)
    inside, truth = result > 0.5, target > 0.5
    return HeldOutScore(mse, int((inside & truth).sum()) / int((inside | truth).sum()))


def held_out(problem: Problem) -> Bool[np.ndarray, "H W"]:
    """Mark the held-out pixels of the target: the black squares of the chessboard."""
    side = CELLS * problem.scale
    row, column = (np.arange(size) // side for size in problem.target.shape[2:])
    return (row[:, None] + column) % 2 == 1


def squares(x: Float[Tensor, "1 c h w"], side: int, *, held_out: bool) -> Float[Tensor, "n c side side"]:
    """Cut a map into squares, and return the held-out ones or those for training, row by row."""
    rows, columns = x.shape[2] // side, x.shape[3] // side
    cut = x[0].unflatten(2, (columns, side)).unflatten(1, (rows, side)).permute(1, 3, 0, 2, 4).flatten(0, 1)
    odd = (torch.arange(rows).unsqueeze(1) + torch.arange(columns)).flatten() % 2
    return cut[odd == int(held_out)]


@dataclass(frozen=True, slots=True)
class ProblemPictures:
    """A problem as pictures: RGB, or the mask in grey.

    Attributes:
        input: The low-res input.
        bilinear: The input enlarged by bilinear interpolation.
        target: The target.
        held_out: Held-out pixels of the target.
        side: Pixels of the target along the side of a square.
    """

    input: UInt8[np.ndarray, "h w 3"]
    bilinear: UInt8[np.ndarray, "H W 3"]
    target: UInt8[np.ndarray, "H W 3"]
    held_out: Bool[np.ndarray, "H W"]
    side: int


def problem_pictures(problem: Problem) -> ProblemPictures:
    """Return the pictures of a problem before any learning."""
    return ProblemPictures(
        input=rgb_pixels(problem.input),
        bilinear=rgb_pixels(bilinear(problem)),
        target=rgb_pixels(problem.target),
        held_out=held_out(problem),
        side=CELLS * problem.scale,
    )


def rgb_pixels(x: Float[Tensor, "1 c h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Convert a map of values in [0, 1] to a picture: three channels are RGB, a single one is grey."""
    return to_uint8(x[0].expand(3, -1, -1))


def hardest_window(problem: Problem) -> CellWindow:
    """Return the held-out square with the greatest bilinear error, and one low-res pixel around it."""
    height, width = problem.input.shape[2:]
    error = F.avg_pool2d((bilinear(problem) - problem.target).square().mean(1), CELLS * problem.scale)[0]
    row, column = np.indices(error.shape)
    held_out_error = np.where((row + column) % 2 == 1, error.numpy(), -1)
    row, column = (int(index) for index in np.unravel_index(held_out_error.argmax(), error.shape))
    top, left = max(0, CELLS * row - 1), max(0, CELLS * column - 1)
    bottom, right = CELLS * (row + 1) + 1, CELLS * (column + 1) + 1
    return CellWindow(top, left, rows=min(bottom, height) - top, columns=min(right, width) - left)


def bright_regions(image: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
    """Mark the regions of a picture that are brighter than its mean, smoothed over 5 x 5 pixels."""
    luminance = np.tensordot(image.astype(np.float32) / 255, np.array(_LUMINANCE, np.float32), axes=1)
    padded = F.pad(torch.from_numpy(luminance)[None, None], (2, 2, 2, 2), mode="replicate")
    smooth = F.avg_pool2d(padded, 5, stride=1)[0, 0]
    return (smooth > smooth.mean()).numpy()


def rings(size: int) -> UInt8[np.ndarray, "h w 3"]:
    """Draw concentric rings, which have hard edges in every direction, in every square.

    Raises:
        ValueError: The size is less than one.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")
    position = (np.arange(size) + 0.5) / size - 0.5
    ring = (2 * _RINGS * np.hypot(position[:, None], position)).astype(np.int64) % 2
    return np.array([(30, 60, 140), (230, 200, 60)], np.uint8)[ring]
