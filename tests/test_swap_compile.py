"""Swapped models compile in one graph, and export for any size. Runs without the shape hook."""

from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn

from dysample import DySample, swap_upsamplers
from tests.made_swap import Interpolating, Nested, picture, zero_offsets
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


@pytest.mark.filterwarnings("ignore")  # of the exporter
def test_onnx_for_any_size(tmp_path: Path) -> None:
    swapped, report = swap_upsamplers(Nested().eval(), picture())
    assert len(report.swapped) == 5
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


def test_parts_that_are_compiled_are_swapped() -> None:
    part = Interpolating(scale_factor=2)
    model = nn.Sequential(torch.compile(part, backend="aot_eager"), nn.Conv2d(2, 2, 1))
    swapped, report = swap_upsamplers(model, picture())
    assert [row.site.name for row in report.swapped] == ["0._orig_mod[0]"]
    torch.testing.assert_close(zero_offsets(swapped)(picture()), model(picture()), atol=1e-5, rtol=0)
    (upsampler,) = (module for module in swapped.modules() if isinstance(module, DySample))
    nn.init.constant_(upsampler.offset.bias, 1.0)
    assert not torch.allclose(swapped(picture()), model(picture()))
