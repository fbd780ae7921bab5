"""What was measured, section by section."""

import streamlit as st

from app.compute import cost_counts, cost_files
from app.figures import cost_memory as memory_figures
from app.figures import cost_parts as parts_figures
from app.figures import cost_tables as tables
from app.figures import cost_words as words
from app.figures.cost_bars import bars, bars_data
from app.figures.cost_rows import LAYOUTS, Pass, Way, of_way, reasons, size_of, sizes, spoken, timed, ways
from app.figures.cost_sizes import ends, lines, lines_data
from app.figures.evidence_pairs import printed_ranges
from app.records import CostResult
from app.views.cost_bubbles import bubbles_section
from app.widgets import cost_controls as controls
from app.widgets.evidence_controls import table, table_download
from app.widgets.figure_block import figure_block
from app.widgets.prose import prose
from dysample.analysis.bench.asked import PAPER_SIZE
from dysample.analysis.bench.measuring import BenchRow


@st.fragment
def results_sections(result: CostResult) -> None:
    """Draw all that is known of a result."""
    with st.container(horizontal=True, gap="large"):
        way = _way(result)
        which = _which(result)
    st.caption(words.machine_line(result, way))
    rows = of_way(result.rows, way)
    first = [row for row in rows if size_of(row) == size_of(rows[0])]
    _time(result, first, which)
    _paper(first)
    left, right = st.columns(2, gap="large")
    with left:
        _parts(result)
    with right:
        _sizes(result, rows, which)
    bubbles_section(result, timed(first, which), way)
    _counts(result, first)
    _downloads(result)


def bars_section(result: CostResult) -> None:
    """Draw the bars of forward time alone, while there is more to come."""
    first = [row for row in result.rows if size_of(row) == size_of(result.rows[0])]
    _bars(result, first, "forward", key="cost-live-bars")


def _way(result: CostResult) -> Way:
    there = ways(result.rows)
    names = [", ".join(filter(None, (LAYOUTS[way.layout], way.implementation))) for way in there]
    return there[controls.way_choice(names)]


def _which(result: CostResult) -> Pass:
    return controls.pass_choice(words.PASSES) if any(row.training for row in result.rows) else "forward"


def _time(result: CostResult, rows: list[BenchRow], which: Pass) -> None:
    found = timed(rows, which)
    if found:
        st.markdown(f"##### {words.headline(found, which)}")
        _bars(result, rows, which, key="cost-bars")
    if why := reasons(rows):
        st.info(words.refused(why))


def _bars(result: CostResult, rows: list[BenchRow], which: Pass, *, key: str) -> None:
    found = timed(rows, which)
    if not found:
        return
    paper = which == "forward" and size_of(rows[0]) == PAPER_SIZE and rows[0].case.scale == 2
    copy = result.copy if which == "forward" else None
    figure_block(
        bars(found, copy=copy, printed=printed_ranges() if paper else None),
        caption=words.bars_caption(found, which, copy, paper=paper),
        alt=words.bars_alt(found, which),
        name=f"Time beside bilinear, {spoken(size_of(rows[0]))}, {words.PASSES[which].lower()}",
        data=bars_data(found, copy),
        key=key,
    )


def _parts(result: CostResult) -> None:
    if result.profile is None or not result.profile.calls:
        return
    calls = result.profile.calls
    st.subheader("What the time goes to")
    st.markdown(parts_figures.dominates(calls))
    figure_block(
        parts_figures.shares(calls),
        caption=words.SHARES_CAPTION,
        alt=parts_figures.shares_alt(calls),
        name="Shares of a forward call",
        data=parts_figures.shares_data(calls),
        key="cost-parts",
    )


def _paper(rows: list[BenchRow]) -> None:
    if size_of(rows[0]) != PAPER_SIZE:
        return
    columns = tables.beside_the_paper(timed(rows, "forward"))
    if columns["Operator"]:
        st.subheader("The paper’s times beside these")
        table(columns, tables.FORMATS, key="cost-paper")
        st.caption(words.paper_caption())


def _sizes(result: CostResult, rows: tuple[BenchRow, ...], which: Pass) -> None:
    st.subheader("Over the size of the map")
    if len(sizes(rows)) == 1:
        other = cost_files.committed_sizes()
        if not isinstance(other, CostResult):
            prose("cost_sizes")
            return
        result, rows, which = other, of_way(other.rows, ways(other.rows)[0]), "forward"
    figure_block(
        lines(rows, which),
        caption=words.lines_caption(which, rows[0].case.channels, result),
        alt=words.lines_alt(ends(rows, which)),
        name=f"Time over size, {rows[0].case.channels} channels",
        data=lines_data(rows, which),
        key="cost-sizes",
    )


def _counts(result: CostResult, rows: list[BenchRow]) -> None:
    st.subheader("Operations, parameters, memory")
    counted = [row for row in rows if row.macs.value]
    there = [row for row in rows if row.peak.value is not None]
    left, right = st.columns(2, gap="large")
    with left:
        if counted:
            figure_block(
                memory_figures.counts(counted),
                caption=words.COUNTS_CAPTION,
                alt=memory_figures.counts_alt(counted),
                name=f"Multiply-accumulates, {spoken(size_of(rows[0]))}",
                data=memory_figures.counts_data(counted),
                key="cost-counts",
            )
    with right:
        if there:
            figure_block(
                memory_figures.memory(there),
                caption=words.MEMORY_CAPTION,
                alt=memory_figures.memory_alt(there),
                name=f"Memory, {spoken(size_of(rows[0]))}",
                data=memory_figures.memory_data(there),
                key="cost-memory",
            )
        else:
            prose("cost_memory")
    columns = tables.numbers(rows, result.copy, cost_counts.weights(size_of(rows[0]), rows))
    table(columns, tables.FORMATS, key="cost-numbers")
    st.caption(words.TABLE_CAPTION)
    table_download(lambda: tables.as_csv(columns), "Cost", key="cost-csv")


def _downloads(result: CostResult) -> None:
    st.subheader("Measure it elsewhere")
    prose("cost_commands")
    lines = [result.command, *([result.profile.command] if result.profile else [])]
    controls.commands(lines)
    if result.json:
        controls.report_download(result.json, f"benchmark-{result.date[:10]}")
