"""Captions, text alternatives and tables of the Cost page."""

from collections.abc import Callable, Mapping, Sequence

from app.records import CostResult
from app.shared.worker import load_words
from app.views.cost.rows import LAYOUTS, Pass, Timed, Way, label, number, plain, size_of, spoken, timed
from app.views.evidence.bubbles import printed_ranges
from app.views.evidence.gains import listed
from app.views.evidence.tables import Cells, Columns, as_csv
from dysample.measure.bench import BenchRow, share_of_copy
from dysample.measure.machine import Machine
from dysample.measure.macs import PAPER, TRUE
from dysample.measure.profile import ROUNDS
from dysample.measure.timing import Spread
from dysample.ops.registry import OPERATORS
from dysample.scores.paper import paper_table

PASSES: Mapping[Pass, str] = {"forward": "Forward", "training": "Forward and backward"}


def headline(found: Sequence[Timed], which: Pass, machine: Machine) -> str:
    """Return the times of the best bilinear, DySample and learned kernel, all as multiples of one base."""
    found = plain(found)
    case, base = found[0].row.case, found[0].bilinear.median
    threads = f"{case.threads} thread{'s' if case.threads > 1 else ''}"
    where = f"GPU ({machine.accelerator})" if machine.accelerator else f"CPU ({machine.processor}, {threads})"
    both = " for forward and backward together" if which == "training" else ""
    named = filter(
        None,
        (
            _best(found, "the best bilinear", lambda each: each.row.case.operator == "bilinear"),
            _best(found, "the quickest DySample", lambda each: each.family == "points"),
            _best(found, "the quickest learned kernel", lambda each: each.family in ("kernel", "guided")),
        ),
    )
    told = list(named) or [f"{found[0].label} {found[0].ratio.median:.2f} times (the quickest)"]
    return (
        f"On the {where}, with a map of {spoken(size_of(found[0].row))}, against PyTorch’s bilinear "
        f"interpolation in NCHW ({number(base)} ms){both}: {listed(told)}."
    )


def _best(found: Sequence[Timed], words: str, belongs: Callable[[Timed], bool]) -> str:
    first = next((each for each in found if belongs(each)), None)
    return "" if first is None else f"{first.label} {first.ratio.median:.2f} times ({words})"


def beside_headline(found: Sequence[Timed]) -> str:
    """Return what the paper says of its own machine; empty where nothing of the kind was measured here."""
    ranges = printed_ranges()
    own = next((each for each in plain(found) if each.family == "points"), None)
    if own is None or own.row.case.operator not in ranges:
        return ""
    low, high = ranges[own.row.case.operator]
    device = paper_table("figure8").column("device")[0]
    words = (
        f"**On an {device}** the paper has {low:.2f} to {high:.2f} times for all four of DySample, with the "
        "authors’ code: a different machine, and different code."
    )
    if own.row.implementation in ("native", "triton"):
        words += f" Here DySample reads by the {own.row.implementation} sampler of this package."
    if own.row.case.operator.startswith("dysample-s"):
        words += " There DySample-S takes longer than DySample (Sec. 3.4); here it is the quicker one."
    return words


def machine_line(result: CostResult, way: Way) -> str:
    """Return where, when and how a result was measured."""
    case, machine = result.rows[0].case, result.machine
    where = [f"{machine.accelerator}, {machine.processor}" if machine.accelerator else machine.processor]
    if case.device == "cpu":
        where.append(f"{case.threads} of {machine.cores} cores used")
    where.append(machine.system)
    where.append("load unknown" if machine.load is None else f"load {machine.load:.1f} before")
    if result.copy is not None:
        where.append(f"copies {result.copy.median:.1f} GB/s (read and written)")
    how = [way.dtype, LAYOUTS[way.layout], f"enlarged {case.scale} times"]
    if way.implementation:
        how.append(f"points read by the {way.implementation} sampler")
    versions = f"dysample-lab {machine.dysample}, PyTorch {machine.torch}, Python {machine.python}"
    day, _, time = result.date.partition("T")
    words = f"**Machine:** {'; '.join(where)}. **Run:** {'; '.join(how)}. {versions}. {day}, {time[:5]} UTC."
    if machine.load is not None and machine.load > machine.cores:
        words += " Other work kept the machine busy: trust ratios more than milliseconds."
    return f"{words} {load_words(result.load)}".rstrip()


