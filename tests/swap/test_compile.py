"""Swapped models compile in one graph, and export for any size. Runs without the shape hook."""

from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn

from dysample import swap_upsamplers
from tests.swap.networks import Interpolating, Nested, picture
from tests.swap.test_audit import _Pyramid

pytestmark = [pytest.mark.unhooked, pytest.mark.slow]


def test_compiles_in_one_graph() -> None:
    swapped, _ = swap_upsamplers(Nested(stride=1), picture(), where=["[1]", "inner[2]", "up"])
    compiled = torch.compile(swapped, fullgraph=True, backend="aot_eager")
    for sides in ((16, 24), (8, 12)):
        torch.testing.assert_close(compiled(picture(*sides)), swapped(picture(*sides)))
    compiled(picture()).sum().backward()
    assert all(weight.grad is not None for weight in swapped.parameters())


def test_exports_for_any_size() -> None:
    swapped, _ = swap_upsamplers(Nested(stride=1), picture(), where=["[1]", "inner[2]", "up"])
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


@pytest.mark.filterwarnings("ignore")  # of the exporter
def test_onnx_for_any_size(tmp_path: Path) -> None:
    swapped, report = swap_upsamplers(Interpolating(scale_factor=4, mode="bilinear").eval(), picture())
    assert report.rows[0].scales == (2, 2)
    file = tmp_path / "swapped.onnx"
    free = {name: torch.export.Dim(name, min=4, max=64) for name in ("rows", "columns")}
    torch.onnx.export(
        swapped,
        (picture(),),
        file,
        dynamo=True,
        opset_version=18,
        dynamic_shapes=({2: free["rows"], 3: free["columns"]},),
        verbose=False,
    )
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (name,) = (each.name for each in session.get_inputs())
    for sides in ((16, 24), (9, 31)):
        (found,) = session.run(None, {name: picture(*sides).numpy()})
        torch.testing.assert_close(torch.from_numpy(found), swapped(picture(*sides)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("path", ["", "0"])
def test_what_is_compiled_already_is_refused(path: str) -> None:
    model = torch.compile(Interpolating(scale_factor=2), backend="eager")
    which = "the model's part '0'" if path else "the model"
    with pytest.raises(ValueError, match=f"{which} is compiled, which hides what it calls"):
        swap_upsamplers(nn.Sequential(model) if path else model, picture())
