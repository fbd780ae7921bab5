"""The C library in other processes: compiled to stop at undefined behaviour, and after a fork."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dysample.kernels.native import LANES
from tests import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LANES, reason="the native library was not compiled"),
]
COMPILER = shutil.which("cc")
# Conversions of floats to integers that cannot hold them are undefined too, but checked on request only.
CHECKS = "-fsanitize=undefined,float-cast-overflow"
# Maps, weights, points and gradients of every wild value, alone and among others, for all instruction sets.
WILD = """
import sys
from itertools import product
from pathlib import Path
import torch
from dysample.kernels import native

native._LOADED = native.load(Path(sys.argv[1]))
generator = torch.Generator().manual_seed(0)
def noise(*shape): return torch.randn(shape, generator=generator)

inf = float("inf")
wild = [float("nan"), inf, -inf, 3e38, -1e20, 2.0**31, -(2.0**31), 87.5, -87.5]
formats = (torch.contiguous_format, torch.channels_last)
for bad, instructions, form in product(wild, native.LANES, formats):
    for share in (0.2, 1.0):
        def spoil(x): return torch.where(torch.rand(x.shape, generator=generator) < share, bad, x)
        x = spoil(noise(2, 36, 3, 5)).to(memory_format=form)
        points = spoil(4 * noise(2, 2, 2, 6, 10))
        native.read(x, points, instructions)
        native.gradients(spoil(noise(2, 36, 6, 10)), x, points, instructions)
        grid = noise(1, 1, 2, 6, 10)
        for rows, inputs in ((16, 36), (4, 9)):
            weights = [noise(rows, inputs, 1, 1), noise(rows), noise(rows, inputs, 1, 1), noise(rows)]
            for k in range(5):
                spoiled = [spoil(w) if k == n else w for n, w in enumerate(weights)]
                factor = 1e300 if share == 1 else 0.25
                native.decide(noise(2, 36, 3, 5) if k < 4 else x, *spoiled, grid, factor, 2, 2, instructions)
print("clean")
"""
FORKED = """
import os, sys
import torch
from dysample.kernels import native

torch.set_num_threads(4)
x, points = torch.rand(1, 64, 60, 80), 60 * torch.rand(1, 4, 2, 120, 160)
weight, grid, slope = torch.rand(32, 64, 1, 1), torch.rand(1, 1, 2, 120, 160), torch.rand(1, 64, 120, 160)
def results():
    return (
        native.read(x, points),
        *native.gradients(slope, x, points),
        native.decide(x, weight, None, weight, None, grid, 0.25, 2, 4),
    )

before = results()
assert native.threads(before[0]) == 4
child = os.fork()
if child == 0:
    after = results()
    torch.set_num_threads(1)  # for torch's own functions
    same = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    print("equal" if same else "different", flush=True)
    os._exit(0)
os.waitpid(child, 0)
assert all(torch.equal(a, b) for a, b in zip(before, results(), strict=True))
print("threads", len(os.listdir("/proc/self/task")) >= 4)
"""


def run(program: str, *arguments: str, seconds: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
def test_wild_numbers_are_defined_behaviour(tmp_path: Path):
    """The process would stop at the first conversion or overflow that C does not define."""
    library = tmp_path / "checked.so"
    flags = ["-std=gnu11", "-O1", "-fopenmp", "-shared", "-fPIC", "-Wno-psabi", "-fno-math-errno"]
    source = ROOT / "dysample" / "kernels" / "native.c"
    built = [
        str(COMPILER),
        *flags,
        CHECKS,
        "-fsanitize-undefined-trap-on-error",
        str(source),
        "-o",
        str(library),
    ]
    subprocess.run(built, check=True, capture_output=True)
    assert run(WILD, str(library), seconds=120) == "clean\n"


@pytest.mark.skipif(sys.platform != "linux", reason="forks with threads")
def test_forked_children_do_not_wait_for_threads_that_they_do_not_have():
    assert run(FORKED, seconds=60) == "equal\nthreads True\n"