def bars_caption(found: Sequence[Timed], which: Pass, copy: Spread | None, *, paper: bool) -> str:
    """Return a caption on bars, whiskers and marks."""
    parts = [
        f"{PASSES[which]} of one {spoken(size_of(found[0].row))} map: medians of ratios that are formed in "
        "each round, with quartiles as whiskers. Bars begin at PyTorch’s bilinear interpolation of the "
        "same map in NCHW, which took turns with the operator; to the left of it is quicker."
    ]
    parts.append(_clock_words(found))
    if copy is not None and which == "forward":
        parts.append("Upright marks: the same number of bytes, inputs and output, merely copied.")
    if paper:
        parts.append(
            "Diamonds: the paper’s text for all four of DySample together, 6.2 to 7.6 ms against bilinear’s "
            "1.6 ms on an RTX 3090, another machine, with the authors’ code."
        )
    return " ".join(parts)


def _clock_words(found: Sequence[Timed]) -> str:
    case = found[0].row.case
    if case.device != "cpu":
        words = "Time is the GPU’s own, by its events around calls, waiting for each kernel included."
        graphs = (
            " As a graph: the same work recorded as a CUDA graph, beside bilinear interpolation as a graph."
        )
        return words + (graphs if any(each.graph for each in found) else "")
    if case.clock == "busy":
        return "Time is CPU time of the process, which other work disturbs least."
    return "Time is by the clock on the wall."


def bars_alt(found: Sequence[Timed], which: Pass) -> str:
    """Return the bars in words."""
    told = [f"{each.label} {each.ratio.median:.2f}" for each in found]
    return f"{PASSES[which]}, times bilinear NCHW, the quickest first: {'; '.join(told)}."


def lines_caption(which: Pass, channels: int, result: CostResult) -> str:
    """Return a caption on the lines."""
    load = "" if result.machine.load is None else f", load {result.machine.load:.1f}"
    return (
        f"{PASSES[which]} at {channels} channels, over the size of the map; both axes are logarithmic. Small "
        "maps tell what the calling of operations costs, large ones what reading and writing memory does. "
        f"{result.title}, {result.machine.processor}{load}, {result.date[:10]}."
    )


def lines_alt(ends: Sequence[tuple[Timed, Timed]]) -> str:
    """Return the ends of the lines in words."""
    told = [
        f"{last.label} {first.ratio.median:.2f} at {_sides(first)} and {last.ratio.median:.2f} at "
        f"{_sides(last)}"
        for first, last in ends
    ]
    return f"Times bilinear: {'; '.join(told)}."


def _sides(each: Timed) -> str:
    return f"{each.row.case.height}×{each.row.case.width}"


SHARES_CAPTION = (
    "PyTorch’s profiler watched forward calls and timed every operation that the upsampler calls. *Reading "
    "and writing*: the map is read at its places, weighed, and the output written. *Convolutions, "
    "products*: what predicts offsets or kernels; in deconvolution and pixel shuffle it makes the output "
    "as well. *Overhead*: Python, the calling of operations, asking for memory. The least time of each part "
    f"over {ROUNDS} rounds counts, which other work disturbed least. Watching costs tiny maps time."
)
MEMORY_CAPTION = (
    "Peak: of a forward call in a fresh process, beyond what was there before and the output itself. Kept: "
    "what autograd saves in a forward call for the backward one, every storage once, without parameters."
)
COUNTS_CAPTION = (
    "Multiply-accumulates of one forward call, counted operation by operation, in two conventions. True "
    "MACs: a transposed convolution works once for every *input* pixel, and an output element that is read "
    f"bilinearly costs {TRUE.sampled}. The paper’s rule, which gives its printed figures: kernel times "
    f"*output* size, {PAPER.sampled} for an element that is read (6 multiplications, 5 additions), "
    f"{PAPER.interpolated} for plain interpolation. The paper calls them FLOPs. What has none is not drawn. "
    "`python -m dysample complexity` counts whole networks."
)

TABLE_CAPTION = (
    "Milliseconds are medians. Of copying: how near a forward call comes to a mere copy of its inputs and "
    "output, in percent. Parameters: all that training adjusts; weights only: without biases and "
    "normalisation, as the paper counts. A dash: not measured, or not defined."
)


