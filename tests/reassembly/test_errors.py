"""Errors of the products of kernel upsampling, without the shape hook, which would raise first."""

import re
from typing import Any

import pytest
import torch

from dysample.reassembly import neighbour_products, reassemble

pytestmark = pytest.mark.unhooked
MAP, QUERY = torch.zeros(2, 32, 3, 5), torch.zeros(2, 32, 6, 10)


@pytest.mark.parametrize("shape", [(2, 3, 3, 6, 9), (1, 3, 3, 6, 10), (2, 3, 3, 3, 5), (2, 3, 3, 10, 6)])
def test_weights_of_another_enlargement(shape: tuple[int, ...]):
    got = re.escape(str((shape[0], *shape[3:])))
    message = rf"weights must have \(batch, rows, columns\) = \(2, 6, 10\), scale=2 .*got {got}"
    with pytest.raises(ValueError, match=message):
        reassemble(MAP, torch.zeros(shape), scale=2)


@pytest.mark.parametrize(
    "shape", [(2, 2, 2, 6, 10), (2, 3, 5, 6, 10), (2, 0, 0, 6, 10), (2, 9, 6, 10), (3, 3, 6, 10), (6, 10)]
)
def test_what_are_no_weights(shape: tuple[int, ...]):
    message = rf"weights \(batch, k, k, rows, columns\) with an odd k, got .*{re.escape(str(shape))}"
    with pytest.raises(ValueError, match=message):
        reassemble(MAP, torch.zeros(shape), scale=2)


@pytest.mark.parametrize("shape", [(2, 16, 6, 10), (1, 32, 6, 10), (2, 32, 6, 9), (32, 6, 10)])
def test_queries_of_another_enlargement(shape: tuple[int, ...]):
    message = rf"query must have shape \(2, 32, 6, 10\), scale=2 .*got {re.escape(str(shape))}"
    with pytest.raises(ValueError, match=message):
        neighbour_products(torch.zeros(shape), MAP, size=3, scale=2)


@pytest.mark.parametrize("size", [0, 2, -1, 3.0])
def test_sizes_of_neighbourhoods(size: Any):
    with pytest.raises(ValueError, match=rf"size must be .*odd.*, got {size}$"):
        neighbour_products(QUERY, MAP, size=size, scale=2)


@pytest.mark.parametrize("scale", [0, -1, 2.0, True, None])
def test_scales_of_products(scale: Any):
    rule = rf"scale\b.*{scale}"
    with pytest.raises(ValueError, match=rule):
        reassemble(MAP, torch.zeros(2, 3, 3, 6, 10), scale=scale)
    with pytest.raises(ValueError, match=rule):
        neighbour_products(QUERY, MAP, size=3, scale=scale)


@pytest.mark.parametrize("shape", [(32, 3, 5), (3, 5)])
def test_maps_of_products(shape: tuple[int, ...]):
    for call in (
        lambda x: reassemble(x, torch.zeros(2, 3, 3, 6, 10), scale=2),
        lambda x: neighbour_products(QUERY, x, size=3, scale=2),
    ):
        with pytest.raises(ValueError, match=rf"got {re.escape(str(shape))}"):
            call(torch.zeros(shape))
