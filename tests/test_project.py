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
from scripts import tables
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


def test_the_documents_have_the_generated_tables():
    written = "run `python -m scripts.tables`"
    assert tables.score_tables(load_manifest()) in tables.RESULTS.read_text(encoding="utf-8"), written
    assert tables.page_table() in tables.README.read_text(encoding="utf-8"), written


def python_blocks(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.slow
def test_the_readme_s_examples_run():
    """Every block, in order, with a model and a picture as a reader would have them."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.Upsample(scale_factor=2)).eval()
    names: dict[str, object] = {"model": model, "image": torch.rand(1, 3, 64, 96)}
    for example in python_blocks("README.md"):
        exec(example, names)
    assert isinstance(names["y"], torch.Tensor)
    assert names["y"].shape == (1, 64, 60, 80)
    assert isinstance(names["logits"], torch.Tensor)
    assert names["logits"].shape == (1, 21, 64, 96)
    assert isinstance(names["metres"], torch.Tensor)
    assert names["metres"].shape == (1, 1, 64, 96)
    assert names["model"] is not model


@pytest.mark.slow
def test_the_examples_of_the_method_run(capsys: pytest.CaptureFixture[str]):
    names: dict[str, object] = {}
    for example in python_blocks("docs/method.md"):
        exec(example, names)
    assert "made_of" in names
    steps = capsys.readouterr().out.splitlines()
    assert len(steps) == 6  # a line for every upsampling of the network


def test_the_requirements_end_with_the_project_itself():
    assert lines("requirements.txt")[-1] == "-e ."


@pytest.mark.parametrize("development", [False, True], ids=["runtime", "development"])
def test_every_bound_has_a_pin_within_it(development: bool):
    wanted = bounds()[development]
    lists = ("requirements-test.txt", "requirements-dev.txt", "requirements-cluster.txt")
    pinned = {name: pin for each in lists for name, pin in pins(each).items()}
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


def test_every_module_with_shapes_is_hooked():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    (option,) = [each for each in options["ini_options"]["addopts"] if "jaxtyping-packages" in each]
    *hooked, checker = option.partition("=")[2].split(",")
    assert checker == "beartype.beartype"
    for path in python_files("dysample"):
        if "\nfrom jaxtyping import" in path.read_text(encoding="utf-8"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            assert any(module == name or module.startswith(f"{name}.") for name in hooked), module


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
