"""The files of the paper's tables, and printed figures."""

import pytest

from dysample.ops.registry import OPERATORS
from dysample.scores.paper import TABLES, paper_table, parse_figure, prints_as

GIGA = 10**9


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_whole(name: str):
    table = paper_table(name)
    assert table.title.lower().replace(" ", "").startswith(f"{name}:")
    assert "Learning to Upsample by Learning to Sample, ICCV 2023" in table.source
    assert len(set(table.columns)) == len(table.columns)
    assert table.rows
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert all(cell and cell == cell.strip() for row in table.rows for cell in row)
    assert len(set(table.rows)) == len(table.rows)
    if "upsampler" in table.columns and name != "figure8":
        assert all(OPERATORS[upsampler].in_paper for upsampler in table.column("upsampler"))
    for column in ("params", "gflops"):
        for cell in table.column(column) if column in table.columns else ():
            assert parse_figure(cell).digits > 0


def test_rows_say_whether_the_paper_compares_them():
    compared = {upsampler for name in TABLES[3:9] for upsampler in paper_table(name).column("upsampler")}
    assert compared == {name for name, spec in OPERATORS.items() if spec.in_paper}


def test_some_cells_as_they_are_printed():
    """From the PDF; trailing zeros belong to a figure."""
    assert paper_table("table4").where("upsampler", "dysample-s+").column("miou") == ("43.58",)
    r101 = paper_table("table6").where("backbone", "r101").where("upsampler", "dysample+")
    assert r101.column("ap") == ("40.5",)
    segm = paper_table("table7").where("task", "segm").where("upsampler", "carafe")
    assert (segm.column("ap"), segm.column("ap_l")) == (("35.4",), ("51.3",))
    assert paper_table("table4").where("upsampler", "deconv").column("biou") == ("25.94",)
    assert paper_table("table9").where("upsampler", "a2u").column("params") == ("+30.0K",)
    assert paper_table("table9").where("upsampler", "dysample+").column("delta1") == ("0.878",)
    assert paper_table("figure8").where("upsampler", "bilinear").column("latency_ms_low") == ("1.6",)
    assert [len(paper_table(name).rows) for name in TABLES] == [2, 4, 4, 12, 6, 14, 28, 14, 12, 2]


@pytest.mark.parametrize(
    ("value", "figure", "equal"),
    [
        (49_152, "+49.2K", True),
        (49_149, "+49.1K", True),
        (49_150, "+49.1K", False),
        (49_150, "49.2K", True),
        (98_304, "+0.1M", True),
        (49_152, "+0.1M", False),
        (149_999, "+0.1M", True),
        (150_000, "+0.1M", False),
        (6_144, "+6.1K", True),
        (6_144, "+6.14K", True),
        (6_144, "+6.10K", False),
        (13_735_148, "13.7M", True),
        (2_500_000_000, "3G", True),
        (7, "7", True),
    ],
)
def test_rounding_to_what_is_printed(value: int, figure: str, equal: bool):
    assert prints_as(value, figure) is equal


def test_the_unit_of_a_column_counts_where_no_letter_stands():
    assert prints_as(34_426_847_232, "+34.4", magnitude=GIGA)
    assert prints_as(49_152, "+49.2K", magnitude=GIGA)


@pytest.mark.parametrize("text", ["", "+", "K", "12.3X", "1,000", "12.3 K", "–"])
def test_what_is_no_figure(text: str):
    with pytest.raises(ValueError, match="a figure must read like"):
        parse_figure(text)


def test_what_there_is_not():
    with pytest.raises(ValueError, match="the paper has no 'table10' here; there are table1, "):
        paper_table("table10")
    with pytest.raises(ValueError, match=r"Table 2: .* has no column 'params'; there are scope_factor, "):
        paper_table("table2").column("params")
    with pytest.raises(ValueError, match="has no column 'host'"):
        paper_table("table2").where("host", "x")
    assert paper_table("table4").where("upsampler", "none").rows == ()
