"""The public names: listed in a file, importable, explained; and when they are imported."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from collections import Counter
from pkgutil import iter_modules

import pytest

import dysample
from scripts import api_surface
from tests import ROOT

pytestmark = pytest.mark.slow

SURFACE: dict[str, list[str]] = json.loads(api_surface.FILE.read_text(encoding="utf-8"))
NAMES = [(package, name) for package, names in SURFACE.items() for name in names]
LAZY = ("dysample", "dysample.models", "dysample.training")


def run(program: str) -> str:
    """What a program prints in a fresh process, without the shape hook."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_file_lists_what_the_packages_export():
    assert api_surface.surface() == SURFACE, "run `python scripts/api_surface.py` and look at what changed"


def test_every_package_is_in_the_file():
    packages = {f"dysample.{module.name}" for module in iter_modules(dysample.__path__) if module.ispkg}
    assert SURFACE.keys() == {"dysample", *packages}


@pytest.mark.parametrize(("package", "name"), NAMES, ids=lambda each: each)
def test_every_name_can_be_imported_and_says_what_it_is(package: str, name: str):
    value = getattr(importlib.import_module(package), name)
    assert not inspect.ismodule(value)
    assert name in dir(importlib.import_module(package))
    if inspect.isclass(value) or inspect.isfunction(value):
        assert (value.__doc__ or "").strip()
        assert not value.__doc__.startswith(f"{name}("), "this is the docstring that dataclass makes up"


@pytest.mark.parametrize("folder", ["app", "dysample"])
def test_every_public_class_name_exists_once(folder: str):
    files = (ROOT / folder).rglob("*.py")
    names = Counter(
        node.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert names, "no class was found"
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("package", LAZY)
def test_no_name_of_a_lazy_package_is_that_of_a_submodule(package: str):
    """Importing the submodule would put it in the place of the name."""
    modules = {module.name for module in iter_modules(importlib.import_module(package).__path__)}
    assert modules.isdisjoint(SURFACE[package])


@pytest.mark.parametrize("package", LAZY)
def test_a_lazy_package_refuses_other_names(package: str):
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = importlib.import_module(package).nothing


NAMESAKES = {
    "explain": ("disorder", "footprint", "one_point", "overlap"),
    "swap": ("audit",),
    "trial": ("survey",),
}


def test_a_function_wins_over_its_module_of_the_same_name():
    """Whatever is imported first; the module stays in reach of `from` and of `import_module`."""
    lines = ["import importlib"]
    for package, names in NAMESAKES.items():
        for name in names:
            module = f"dysample.{package}.{name}"
            lines += [
                f"from {module} import {name} as first",
                f"from dysample.{package} import {name} as second",
                f"import {module}, {module} as bound",
                f"print({module!r}, first is second is bound is dysample.{package}.{name}, callable(first),"
                f" importlib.import_module('{module}').{name} is first)",
            ]
    modules = [f"dysample.{package}.{name}" for package, names in NAMESAKES.items() for name in names]
    assert run("\n".join(lines)).splitlines() == [f"{module} True True True" for module in modules]


def test_importing_the_package_imports_no_torch_and_its_rooms_are_there_when_asked_for():
    program = (
        "import sys, dysample; print('torch' in sys.modules, 'geometry' in dir(dysample));"
        "print(dysample.geometry.sample.__name__, dysample.explain.footprint.__name__, dysample.__version__);"
        "from dysample import *; print(DySample.__name__, sorted(OPERATORS)[0], build.__name__)"
    )
    words = ["False", "True", "sample", "footprint", dysample.__version__, "DySample", "a2u", "build"]
    assert run(program).split() == words


def test_importing_the_networks_imports_no_detectors():
    loaded = "print('torchvision' in sys.modules, 'transformers' in sys.modules);"
    program = f"import sys, dysample.models;{loaded} print(dysample.models.faster_rcnn.__name__);{loaded}"
    assert run(program).splitlines() == ["False False", "faster_rcnn", "True False"]


def test_recipes_are_read_without_the_extra():
    program = (
        "import sys; sys.modules['cv2'] = None;"
        "from dysample.training import load_recipe; print(load_recipe('indoor-depth').task.name)\n"
        "try:\n    from dysample.training import PictureData\n"
        "except ImportError as error:\n    print(type(error).__name__, error)"
    )
    assert run(program).splitlines() == [
        "indoor-depth",
        "MissingExtraError dysample.training needs opencv-python-headless: pip install 'dysample-lab[train]'",
    ]