def paper_caption() -> str:
    """Return the sources of the paper's two numbers."""
    table = paper_table("figure8")
    return (
        f"{table.title}: one enlargement by 2 of a {table.column('input')[0].replace('x', '×')} map on an "
        f"{table.column('device')[0]} ({table.source}, Sec. 3.4), with the authors’ code. The other times of "
        "Figures 1 and 8 are only drawn there. Milliseconds of a graphics card and of a processor cannot be "
        "compared; ratios to bilinear can, with care."
    )


def refused(reasons: Sequence[str]) -> str:
    """Return why operators are missing."""
    return f"Not measured: {' '.join(reasons)}"


def missing_memory(rows: Sequence[Timed]) -> str:
    """Return why there is no memory."""
    return f"Memory was not measured for {listed([each.label for each in rows])}."


# --- Tables ---


__all__ = ["FORMATS", "as_csv", "beside_the_paper", "numbers"]

_MEGA = 10**6
FORMATS: Mapping[str, str] = {
    "Forward (ms)": "%.3g",
    "× bilinear": "%.2f",
    "Fwd + bwd (ms)": "%.3g",
    "Fwd + bwd, × bilinear": "%.2f",
    "Of copying (%)": "%.0f",
    "Peak (MiB)": "%.1f",
    "Kept (MiB)": "%.1f",
    "Parameters": "localized",
    "Weights only": "localized",
    "MACs, true (M)": "%.4g",
    "MACs, paper’s rule (M)": "%.4g",
    "As a graph (ms)": "%.3g",
    "Ours (ms)": "%.3g",
    "Ours, × bilinear": "%.2f",
}


def numbers(rows: Sequence[BenchRow], copy: Spread | None, weights: Mapping[str, int | None]) -> Columns:
    """Return all measured and counted numbers, a row for every operator.

    Args:
        rows: Of one size.
        copy: How fast the machine copies; None if that is not known.
        weights: Parameters without biases and normalisation, by operator.
    """
    columns: dict[str, Cells] = {"Operator": [label(row) for row in rows]}
    columns |= _times(rows, "forward", "Forward (ms)", "× bilinear")
    columns["As a graph (ms)"] = [_as_graph(row) for row in rows]
    if any(row.training for row in rows):
        columns |= _times(rows, "training", "Fwd + bwd (ms)", "Fwd + bwd, × bilinear")
    if copy is not None:
        shares = [share_of_copy(row, copy) for row in rows]
        columns["Of copying (%)"] = [None if share is None else 100 * share for share in shares]
    columns["Peak (MiB)"] = [row.peak.value for row in rows]
    columns["Kept (MiB)"] = [row.kept.value for row in rows]
    columns["Parameters"] = [row.parameters.value for row in rows]
    columns["Weights only"] = [weights.get(row.case.operator) for row in rows]
    columns["MACs, true (M)"] = [_millions(row.macs.value) for row in rows]
    columns["MACs, paper’s rule (M)"] = [_millions(row.macs_paper_rule.value) for row in rows]
    return {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}


def beside_the_paper(found: Sequence[Timed]) -> Columns:
    """Return the paper's times beside ours, for the operators that its text names."""
    ranges, table = printed_ranges(), paper_table("figure8")
    ours = {each.row.case.operator: each for each in plain(found) if each.label != "Bilinear, channels last"}
    names = [name for name in OPERATORS if name in ranges and name in ours]
    printed = {name: "bilinear" if name == "bilinear" else "dysample (all four)" for name in names}
    rows = [table.where("upsampler", printed[name]) for name in names]
    return {
        "Operator": [OPERATORS[name].label for name in names],
        "Paper (ms)": [
            _range(row.column("latency_ms_low")[0], row.column("latency_ms_high")[0]) for row in rows
        ],
        "Paper, × bilinear": [_range(*(f"{end:.2f}" for end in ranges[name])) for name in names],
        "Ours (ms)": [ours[name].milliseconds.median for name in names],
        "Ours, × bilinear": [ours[name].ratio.median for name in names],
    }


def _times(rows: Sequence[BenchRow], which: str, milliseconds: str, ratio: str) -> Columns:
    passes = "forward" if which == "forward" else "training"
    found = [next(iter(plain(timed([row], passes))), None) for row in rows]
    return {
        milliseconds: [each.milliseconds.median if each else None for each in found],
        ratio: [each.ratio.median if each else None for each in found],
    }


def _as_graph(row: BenchRow) -> float | None:
    return next((each.milliseconds.median for each in timed([row], "forward") if each.graph), None)


def _millions(value: float | None) -> float | None:
    return None if value is None else value / _MEGA


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
