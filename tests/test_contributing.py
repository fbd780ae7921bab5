"""CONTRIBUTING.md: what it says that an operator, a task and a page cost is where the existing ones are."""

import importlib
import re
from typing import get_args

import pytest

from app.pages import PAGES
from dysample.models.manifest import load_manifest
from dysample.models.tasks import Kind
from dysample.ops.registry import OPERATORS
from tests import ROOT
from tests.ops import kernel_loops, loops

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def steps(heading: str) -> list[str]:
    """The numbered steps under a heading."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. (.*)$", section, re.MULTILINE)


def places(heading: str, **names: str) -> list[str]:
    """The files and folders that the steps under a heading begin with, with names filled in."""
    found = [re.match(r"`([^`]+)`", step) for step in steps(heading)]
    paths = [match[1] for match in found if match is not None]
    return [re.sub(r"<(\w+)>", lambda gap: names[gap[1]], path) for path in paths]


def missing(paths: list[str]) -> list[str]:
    return [path for path in paths if not (ROOT / path).exists()]


def document(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_where_a_new_one_would_be(name: str) -> None:
    module = OPERATORS[name].factory.__module__
    paths = places("A new operator", name=module.rpartition(".")[2])
    assert len(paths) == len(steps("A new operator")) == 5
    assert not missing(paths)
    assert paths[0] == f"{module.replace('.', '/')}.py"
    assert f"| `{name}` |" in document("README.md")


@pytest.mark.parametrize("module", sorted({spec.factory.__module__ for spec in OPERATORS.values()}))
def test_every_operator_has_an_independent_loop_or_library(module: str) -> None:
    """The loop has the operator's name; points have loops of their own, and layers of torch are torch's."""
    name = module.rpartition(".")[2]
    assert importlib.import_module(module).__doc__
    by_points, by_torch = {"dysample"}, {"fixed", "deconv", "pixelshuffle"}
    by_kernels = {each for each in vars(kernel_loops) if not each.startswith("_")}
    assert name in by_points | by_torch or any(name in each for each in by_kernels), f"no loop for {name}"
    assert callable(loops.raw_offset)


@pytest.mark.parametrize("task", load_manifest().tasks, ids=lambda task: task.name)
def test_every_task_is_where_a_new_one_would_be(task) -> None:
    paths = places("A new task of a known kind", task=task.name)
    assert len(paths) == len(steps("A new task of a known kind")) == 4
    assert not missing(paths)
    assert (ROOT / "pretrained" / task.name / "README.md").is_file()
    assert task.name in document("NOTICE")
    assert f"| `{task.name}` |" in document("README.md")


def test_every_table_of_a_kind_is_where_the_guide_says() -> None:
    for step in steps("A new kind of task"):
        table, path = re.findall(r"`([^`]+)`", step)[:2]
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        assert set(vars(module)[table]) <= set(get_args(Kind))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.address)
def test_every_page_is_where_a_new_one_would_be(page) -> None:
    paths = places("A new page", page=page.address)
    assert len(paths) == len(steps("A new page")) == 3
    assert not missing(paths)
    assert list((ROOT / paths[2]).glob("test_*.py"))


def test_every_path_of_the_layout_exists() -> None:
    layout = TEXT.partition("## Where things are")[2].partition("```")[2].partition("```")[0]
    named = re.findall(r"(?:app|dysample|tests)/[\w./<>]*", layout)
    assert len(named) > 12
    assert not missing([path.replace("<page>", "compare") for path in named])
