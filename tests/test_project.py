"""The project's own promises: how it is started, what it is built on, and that its checks are awake."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

from dysample import extras
from dysample.models.manifest import load_manifest
from scripts import readme_scores
from tests import ROOT


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported_packages(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in the file."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def lines(name: str) -> list[str]:
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def pins(name: str) -> dict[str, Requirement]:
    kept = [line for line in lines(name) if line and line[0] not in "#-"]
    return {requirement.name: requirement for requirement in map(Requirement, kept)}


def bounds() -> tuple[dict[str, Requirement], dict[str, Requirement]]:
    """What pyproject.toml asks for: to run the package and the app, and for development besides."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    apart = [*extras["models"], *extras["app"], *extras["train"]]
    runtime = map(Requirement, [*project["dependencies"], *apart])
    development = map(Requirement, [*extras["cluster"], *extras["test"], *extras["dev"]])
    own = project["name"]
    return {r.name: r for r in runtime if r.name != own}, {r.name: r for r in development if r.name != own}


def extra_names(extra: str) -> set[str]:
    """What an extra installs, through other extras of the project too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = set[str]()
    for requirement in map(Requirement, project["optional-dependencies"][extra]):
        own = requirement.name == project["name"]
        found |= set[str]().union(*map(extra_names, requirement.extras)) if own else {requirement.name}
    return found


def test_the_readme_begins_with_the_two_commands():
    commands = re.search(r"```\w*\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert commands is not None
    assert [line.partition("#")[0].strip() for line in commands[1].splitlines()] == ["make app", "make test"]


def test_the_readme_has_the_scores_of_the_shipped_weights():
    text = readme_scores.README.read_text(encoding="utf-8")
    table = readme_scores.score_table(load_manifest())
    assert table in text, "run `python scripts/readme_scores.py`"


def test_the_readme_s_examples_run():
    """The second goes on from the first; the third would need a photograph."""
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for example in examples[:2]:
        exec(example, names)
    assert "made_of" in names
    assert isinstance(names["y"], torch.Tensor)
    assert names["y"].shape == (1, 64, 60, 80)


def test_the_requirements_end_with_the_project_itself():
    assert lines("requirements.txt")[-1] == "-e ."


@pytest.mark.parametrize("development", [False, True], ids=["runtime", "development"])
def test_every_bound_has_a_pin_within_it(development: bool):
    wanted = bounds()[development]
    pinned = {**pins("requirements-test.txt"), **pins("requirements-dev.txt")}
    pinned = pinned if development else pins("requirements.txt")
    assert pinned.keys() == wanted.keys()
    for name, requirement in pinned.items():
        (pin,) = requirement.specifier
        assert pin.operator == "==", requirement
        assert wanted[name].specifier.contains(pin.version), f"{requirement} is outside of {wanted[name]}"
        assert requirement.extras == wanted[name].extras


def test_the_core_needs_five_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {Requirement(each).name for each in project["dependencies"]}
    assert names == {"jaxtyping", "numpy", "pillow", "safetensors", "torch"}


def test_the_tests_have_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    users = extra_names("all")
    for extra in project["optional-dependencies"].keys() - {"test", "dev"}:
        assert extra_names(extra) <= users, extra
    assert users <= extra_names("test") <= extra_names("dev")


def test_the_sentence_about_a_missing_package_names_an_extra_that_has_it():
    implied = {"huggingface-hub": "segmentation-models-pytorch"}  # which requires it
    for distribution, extra in extras._OPTIONAL.values():
        assert implied.get(distribution, distribution) in extra_names(extra)


@pytest.mark.parametrize("path", python_files("dysample"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_package_knows_nothing_of_the_app(path: Path):
    assert imported_packages(path).isdisjoint({"app", "plotly", "streamlit"})


def wrong_shapes() -> tuple[torch.Tensor, torch.Tensor]:
    """A map and points whose axis of coordinates has three entries instead of two."""
    return torch.zeros(1, 4, 3, 3), torch.zeros(1, 1, 3, 6, 6)


def test_the_shape_hook_is_awake():
    from jaxtyping import TypeCheckError

    from dysample.geometry import sample

    with pytest.raises(TypeCheckError):
        sample(*wrong_shapes())


@pytest.mark.unhooked
def test_the_shape_hook_is_away():
    from dysample.geometry import sample

    # The function's own check speaks, in words for people.
    with pytest.raises(ValueError, match="points must have shape"):
        sample(*wrong_shapes())
