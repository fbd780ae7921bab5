"""The paper's ablations: their upsamplers are those of its tables and fit the recipes."""

import csv
from importlib.resources import files

import pytest

from dysample.ops.dysample import DySample
from dysample.ops.registry import build
from dysample.training.recipe import ablation, ablations, load_recipe


def operators(name: str) -> list[DySample]:
    found = ablation(name)
    (width,) = load_recipe(found.recipe).task.widths
    made = [build(each, width) for each in found.upsamplers]
    return [op for op in made if isinstance(op, DySample)]


def paper(name: str) -> list[dict[str, str]]:
    text = files("dysample.scores").joinpath(f"paper_tables/{name}.csv").read_text()
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def test_table_1_starts_from_either_grid_without_scope() -> None:
    made = operators("table1")
    assert [op.initial for op in made] == [row["initialization"] for row in paper("table1")]
    assert {(op.groups, op.scope_factor, op.scope) for op in made} == {(1, 1.0, None)}


def test_table_2_has_the_scope_factors_of_the_paper() -> None:
    made = operators("table2")
    assert [op.scope_factor for op in made] == [float(row["scope_factor"]) for row in paper("table2")]
    assert {(op.groups, op.style, op.scope) for op in made} == {(1, "lp", None)}


def test_table_3_has_the_groups_and_scopes_of_the_paper() -> None:
    rows = [(int(row["groups"]), row["dynamic_scope"] == "true") for row in paper("table3")]
    assert [(op.groups, op.scope is not None) for op in operators("table3")] == rows


def test_figure_5_has_five_numbers_of_groups_in_both_styles() -> None:
    made = [(op.style, op.groups, op.scope) for op in operators("figure5")]
    assert made == [(style, groups, None) for style in ("lp", "pl") for groups in (1, 2, 4, 8, 16)]


def test_rows_that_two_tables_share_are_trained_once() -> None:
    """The paper's numbers agree there: the last of table 1 is the last of table 2, and so on."""
    assert ablation("table1").upsamplers[1] == ablation("table2").upsamplers[3]
    assert ablation("table2").upsamplers[1] == ablation("table3").upsamplers[0]
    assert {"dysample", "dysample-s"} <= set(ablation("figure5").upsamplers)


def test_an_unknown_ablation_is_refused() -> None:
    with pytest.raises(ValueError, match="there are table1, table2, table3, figure5"):
        ablation("table9")


def test_names_are_written_in_their_one_spelling() -> None:
    for each in ablations():
        assert ablation(each.name).upsamplers == each.upsamplers
