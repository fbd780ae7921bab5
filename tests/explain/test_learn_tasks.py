"""Training squares, held-out squares, and how both are measured."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dysample.explain.learn import LearnSettings, train_steps
from dysample.explain.learn_tasks import (
    bilinear,
    bright_regions,
    hardest_window,
    held_out,
    mask_problem,
    picture_problem,
    problem_pictures,
    rings,
    score,
)
from tests.explain.squares import SIZE, chessboard, noise


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_input_is_the_mean_of_s_by_s_pixels(scale: int) -> None:
    image = noise(2 * 12 * scale)
    problem = picture_problem(image, scale=scale)
    cell = image[scale : 2 * scale, 3 * scale : 4 * scale].reshape(-1, 3).mean(axis=0) / 255
    assert problem.input[0, :, 1, 3].numpy() == pytest.approx(cell, abs=1e-6)
    mask = image[..., 0] > 128
    coarse = mask_problem(image, mask, scale=scale).input[0, 0]
    assert float(coarse[2, 5]) == pytest.approx(
        mask[2 * scale : 3 * scale, 5 * scale : 6 * scale].mean(), abs=1e-6
    )


def test_pictures_are_cut_to_whole_squares_evenly() -> None:
    image = noise(100)[:61]
    problem = picture_problem(image)
    assert problem.target.shape == (1, 3, 48, 96)
    expected = image[6:54, 2:98].transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_allclose(problem.target[0].numpy(), expected, rtol=1e-6)


def test_bilinear_is_scored_as_interpolate_on_the_black_squares() -> None:
    image = noise(96)
    problem = picture_problem(image)
    black = chessboard(96, 96, 24)
    target = torch.from_numpy(image / 255.0).permute(2, 0, 1)[None]
    low = target.reshape(1, 3, 48, 2, 48, 2).mean(dim=(3, 5))
    enlarged = F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)
    error = ((enlarged - target)[0].numpy() ** 2)[:, black].mean()
    snapshot = next(train_steps(problem, LearnSettings()))
    assert snapshot.bilinear.mse == pytest.approx(error, rel=1e-5)
    assert snapshot.bilinear.psnr == pytest.approx(10 * math.log10(1 / error), abs=1e-4)
    np.testing.assert_array_equal(held_out(problem), black)


def test_a_mask_is_scored_by_its_overlap_on_the_black_squares() -> None:
    image = rings(96)
    mask = bright_regions(image)
    problem = mask_problem(image, mask)
    guess = torch.rand(1, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    black = chessboard(96, 96, 24)
    cut, truth = (guess[0, 0].numpy() > 0.5)[black], mask[black]
    assert score(problem, guess).iou == pytest.approx((cut & truth).sum() / (cut | truth).sum())
    assert score(problem, problem.target).iou == 1
    assert score(problem, problem.target).psnr == pytest.approx(100)


def test_pictures_show_the_problem() -> None:
    image = rings(SIZE)
    pictures = problem_pictures(picture_problem(image))
    np.testing.assert_array_equal(pictures.target, image)
    assert pictures.input.shape == (24, 24, 3)
    assert pictures.side == 24
    smooth = bilinear(picture_problem(image))[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(pictures.bilinear - smooth).max() <= 0.5
    grey = problem_pictures(mask_problem(image, bright_regions(image))).target
    assert set(np.unique(grey)) == {0, 255}


def test_bright_regions_are_smooth_and_bright() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 30:] = 200
    image[10, 10] = 255  # too small to be a region
    expected = np.zeros((60, 60), bool)
    expected[:, 30:] = True
    np.testing.assert_array_equal(bright_regions(image), expected)


@pytest.mark.parametrize(
    ("row", "column", "window"),
    [(30, 5, (11, 0, 14, 13)), (55, 30, (23, 11, 13, 14)), (5, 30, (0, 11, 13, 14))],
)
def test_the_hardest_square_is_held_out_and_has_most_detail(
    row: int, column: int, window: tuple[int, int, int, int]
) -> None:
    image = np.full((72, 72, 3), 100, np.uint8)
    image[::36, ::36] = 110  # a little detail in every second square, those to learn from too
    image[row : row + 5, column : column + 5] = noise(5)
    image[2:20, 2:20] = noise(18)  # more, but not held out
    found = hardest_window(picture_problem(image))
    assert (found.row, found.column, found.rows, found.columns) == window
