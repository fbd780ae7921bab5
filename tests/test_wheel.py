"""The wheel, built and installed without a network: what is in it, and what runs with the core alone."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import ROOT

pytestmark = pytest.mark.slow

# Of a checkout; `app` too, to see that it is left out.
_SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE", "app", "dysample")
_BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

BLOCKED = {blocked!r}
sys.meta_path.insert(0, Blocker())
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """The wheel and where it was installed.

    Attributes:
        names: Of the files in the wheel.
        site: Folder that it was installed into.
        blocker: Folder of a `sitecustomize` that hides what the core does not bring.
        elsewhere: An empty folder to run in.
    """

    names: tuple[str, ...]
    site: Path
    blocker: Path
    elsewhere: Path

    def run(self, *words: str, core_alone: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Python with the installed package, with or without what else this machine has."""
        folders = [self.site, *([self.blocker] if core_alone else [])]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DYSAMPLE_")}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, folders))
        command = [sys.executable, *words]
        return subprocess.run(
            command, cwd=self.elsewhere, env=environment, capture_output=True, text=True, check=False
        )


def outside_the_core() -> set[str]:
    """Modules of installed distributions that neither the core nor what it needs brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {project["name"]}
    waiting = [canonicalize_name(Requirement(each).name) for each in project["dependencies"]]
    while waiting:
        name = waiting.pop()
        if name in core:
            continue
        core.add(name)
        for requirement in map(Requirement, metadata.requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))
    modules = metadata.packages_distributions()
    brought = {module for module, names in modules.items() if core & set(map(canonicalize_name, names))}
    return modules.keys() - brought - sys.stdlib_module_names


def pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    source, built, site, blocker, elsewhere = (
        folder / name for name in ("source", "built", "site", "blocker", "elsewhere")
    )
    for each in (source, built, blocker, elsewhere):
        each.mkdir()
    leave = shutil.ignore_patterns("*.so", "__pycache__")
    for name in _SOURCES:
        path = ROOT / name
        shutil.copytree(path, source / name, ignore=leave) if path.is_dir() else shutil.copy(path, source)
    make = f"from setuptools import build_meta; build_meta.build_sdist({str(built)!r})"
    subprocess.run([sys.executable, "-c", make], cwd=source, capture_output=True, check=True)
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(built, filter="data")
    offline = ("--no-index", "--no-deps")
    # From the sdist, which must hold all that the wheel is made of.
    pip("wheel", *offline, "--no-build-isolation", "-w", built, built / sdist.name.removesuffix(".tar.gz"))
    (wheel,) = built.glob("*.whl")
    pip("install", *offline, "--target", site, wheel)
    (blocker / "sitecustomize.py").write_text(_BLOCKER.format(blocked=outside_the_core()), encoding="utf-8")
    with ZipFile(wheel) as archive:
        return Installed(tuple(archive.namelist()), site, blocker, elsewhere)


def core_program(installed: Installed, lines: Sequence[str]) -> list[str]:
    """What a program prints with nothing but the core."""
    ended = installed.run("-c", "\n".join(lines))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_extras_are_hidden():
    hidden = outside_the_core()
    assert hidden >= {"segmentation_models_pytorch", "torchvision", "streamlit", "plotly", "cv2", "skimage"}
    assert hidden >= {"ray", "timm", "transformers", "onnx", "onnxruntime", "huggingface_hub", "beartype"}
    assert hidden.isdisjoint({"torch", "numpy", "PIL", "jaxtyping", "safetensors", "dysample"})


def test_the_wheel_holds_the_package_and_its_data_alone(installed: Installed):
    tops = {name.partition("/")[0] for name in installed.names}
    assert tops == {"dysample", "dysample_lab-0.1.0.dist-info"}
    data = [
        path.relative_to(ROOT).as_posix()
        for pattern in ("py.typed", "scores/paper_tables/*.csv", "training/*.toml", "training/recipes/*.toml")
        for path in (ROOT / "dysample").glob(pattern)
    ]
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / "dysample").rglob("*.py")]
    assert len(data) > 10
    assert {*data, *modules} <= set(installed.names)


def test_the_wheel_holds_the_compiled_library_where_there_is_a_compiler(installed: Installed):
    compiled = [name for name in installed.names if re.fullmatch(r"dysample/kernels/_native\..*so", name)]
    assert len(compiled) == (sys.platform == "linux" and shutil.which("cc") is not None)


def test_the_readme_s_ten_lines_run(installed: Installed):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## The package in ten lines")[2]
    example = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert example is not None
    lines = [*example[1].splitlines(), "import dysample", "print(dysample.__file__)", "print(*y.shape)"]
    place, shape = core_program(installed, lines)
    assert Path(place).is_relative_to(installed.site)
    assert shape == "1 64 60 80"


def test_swapping_explaining_and_scoring_run(installed: Installed):
    printed = core_program(
        installed,
        [
            "import torch, numpy as np",
            "from dysample.swap import audit, swap_upsamplers",
            "from dysample.explain import dissect, footprint, offset_field",
            "from dysample.measure import count_macs",
            "from dysample.ops import build",
            "from dysample.scores import boundary_band",
            "from dysample.images import MIN_SIDE",
            "up = torch.nn.Upsample(scale_factor=2, mode='bilinear')",
            "model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), up, torch.nn.Conv2d(8, 5, 1))",
            "x = torch.rand(1, 3, 16, 16)",
            "swapped, report = swap_upsamplers(model, x, 'dysample')",
            "print(len(audit(model, x).sites), len(report.swapped), *swapped(x).shape)",
            "up, map_ = build('dysample', channels=8), torch.rand(1, 8, 6, 6)",
            "print(type(footprint(up, map_, at=(3, 4))).__name__, type(dissect(up, map_)).__name__)",
            "print(boundary_band(np.eye(4, dtype=np.uint8), 1).sum())",
        ],
    )
    assert printed == ["1 1 1 5 28 28", "Footprint Anatomy", "14"]


def test_every_public_package_is_imported_with_the_core_alone(installed: Installed):
    names = ("cli", "explain", "kernels", "measure", "models", "ops", "reassembly", "scores", "swap")
    names = (*names, "training", "trial", "images", "geometry", "types")
    lines = [f"import dysample.{name}" for name in names]
    lines += [
        "from dysample.training import load_recipe, recipe_names",
        "print(*map(load_recipe, recipe_names()))",
    ]
    lines += ["from dysample.scores import paper_table", "from dysample.scores.paper import TABLES"]
    lines += ["print(*map(paper_table, TABLES))"]
    assert len(core_program(installed, lines)) == 2


def test_the_command_answers(installed: Installed):
    ended = installed.run(str(installed.site / "bin" / "dysample"), "--help")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("usage: dysample [-h]")
    assert installed.run("-m", "dysample", "--help").stdout == ended.stdout
    refused = installed.run(str(installed.site / "bin" / "dysample"), "audit", "--model", "smp:Unet:resnet18")
    sentence = "smp:Unet:resnet18 needs segmentation-models-pytorch: pip install 'dysample-lab[models]'"
    assert (refused.returncode, refused.stderr) == (2, f"dysample: {sentence}\n")


def test_load_host_says_what_to_install_and_where_the_weights_are(installed: Installed):
    program = [
        "import dysample",
        "try:",
        "    dysample.load_host('street-segmentation')",
        "except (ImportError, RuntimeError) as error:",
        "    print(type(error).__name__, error)",
    ]
    sentence = "load_host needs segmentation-models-pytorch: pip install 'dysample-lab[models]'"
    assert core_program(installed, program) == [f"MissingExtraError {sentence}"]
    (told,) = installed.run("-c", "\n".join(program), core_alone=False).stdout.splitlines()
    assert told.startswith(
        f"WeightsError there are no weights in {installed.site / 'pretrained'}: they are in"
    )
    assert "the folder `pretrained` of the project's repository; set the variable DYSAMPLE_PRETRAINED" in told
