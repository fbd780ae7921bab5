"""The sections of a result: time, the paper, parts, sizes, score against time, counts, downloads."""

import streamlit as st

from app.components.figure.block import figure_block
from app.pages import page_at
from app.records import CostResult
from app.shared.controls import prose
from app.shared.literal import plain
from app.views.cost import compute, controls, memory, words
from app.views.cost.rows import (
    LAYOUTS,
    Pass,
    Way,
    of_way,
    reasons,
    size_of,
    sizes,
    spoken,
    timed,
    ways,
)
from app.views.cost.times import bars, bars_data, ends, lines, lines_data
from app.views.evidence.bubbles import (
    printed_ranges,
)
from app.views.evidence.choice import table, table_download
from dysample.measure.bench import BenchRow
from dysample.measure.case import PAPER_SIZE


@st.fragment
def results_sections(result: CostResult) -> None:
    """Draw all sections of a result."""
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
    _buys()
    _counts(result, first)
    _downloads(result)


def bars_section(result: CostResult) -> None:
    """Draw the bars of forward time alone, while measuring goes on."""
    way = ways(result.rows)[-1:]  # the one that is being measured
    rows = of_way(result.rows, way[0]) if way else result.rows
    first = [row for row in rows if size_of(row) == size_of(rows[0])]
    _bars(result, first, "forward", key="cost-live-bars")


def _way(result: CostResult) -> Way:
    there = ways(result.rows)
    types = {way.dtype for way in there}
    names = [
        ", ".join(
            filter(None, (LAYOUTS[way.layout], way.implementation, way.dtype if types > {way.dtype} else ""))
        )
        for way in there
    ]
    return there[controls.way_choice(names)]


def _which(result: CostResult) -> Pass:
    return controls.pass_choice(words.PASSES) if any(row.training for row in result.rows) else "forward"


def _time(result: CostResult, rows: list[BenchRow], which: Pass) -> None:
    found = timed(rows, which)
    if found:
        st.markdown(f"##### {words.headline(found, which, result.machine)}")
        if paper := words.beside_headline(found) if _is_the_papers(rows, which) else "":
            st.markdown(paper)
        _bars(result, rows, which, key="cost-bars")
    if why := reasons(rows):
        st.info(plain(words.refused(why)))


def _bars(result: CostResult, rows: list[BenchRow], which: Pass, *, key: str) -> None:
    found = timed(rows, which)
    if not found:
        return
    paper = _is_the_papers(rows, which)
    copy = result.copy if which == "forward" else None
    figure_block(
        bars(found, copy=copy, printed=printed_ranges() if paper else None),
        caption=words.bars_caption(found, which, copy, paper=paper),
        alt=words.bars_alt(found, which),
        name=f"Time beside bilinear, {spoken(size_of(rows[0]))}, {words.PASSES[which].lower()}",
        data=bars_data(found, copy),
        key=key,
    )


def _is_the_papers(rows: list[BenchRow], which: Pass) -> bool:
    """Return whether the paper has times of such a map."""
    return which == "forward" and size_of(rows[0]) == PAPER_SIZE and rows[0].case.scale == 2


def _parts(result: CostResult) -> None:
    if result.profile is None or not result.profile.calls:
        return
    calls = result.profile.calls
    st.subheader("What the time goes to")
    st.markdown(memory.dominates(calls))
    figure_block(
        memory.shares(calls),
        caption=words.SHARES_CAPTION,
        alt=memory.shares_alt(calls),
        name="Shares of a forward call",
        data=memory.shares_data(calls),
        key="cost-parts",
    )


def _paper(rows: list[BenchRow]) -> None:
    if size_of(rows[0]) != PAPER_SIZE:
        return
    columns = words.beside_the_paper(timed(rows, "forward"))
    if columns["Operator"]:
        st.subheader("The paper’s times beside these")
        table(columns, words.FORMATS, key="cost-paper")
        st.caption(words.paper_caption())


def _sizes(result: CostResult, rows: tuple[BenchRow, ...], which: Pass) -> None:
    st.subheader("Over the size of the map")
    if len(sizes(rows)) == 1:
        other = compute.committed_sizes()
        if not isinstance(other, CostResult):
            prose("cost", "sizes")
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
                memory.counts(counted),
                caption=words.COUNTS_CAPTION,
                alt=memory.counts_alt(counted),
                name=f"Multiply-accumulates, {spoken(size_of(rows[0]))}",
                data=memory.counts_data(counted),
                key="cost-counts",
            )
    with right:
        if there:
            figure_block(
                memory.memory(there),
                caption=words.MEMORY_CAPTION,
                alt=memory.memory_alt(there),
                name=f"Memory, {spoken(size_of(rows[0]))}",
                data=memory.memory_data(there),
                key="cost-memory",
            )
        else:
            prose("cost", "memory")
    columns = words.numbers(rows, result.copy, compute.weights(size_of(rows[0]), rows))
    table(columns, words.FORMATS, key="cost-numbers")
    st.caption(words.TABLE_CAPTION)
    table_download(lambda: words.as_csv(columns), "Cost", key="cost-csv")


def _downloads(result: CostResult) -> None:
    st.subheader("Measure it elsewhere")
    prose("cost", "commands")
    lines = [result.command, *([result.profile.command] if result.profile else [])]
    controls.commands(lines)
    if result.json:
        controls.report_download(result.json, f"benchmark-{result.date[:10]}")


def _buys() -> None:
    """Draw the way to what the time buys, which has its home on another page."""
    st.subheader("What it buys")
    prose("cost", "buys")
    label = "Score and cost, on Evidence"
    st.page_link(page_at("evidence").script, label=label, icon=":material/arrow_forward:")
