"""The Triton implementation without a GPU: interpreted, compiled ahead of time, and chosen."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from dysample.geometry import sample
from dysample.kernels import choice
from dysample.kernels import triton as triton_division
from tests import ROOT

pytestmark = pytest.mark.slow

needs_triton = pytest.mark.skipif(not triton_division.INSTALLED, reason="Triton is not installed")
KERNELS = ("read", "map_gradient", "point_gradient")
NAMES = {torch.float32: "fp32", torch.float64: "fp64", torch.bfloat16: "bf16", torch.float16: "fp16"}


@needs_triton
@pytest.mark.timeout(600)
def test_interpreted_kernels_equal_slow_loops():
    """Run `interpreted.py` in a process whose Triton interprets."""
    options = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", "addopts=")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests/kernels/interpreted.py"],
        cwd=ROOT,
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\d\d passed", run.stdout)


def compiled(
    kernel: str, form: torch.memory_format, dtype: torch.dtype, capability: int, grouped: int
) -> dict[str, Any]:
    """Return a kernel's code at every stage, for maps of 240 columns; no GPU is needed."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from dysample.kernels import triton_kernels

    function = getattr(triton_kernels, kernel)
    wide = torch.promote_types(dtype, torch.float32)
    tile = triton_division.tile(kernel, form, grouped, 240, wide)
    constants = {"last": form == torch.channels_last, "tile_rows": tile.rows, "tile_columns": tile.columns}
    constants["tile_channels"] = tile.channels
    types = dict.fromkeys(("points", "of_x", "of_points"), wide) | dict.fromkeys(
        ("x", "slope", "output"), dtype
    )
    signature: dict[str, str] = {}
    aligned: dict[tuple[int], list[list[object]]] = {}
    for number, name in enumerate(function.arg_names):
        pointer = "*" + NAMES[types[name]] if name in types else "i32"
        signature[name] = "constexpr" if name in constants else pointer
        if name in types or (name == "grouped" and grouped % 16 == 0):
            aligned[number,] = [["tt.divisibility", 16]]
    source = ASTSource(function, signature, constants, aligned)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32)).asm


@needs_triton
@pytest.mark.unhooked
@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last], ids=["planar", "last"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_assemble_and_fit_the_registers(
    kernel: str, form: torch.memory_format, capability: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nothing is spilled to the stack, and with at most 128 registers a processor holds four programs."""
    from triton import knobs

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for dtype, grouped in (
        (torch.float32, 64),
        (torch.bfloat16, 64),
        (torch.float64, 64),
        (torch.float32, 3),
    ):
        code = compiled(kernel, form, dtype, capability, grouped)
        binary = tmp_path / "kernel.cubin"
        binary.write_bytes(code["cubin"])
        command = (knobs.nvidia.cuobjdump.path, "-res-usage", str(binary))
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        match = re.search(r"REG:(\d+) STACK:(\d+) .*LOCAL:(\d+)", usage)
        assert match is not None
        assert int(match[1]) <= 128
        assert (match[2], match[3]) == ("0", "0")
        if dtype == torch.bfloat16:  # rounded to nearest, as PyTorch does
            roundings = set(re.findall(r"cvt\.(\w+)\.bf16(?:x2)?\.f32", code["ptx"]))
            assert roundings == ({"rn"} if kernel == "read" else set())


def test_triton_reads_maps_on_a_gpu(monkeypatch: pytest.MonkeyPatch):
    """Fake tensors stand in for a GPU."""
    monkeypatch.delenv("DYSAMPLE_KERNEL", raising=False)
    monkeypatch.setattr(triton_division, "INSTALLED", True)
    monkeypatch.setattr(triton_division, "why_not_to_start", lambda: None)
    with FakeTensorMode():
        x = torch.empty(1, 8, 5, 7, device="cuda").to(memory_format=torch.channels_last)
        points = torch.empty(1, 2, 2, 10, 14, device="cuda")
        for dtype in NAMES:
            wide = torch.promote_types(dtype, torch.float32)
            assert choice.choose(x.to(dtype), points.to(wide), None) == "triton"
        assert choice.choose(x, points, "plain") == "plain"
        output = sample(x.half(), points)
        assert (output.dtype, output.device.type) == (torch.float16, "cuda")
        assert output.is_contiguous(memory_format=torch.channels_last)
        assert choice.choose(x, points.cpu(), None) == "plain"
        monkeypatch.setattr(triton_division, "INSTALLED", False)
        assert choice.choose(x, points, None) == "plain"
        assert triton_division.why_not() == "Triton is not installed"


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((1, 2, 2**15, 2**15), (4, 4)),
        ((1, 2, 4, 4), (2**15, 2**15)),
        ((1, 1, 1, 2**23), (1, 1)),
        ((1, 1, 1, 2**16), (1, 2**15)),
    ],
)
def test_maps_too_large_for_32_bits_are_left_to_others(shape: tuple[int, ...], count: tuple[int, int]):
    with FakeTensorMode():
        x, points = torch.empty(shape, device="cuda"), torch.empty(1, 1, 2, *count, device="cuda")
        assert "it is for images of fewer than" in str(triton_division.why_not_for(x, points))


def test_the_cpu_does_not_load_triton():
    program = (
        "import sys, torch, dysample; from dysample.geometry import sample;"
        "x = torch.ones(1, 2, 3, 3, requires_grad=True);"
        "sample(x, torch.full((1, 1, 2, 4, 4), 1.5)).sum().backward(); dysample.info();"
        "sys.exit('triton' in sys.modules)"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False)
    assert run.returncode == 0


@needs_triton
def test_without_a_compiler_others_serve(monkeypatch: pytest.MonkeyPatch):
    """Triton compiles its bridge to the driver when it first starts a kernel."""
    import triton.runtime

    class Broken:
        @property
        def active(self):
            raise RuntimeError("no C compiler was found")

    monkeypatch.setattr(triton.runtime, "driver", Broken())
    why_not = triton_division.why_not_to_start.__wrapped__
    assert why_not() == "Triton cannot start kernels: no C compiler was found"
    monkeypatch.setattr(triton_division, "why_not_to_start", why_not)
    with FakeTensorMode():
        x, points = torch.empty(1, 8, 5, 7, device="cuda"), torch.empty(1, 2, 2, 10, 14, device="cuda")
        assert choice.choose(x, points, "auto") == "plain"


@pytest.mark.unhooked
def test_refusals_say_why(monkeypatch: pytest.MonkeyPatch):
    x, points = torch.rand(1, 4, 3, 3), torch.rand(1, 2, 2, 6, 6)
    monkeypatch.setattr(triton_division, "why_not", lambda: None)
    with pytest.raises(ValueError, match="because it is for GPUs, and the map is on device type 'cpu'"):
        sample(x, points, implementation="triton")
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("DYSAMPLE_KERNEL", "triton")
    rule = "variable DYSAMPLE_KERNEL is 'triton', which is not available, because"
    with pytest.raises(ValueError, match=rule):
        sample(x, points)
