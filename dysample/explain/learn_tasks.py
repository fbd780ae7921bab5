"""What a tiny upsampler can learn from one small picture, and how well it did where it never looked.

The picture is a chessboard of squares of `CELLS` x `CELLS` low-res pixels. Half of them are learnt
from, each as a picture of its own; the other half is held out for the score. Pictures are reduced by
the mean of s x s pixels, so no low-res pixel belongs to two squares.
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

Task = Literal["picture", "mask"]
CELLS = 12  # low-res pixels along the side of a square
LARGEST = 256  # pixels a side: learning is to take seconds
_SMALLEST_MSE = 1e-10  # a perfect output would have a PSNR of infinity; this is 100 dB


@dataclass(frozen=True, slots=True)
class Problem:
    """A small map, and what it should look like s times larger. All values lie in [0, 1].

    Attributes:
        task: "picture" undoes a reduction; "mask" enlarges a coarse mask.
        scale: Enlargement s.
        input: What is read: the reduced picture, or the coarse mask (the share of each low-res
            pixel that is inside).
        picture: The reduced picture.
        target: What the output is compared with: the picture, or the fine mask.
    """

    task: Task
    scale: int
    input: Float[Tensor, "1 c h w"]
    picture: Float[Tensor, "1 3 h w"]
    target: Float[Tensor, "1 c H W"]

    @property
    def seen(self) -> Float[Tensor, "1 f h w"]:
        """What offsets are predicted from: the reduced picture, and the coarse mask if that is read."""
        return self.picture if self.task == "picture" else torch.cat([self.picture, self.input], dim=1)


@dataclass(frozen=True, slots=True)
class Score:
    """How close an output comes to the target.

    Attributes:
        mse: Mean squared error of values in [0, 1], over pixels and channels.
        iou: Intersection over union of output and target, both cut at one half; None for pictures.
    """

    mse: float
    iou: float | None

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB, at most 100."""
        return -10 * log10(max(self.mse, _SMALLEST_MSE))


def picture_problem(image: UInt8[np.ndarray, "h w 3"], *, scale: int = 2) -> Problem:
    """Undo a reduction: the input is the picture reduced s times, the target the picture.

    Args:
        image: RGB; cut to whole squares, evenly on both sides.
        scale: Enlargement s.

    Raises:
        ValueError: The picture is too small, too large or without detail, or there is no such scale.
    """
    target = _whole_squares(image, scale)
    low = F.avg_pool2d(target, scale)
    return _worthwhile(Problem("picture", scale, low, low, target))


def mask_problem(
    image: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"], *, scale: int = 2
) -> Problem:
    """Enlarge a coarse mask, given the reduced picture beside it.

    Args:
        image: RGB; cut to whole squares, evenly on both sides.
        mask: What is inside, for example `bright_regions(image)`.
        scale: Enlargement s.

    Raises:
        ValueError: The picture is too small or too large, the mask has another size, it has no edge or
            lies on one side of the chessboard only, or there is no such scale.
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


def bilinear(problem: Problem) -> Float[Tensor, "1 c H W"]:
    """What there is to beat: the input enlarged by bilinear interpolation."""
    return F.interpolate(problem.input, scale_factor=float(problem.scale), mode="bilinear")


def score(problem: Problem, output: Float[Tensor, "1 c H W"]) -> Score:
    """Compare an output with the target, on the held-out squares alone."""
    side = CELLS * problem.scale
    got = squares(output, side, held_out=True)
    wanted = squares(problem.target, side, held_out=True)
    mse = float((got - wanted).square().mean())
    if problem.task == "picture":
        return Score(mse, None)
    inside, truth = got > 0.5, wanted > 0.5
    return Score(mse, int((inside & truth).sum()) / int((inside | truth).sum()))


def held_out(problem: Problem) -> Bool[np.ndarray, "H W"]:
    """The pixels of the target that are held out: the squares that a chessboard has in black."""
    side = CELLS * problem.scale
    row, column = (np.arange(size) // side for size in problem.target.shape[2:])
    return (row[:, None] + column) % 2 == 1


def squares(x: Float[Tensor, "1 c h w"], side: int, *, held_out: bool) -> Float[Tensor, "n c side side"]:
    """Every other square of a map, row by row: those that are held out, or those to learn from."""
    rows, columns = x.shape[2] // side, x.shape[3] // side
    cut = x[0].unflatten(2, (columns, side)).unflatten(1, (rows, side)).permute(1, 3, 0, 2, 4).flatten(0, 1)
    odd = (torch.arange(rows).unsqueeze(1) + torch.arange(columns)).flatten() % 2
    return cut[odd == int(held_out)]


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
    """Refuse what bilinear interpolation already solves: nothing could be better."""
    if score(problem, bilinear(problem)).mse < _SMALLEST_MSE:
        raise ValueError("the held-out squares have no detail that bilinear misses: choose another picture")
    return problem


# Pictures to learn on, and the pictures of a problem to look at.


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
