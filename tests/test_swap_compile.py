"""Swapped models compile in one graph, and export for any size. Runs without the shape hook."""

import pytest
import torch

from dysample import swap_upsamplers
from tests.made_swap import Nested, picture
from tests.test_audit import _Pyramid

pytestmark = pytest.mark.unhooked


def test_compiles_in_one_graph() -> None:
    swapped, _ = swap_upsamplers(Nested(), picture(), where=["[1]", "inner[2]", "up"])
    compiled = torch.compile(swapped, fullgraph=True, backend="aot_eager")
    for sides in ((16, 24), (8, 12)):
        torch.testing.assert_close(compiled(picture(*sides)), swapped(picture(*sides)))
    compiled(picture()).sum().backward()
    assert all(weight.grad is not None for weight in swapped.parameters())


def test_exports_for_any_size() -> None:
    swapped, _ = swap_upsamplers(Nested(), picture())
    rows, columns = torch.export.Dim("rows", min=4, max=64), torch.export.Dim("columns", min=4, max=64)
    exported = torch.export.export(swapped, (picture(),), dynamic_shapes=({2: rows, 3: columns},)).module()
    for sides in ((16, 24), (9, 31)):
        torch.testing.assert_close(exported(picture(*sides)), swapped(picture(*sides)))


@pytest.mark.parametrize("stride", [2, 4])
def test_exports_with_sizes_asked_for(stride: int) -> None:
    swapped, _ = swap_upsamplers(_Pyramid(stride), picture())
    half = torch.export.Dim("half", min=2, max=16)
    exported = torch.export.export(swapped, (picture(),), dynamic_shapes=({2: 4 * half},)).module()
    torch.testing.assert_close(exported(picture(32, 24)), swapped(picture(32, 24)))
