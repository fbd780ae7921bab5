"""Feature maps as pictures, against NumPy and maps made by hand."""

import numpy as np
import pytest
import torch

from dysample.explain.features import feature_channel, feature_components, feature_norm, stretched


def test_norm_is_the_length_of_the_vector():
    x = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(1, 2, 2, 3)
    assert np.array_equal(feature_norm(x), np.full((2, 3), 5, np.float32))


def test_one_channel():
    x = torch.arange(24.0).view(1, 4, 2, 3)
    assert np.array_equal(feature_channel(x, 2), x[0, 2].numpy())


def test_components_are_those_of_the_covariance():
    """Compare with the eigenvectors of the covariance, up to the stretch of each colour."""
    x = torch.randn(1, 6, 9, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x * torch.tensor([5.0, 3, 2, 0.5, 0.2, 0.1]).view(1, 6, 1, 1)
    pixels = x[0].flatten(1).T.numpy()
    _, vectors = np.linalg.eigh(np.cov(pixels.T))
    found = feature_components(x).reshape(-1, 3)
    for k in range(3):
        expected = pixels @ vectors[:, -1 - k]
        inside = (found[:, k] > 0) & (found[:, k] < 1)
        correlation = np.corrcoef(expected[inside], found[inside, k])[0, 1]
        assert abs(correlation) == pytest.approx(1, abs=1e-5)
        weight = vectors[np.abs(vectors[:, -1 - k]).argmax(), -1 - k]
        assert np.sign(correlation) == np.sign(weight)


def test_components_that_are_missing_are_grey():
    flat = feature_components(torch.ones(1, 3, 4, 5))
    assert np.array_equal(flat, np.full((4, 5, 3), 0.5, np.float32))
    ramp = feature_components(torch.arange(20.0).view(1, 1, 4, 5))
    assert ramp[..., 0].min() == 0
    assert ramp[..., 0].max() == 1
    assert (ramp[..., 1:] == 0.5).all()


def test_outliers_are_cut_off():
    values = np.concatenate([np.linspace(0, 1, 1000), [1e6]])
    assert stretched(values)[500] == pytest.approx(0.5, abs=0.02)
    assert stretched(np.array([0.0] * 999 + [1.0])).max() == 1
    assert (stretched(np.full(7, 3.0)) == 0.5).all()


def test_channels_that_are_not_there():
    with pytest.raises(ValueError, match="from 0 to 2, got 3"):
        feature_channel(torch.zeros(1, 3, 4, 4), 3)
