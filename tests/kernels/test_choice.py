"""Choosing an implementation, reporting what is available, and installing without a compiler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import dysample
from dysample.geometry import sample
from dysample.kernels import choice, native
from dysample.kernels.native import LANES
from tests import ROOT

needs_native = pytest.mark.skipif(not LANES, reason="the native library was not compiled")
X, POINTS = torch.rand(1, 4, 3, 3), torch.rand(1, 2, 2, 6, 6)


def test_the_fastest_that_can_read_a_map_is_chosen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DYSAMPLE_KERNEL", raising=False)
    fastest = "native" if LANES else "plain"
    assert choice.choose(X, POINTS, None) == fastest
    assert choice.choose(X.half(), POINTS, "auto") == fastest
    assert choice.choose(X.double(), POINTS.double(), None) == "plain"
    assert choice.choose(X.to("meta"), POINTS.to("meta"), None) == "plain"


@needs_native
def test_the_variable_applies_to_maps_that_its_choice_can_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DYSAMPLE_KERNEL", "plain")
    assert choice.choose(X, POINTS, None) == "plain"
    assert choice.choose(X, POINTS, "native") == "native"
    assert choice.choose(X, POINTS, "auto") == "native"
    monkeypatch.setenv("DYSAMPLE_KERNEL", "native")
    assert choice.choose(X, POINTS, None) == "native"
    assert choice.choose(X.double(), POINTS.double(), None) == "plain"
    assert dysample.info().wish == "native"


@pytest.mark.unhooked
def test_refusals(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(
        ValueError, match="implementation must be one of auto, native, triton, plain, got 'fast'"
    ):
        sample(X, POINTS, implementation="fast")
    with pytest.raises(ValueError, match="cannot read this map, because it"):
        sample(X.double(), POINTS.double(), implementation="native")
    monkeypatch.setenv("DYSAMPLE_KERNEL", "quick")
    with pytest.raises(ValueError, match=r"variable DYSAMPLE_KERNEL must be one of .* got 'quick'"):
        sample(X, POINTS)


def test_maps_too_large_to_be_counted_in_32_bits_are_left_to_others():
    shape = (1, 1, 2**16, 2**15)
    large = torch.empty(1).expand(shape)
    assert "fewer than 2147483648 pixels" in str(native.why_not_for(large, POINTS))
    assert "sides of at most" in str(native.why_not_for(torch.empty(1).expand(1, 1, 1, 2**23), POINTS))


def test_info_reports_what_is_available():
    info = dysample.info()
    assert (info.dysample, info.torch) == (dysample.__version__, torch.__version__)
    assert [row.name for row in info.implementations] == ["native", "triton", "plain"]
    assert info.implementations[-1].reason is None
    assert (info.implementations[0].reason is None) == bool(info.instructions)
    assert f"PyTorch {torch.__version__}" in str(info)
    assert "plain: available" in str(info)


def test_a_missing_or_broken_library_is_reported(tmp_path: Path):
    assert "C compiler" in str(native.load(None)) or sys.platform != "linux"
    broken = tmp_path / "_native.so"
    broken.write_text("no library")
    assert "cannot be loaded" in str(native.load(broken))


@pytest.mark.skipif(sys.platform != "linux", reason="compiled only on Linux")
def test_without_a_compiler_the_package_installs_and_falls_back_to_plain(tmp_path: Path):
    """If the compiler fails, the package is built without the library and works."""
    pytest.importorskip("setuptools")
    target = ("--build-lib", str(tmp_path / "built"), "--build-temp", str(tmp_path / "scratch"))
    build = subprocess.run(
        [sys.executable, "setup.py", "-q", "build", *target],
        cwd=ROOT,
        env=os.environ | {"CC": "/bin/false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    assert (tmp_path / "built" / "dysample" / "kernels" / "native.py").exists()
    assert native.find(tmp_path / "built" / "dysample" / "kernels") is None
    program = (
        "import torch, dysample; from dysample.geometry import sample;"
        "print(dysample.__file__, dysample.info());"
        "print(sample(torch.ones(1, 2, 3, 3), torch.full((1, 1, 2, 4, 4), 1.5)).sum().item())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "built",
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path) in run.stdout
    assert "native: not available, because it was not compiled" in run.stdout
    assert run.stdout.split()[-1] == "32.0"
