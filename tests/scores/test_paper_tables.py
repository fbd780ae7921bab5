"""The paper's tables, and our counts beside them: equal at the printed precision but for what is listed."""

from decimal import Decimal

from dysample.measure.complexity import HOSTS, added_macs, added_parameters
from dysample.measure.macs import PAPER
from dysample.ops.registry import OPERATORS
from dysample.scores.paper import KNOWN_DIFFERENCES, known_difference, paper_table, prints_as

GIGA = 10**9
# Networks by the table that has their figures.
HOST_OF = {
    "table4": "segformer-b1",
    "table6": "faster-rcnn",
    "table8": "panoptic-fpn",
    "table9": "depthformer",
}
LEARNED = [name for name, spec in OPERATORS.items() if spec.in_paper and spec.family != "fixed"]


def printed(table: str, column: str) -> dict[str, str]:
    """The increases of a column by operator; rows of plain interpolation hold totals."""
    found = paper_table(table)
    pairs = zip(found.column("upsampler"), found.column(column), strict=True)
    return {name: cell for name, cell in pairs if cell.startswith("+")}


def differing_parameters(table: str, host: str) -> set[str]:
    """Operators whose weights, biases and norms left out, do not print as the paper's figure."""
    figures = printed(table, "params")
    assert sorted(figures) == sorted(LEARNED)
    return {
        name
        for name, figure in figures.items()
        if not prints_as(added_parameters(name, HOSTS[host]).weights_only, figure)
    }


def differing_macs() -> set[str]:
    figures = printed("table4", "gflops")
    assert sorted(figures) == sorted(LEARNED)
    counts = {name: added_macs(name, HOSTS["segformer-b1"], rule=PAPER).value for name in figures}
    assert None not in counts.values()
    return {name for name in figures if not prints_as(int(counts[name]), figures[name], magnitude=GIGA)}


def test_parameters_of_table_4():
    assert differing_parameters("table4", "segformer-b1") == set()


def test_parameters_of_table_6():
    assert differing_parameters("table6", "faster-rcnn") == {"dysample"}
    # Digits cut off: neither count prints as the figure, which is 0.1K less than the rounded one.
    count = added_parameters("dysample", HOSTS["faster-rcnn"])
    assert (count.weights_only, count.all) == (32_768, 32_896)
    assert prints_as(count.weights_only, "+32.8K")
    assert Decimal(count.weights_only) // 100 * 100 == 32_700


def test_parameters_of_table_7_are_those_of_table_6():
    """Its caption says so."""
    assert "params" not in paper_table("table7").columns
    assert HOSTS["mask-rcnn"].table == "table6"
    assert HOSTS["mask-rcnn"].sites == HOSTS["faster-rcnn"].sites
    assert differing_parameters("table6", "mask-rcnn") == {"dysample"}


def test_parameters_of_table_8():
    assert differing_parameters("table8", "panoptic-fpn") == {"sapa", "dysample-s+"}
    sapa, plus, plain = (
        added_parameters(name, HOSTS["panoptic-fpn"]) for name in ("sapa", "dysample-s+", "dysample-s")
    )
    assert prints_as(sapa.all, "+0.1M")
    assert prints_as(plus.all, "+6.2K")
    assert plus.weights_only == 2 * plain.weights_only
    assert prints_as(plain.weights_only, "+3.1K")


def test_parameters_of_table_9():
    assert differing_parameters("table9", "depthformer") == {"a2u"}
    guides = [site.guide_channels for site in HOSTS["depthformer"].sites]
    count = added_parameters("a2u", HOSTS["depthformer"])
    with_biases = count.all - sum(4 * channels for channels in guides)  # two norms, factor and shift
    assert (count.weights_only, with_biases, count.all) == (27_968, 28_120, 31_064)
    assert not any(prints_as(number, "+30.0K") for number in (count.weights_only, with_biases, count.all))


def test_macs_of_table_4():
    """By the rule that gives the paper's figures, with the two that it does not give."""
    assert differing_macs() == {"indexnet", "fade"}
    indexnet, fade = (
        int(added_macs(name, HOSTS["segformer-b1"], rule=PAPER).value or 0) for name in ("indexnet", "fade")
    )
    # 30.646 rounds to 30.65, and 30.65 to 30.7.
    assert prints_as(indexnet, "30.65", magnitude=GIGA)
    assert prints_as(30_650_000_000, "+30.7", magnitude=GIGA)
    # The gate: a 1x1 convolution to one channel, and two products for every output element.
    gate = sum(site.height * site.width * (256 + 2 * 4 * 256) for site in HOSTS["segformer-b1"].sites)
    assert prints_as(fade, "+2.6", magnitude=GIGA)
    assert prints_as(fade + gate, "+2.7", magnitude=GIGA)


def test_only_the_paper_s_rule_gives_dysample_s_figures():
    figures = {name: figure for name, figure in printed("table4", "gflops").items() if "dysample" in name}
    assert len(figures) == 4
    for name, figure in figures.items():
        true = added_macs(name, HOSTS["segformer-b1"])
        assert not prints_as(int(true.value or 0), figure, magnitude=GIGA)


def test_the_baseline_of_table_4():
    row = paper_table("table4").where("upsampler", "bilinear")
    assert prints_as(13_715_798, row.column("params")[0])
    assert prints_as(15_878_062_080, row.column("gflops")[0], magnitude=GIGA)


def test_what_the_introduction_says_of_maskformer():
    """Three per cent of CARAFE's parameters, twenty of its operations."""
    host = HOSTS["maskformer"]
    ours, carafe = (added_parameters(name, host).all for name in ("dysample-s+", "carafe"))
    assert round(100 * ours / carafe) == 3
    ours, carafe = (int(added_macs(name, host, rule=PAPER).value or 0) for name in ("dysample-s+", "carafe"))
    assert round(100 * ours / carafe) == 20


def test_every_known_difference_is_one():
    assert len(KNOWN_DIFFERENCES) == 6
    for known in KNOWN_DIFFERENCES:
        assert known.upsampler in printed(known.table, known.column)
        assert known_difference(known.table, known.column, known.upsampler) == known
        assert known.reason.endswith(".")
    listed = {(known.table, known.upsampler) for known in KNOWN_DIFFERENCES if known.column == "params"}
    found = {(table, name) for table, host in HOST_OF.items() for name in differing_parameters(table, host)}
    assert listed == found
    assert {known.upsampler for known in KNOWN_DIFFERENCES if known.column == "gflops"} == differing_macs()
    assert known_difference("table4", "params", "carafe") is None
