"""Kinds of task are decided in tables alone, and a new task of a known kind is a recipe and weights."""

import ast
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest

from app import scenes
from app.pages import page_at
from app.views.compare.kinds import DRAWINGS
from dysample.cli import main
from dysample.models.manifest import load_manifest
from dysample.models.object_head import RegionHead
from dysample.models.tasks import KINDS, Kind
from dysample.scores.evidence import write_evidence
from dysample.scores.scorers import SCORERS
from dysample.training.truth import TRUTHS
from tests import ROOT
from tests.training.datasets import RECIPE, make_objects, make_start
from tests.views.depth import SIDES, make_pictures
from tests.views.evidence.made import depth, objects, segmentation
from tests.views.opened import forget, open_page

pytestmark = pytest.mark.slow

# File and name of the type, and of the tables. Nothing else may ask which kind a task is of.
KIND = ("dysample/models/tasks.py", "Kind")
TABLES = {
    ("dysample/models/tasks.py", "KINDS"),
    ("dysample/training/truth.py", "TRUTHS"),
    ("dysample/scores/scorers.py", "SCORERS"),
    ("app/views/compare/kinds.py", "DRAWINGS"),
    ("app/scenes/__init__.py", "TRUTHS"),
}


def assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """What a module assigns to names at its top."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value):
                found[name] = value
            case _:
                pass
    return found


def decisions(source: str, file: str) -> list[str]:
    """Where a module compares with the name of a kind, or has it as a key, outside of the tables."""
    tree = ast.parse(source)
    allowed = {id(value) for name, value in assigned(tree).items() if (file, name) in {KIND, *TABLES}}
    return [
        f"{file}:{part.lineno} asks for {ast.unparse(part)}"
        for node in ast.walk(tree)
        if id(node) not in allowed
        for part in asked(node)
        if any(isinstance(each, ast.Constant) and each.value in KINDS for each in ast.walk(part))
    ]


def asked(node: ast.AST) -> list[ast.expr]:
    """What a piece of code compares with, matches or looks up."""
    match node:
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.Dict():
            return [key for key in node.keys if key is not None]
        case ast.Subscript():
            return [node.slice]
        case ast.MatchValue():
            return [node.value]
        case _:
            return []


@pytest.mark.parametrize("folder", ["app", "dysample"])
def test_no_code_asks_for_a_kind_outside_the_tables(folder: str) -> None:
    found = [
        place
        for path in sorted((ROOT / folder).rglob("*.py"))
        for place in decisions(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        'if task.kind == "depth":\n    pass',
        'wide = task.kind in ("segmentation", "other")',
        'names: dict[str, str] = {"depth": "Depth"}',
        'loss = losses["depth"]',
        'match task.kind:\n    case "depth":\n        pass',
    ],
)
def test_a_question_for_a_kind_is_found_with_its_place(source: str) -> None:
    (place,) = decisions(source, "app/somewhere.py")
    assert place.startswith("app/somewhere.py:")


def test_every_table_is_a_literal_where_it_is_said_to_be() -> None:
    for file, name in TABLES:
        found = assigned(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        assert isinstance(found.get(name), ast.Dict), f"{file} has no {name}"


def test_every_floor_has_a_row_for_every_kind() -> None:
    for table in (KINDS, TRUTHS, SCORERS, DRAWINGS):
        assert tuple(table) == get_args(Kind)
    assert scenes.TRUTHS.keys() <= KINDS.keys()


# A task that no code knows, of each kind.


KIND_NAMES: tuple[Kind, ...] = get_args(Kind)
STUB = "stub-task"
TITLE = "Something new"
LIMITS = "It has seen noise alone."
PICTURE = "nyuv2-p0"
HEADS = ("bilinear", "dysample+")
OBJECTS = '["ground", "dark", "bright"]'
SHAPES: dict[Kind, tuple[str, str]] = {  # classes and widths, as a recipe writes them
    "segmentation": ('["dark", "bright"]', "[8]"),
    "depth": ("[]", "[8, 8, 8, 8, 8]"),
    "detection": (OBJECTS, "[16, 0, 16, 0]"),
    "instances": (OBJECTS, "[16, 0, 16, 8]"),
    "panoptic": (OBJECTS, "[16, 8, 16, 8]"),
}
# What the recipes of objects have besides, and the end of their file.
THINGS = 'things = ["dark", "bright"]\nreference = "dysample+"\n'
FILES: dict[Kind, str] = {
    "detection": '[coco]\nannotations = "objects.json"\n',
    "instances": '[coco]\nannotations = "objects.json"\n',
    "panoptic": '[coco]\nannotations = "panoptic.json"\n',
}
EVIDENCE = {
    "segmentation": lambda: segmentation(STUB, (0, 1)),
    "depth": depth,
    "detection": lambda: objects("detection"),
    "instances": lambda: objects("instances"),
    "panoptic": lambda: objects("panoptic"),
}


def stub_recipe(kind: Kind) -> str:
    """A recipe in the flat form that users write."""
    classes, widths = SHAPES[kind]
    changes = {
        'task = "made-task"': f'task = "{STUB}"',
        'kind = "segmentation"': f'kind = "{kind}"',
        'title = "Made"': f'title = "{TITLE}"',
        'dataset = "camvid"': 'dataset = "nyuv2"',
        'limits = "Squares."': f'limits = "{LIMITS}"',
        'classes = ["dark", "bright"]': f"classes = {classes}",
        'scored = ["dark", "bright"]': f"scored = {classes}",
        "widths = [8]": f"widths = {widths}",
        "working_side = 48": "working_side = 64",
        "epochs = 2": "epochs = 1",
    }
    text = RECIPE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    if kind in FILES:
        text = text.replace("working_side", f"{THINGS}working_side") + FILES[kind]
    return text


@pytest.fixture(scope="module", params=KIND_NAMES)
def stub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Kind, Path]:
    """A folder with a recipe, pictures, and weights that the command line trained for a step and packed."""
    kind: Kind = request.param
    folder = make_pictures(tmp_path_factory.mktemp(kind))
    shutil.copy(folder / "nyuv2" / "test.txt", folder / "nyuv2" / "train.txt")
    make_objects(folder / "nyuv2", ("p0", "p1"), SIDES)
    make_start(folder)
    (folder / "recipes").mkdir()
    recipe = folder / "recipes" / f"{STUB}.toml"
    recipe.write_text(stub_recipe(kind))
    where = [str(recipe), "--data", str(folder), "--runs", str(folder / "runs"), "--device", "cpu"]
    assert main(["train", *where, "--upsampler", *HEADS]) == 0
    assert main(["pack", *where, "--pretrained", str(folder / "pretrained")]) == 0
    made = replace(EVIDENCE[kind](), task=STUB, title=TITLE)
    write_evidence(folder / "pretrained" / STUB / "evidence.json", made)
    return kind, folder


@pytest.fixture
def kind(stub: tuple[Kind, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """The only task that there is, anywhere, is the stub of this kind."""
    monkeypatch.setattr("dysample.training.recipe.RECIPES", stub[1] / "recipes")
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(stub[1] / "pretrained"))
    monkeypatch.setenv("DYSAMPLE_DATA", str(stub[1]))
    forget()
    yield stub[0]
    forget()


def opened(address: str, **query: str) -> AppTest:
    app = open_page(address)
    for name, value in {"picture": PICTURE, **query}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert not app.error
    return app


def control(app: AppTest, key: str) -> list[str]:
    (found,) = [each for each in app.get("button_group") if each.key == key]
    return list(found.options)


@pytest.mark.slow
def test_compare_shows_the_new_task_as_its_kind_is_drawn(kind: Kind) -> None:
    app = opened("compare")
    assert app.selectbox(key="task").options == [TITLE]
    assert control(app, "show")[0] == DRAWINGS[kind].answers
    assert any(LIMITS in text.value for text in app.markdown)
    shown = app.dataframe[0].value.set_index("Upsampler")
    assert list(shown.index) == ["Bilinear", "DySample+"]
    assert {number.title for number in DRAWINGS[kind].numbers} <= set(shown.columns)
    for name in SCORERS[kind].shown:
        (title,) = [
            each.title for each in DRAWINGS[kind].numbers if (each.record, each.field) == ("score", name)
        ]
        assert shown[title].notna().all()
    sent = [json.loads(each.proto.json) for each in app.get("bidi_component")]
    layers = next(data for data in sent if data["key"] == "panes")["layers"]
    assert [layer["title"] for layer in layers] == ["Bilinear", "DySample+", "Truth"]
    assert not [title for title in opened("compare", picture="coffee").dataframe[0].value if "here" in title]


@pytest.mark.slow
def test_the_score_threshold_needs_no_new_run(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("compare", threshold="0.05")
    if KINDS[kind].above is None:
        assert not app.slider
        return
    assert app.slider(key="threshold").value == 0.05
    assert control(app, "show")[1] == "Changes from DySample+"
    shown = app.dataframe[0].value.set_index("Upsampler")
    assert (shown["Objects"] > 0).all()
    before = sum(shown["Objects"])

    def no_run(*_: object) -> None:
        raise AssertionError("a network runs")

    monkeypatch.setattr(RegionHead, "decode", no_run)
    app.slider(key="threshold").set_value(0.95).run()
    assert not app.exception
    shown = app.dataframe[0].value.set_index("Upsampler")
    assert sum(shown["Objects"]) < before
    for nonsense in ("much", "7"):
        assert opened("compare", threshold=nonsense).slider(key="threshold").value == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("address", ["offsets", "point"])
def test_explorer_pages_look_into_the_new_task(kind: Kind, address: str) -> None:
    app = opened(address, op="DySample+")
    assert control(app, "task") == [TITLE]
    assert any(box.label == "Upsampling step" for box in app.selectbox)


@pytest.mark.slow
def test_the_evidence_page_has_the_new_task_beside_the_paper(kind: Kind) -> None:
    app = AppTest.from_file(str(page_at("evidence").file), default_timeout=240).run()
    assert not app.exception
    assert control(app, "evidence_task") == [TITLE]
    assert len(app.dataframe[0].value) == len(EVIDENCE[kind]().rows)
    section = next(each for each in app.get("button_group") if each.key == "evidence_section")
    section.set_value("Beside the paper").run()
    assert not app.exception
    app.selectbox(key="evidence_table").set_value(SCORERS[kind].paper).run()
    assert not app.exception
    assert control(app, f"evidence_task_{kind}") == [TITLE]


@pytest.mark.slow
def test_the_model_card_of_the_new_task_has_the_scores_of_its_kind(stub: tuple[Kind, Path]) -> None:
    kind, folder = stub
    card = (folder / "pretrained" / STUB / "README.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {TITLE}: `{STUB}`")
    assert TRUTHS[kind].words(load_manifest(folder / "pretrained").task(STUB)) in card
    (line,) = [line for line in card.splitlines() if line.startswith("| DySample+ |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
    assert len(cells) == len(SCORERS[kind].shown)
    assert all(float(cell) >= 0 for cell in cells)
