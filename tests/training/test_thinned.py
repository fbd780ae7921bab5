"""Thinning: the pixels equal those of the whole enlargement, and all are equally likely."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dysample.training.losses import draw_phase, thinned_prediction, thinned_truth


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 6)])
def test_it_is_the_enlargement_at_these_pixels(stride: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    coarse = torch.randn(2, 3, *size, dtype=torch.float64)
    whole = F.interpolate(coarse, scale_factor=float(stride), mode="bilinear", align_corners=False)
    for phase in product(range(stride), repeat=2):
        expected = whole[..., phase[0] :: stride, phase[1] :: stride]
        torch.testing.assert_close(thinned_prediction(coarse, stride, phase), expected)


def test_the_mean_over_all_phases_is_the_loss_over_all_pixels() -> None:
    torch.manual_seed(0)
    coarse, truth = torch.randn(2, 5, 4, 4), torch.randint(5, (2, 16, 16))
    whole = F.interpolate(coarse, scale_factor=4.0, mode="bilinear", align_corners=False)
    losses = [
        F.cross_entropy(thinned_prediction(coarse, 4, phase), thinned_truth(truth, 4, phase))
        for phase in product(range(4), repeat=2)
    ]
    torch.testing.assert_close(torch.stack(losses).mean(), F.cross_entropy(whole, truth))


def test_every_pixel_of_a_block_is_as_likely() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(draw_phase(2, rng) for _ in range(4000))
    assert set(drawn) == set(product(range(2), repeat=2))
    assert all(abs(count - 1000) < 120 for count in drawn.values())  # four standard deviations
