"""Ours beside the paper's as one table, and the bubbles of Figure 1 from both."""

from collections.abc import Mapping, Sequence

from app.figures.evidence_agreement import VERDICTS, Pair
from app.figures.evidence_bubbles import Bubble
from app.figures.evidence_gains import Gain, PaperScore, family, number, paper_scores, unit
from app.figures.evidence_tables import Columns
from dysample.analysis.paper import paper_table
from dysample.analysis.score_specs import ScoreSpec
from dysample.ops.registry import OPERATORS

_ALL_FOUR = "dysample (all four)"


def side_by_side(ours: Sequence[Gain], paper: Sequence[PaperScore], found: Sequence[Pair]) -> Columns:
    """Every upsampler that one of both has measured, in the paper's order."""
    own, printed = {each.upsampler: each for each in ours}, {each.upsampler: each for each in paper}
    verdicts = {each.ours.upsampler: VERDICTS[each.verdict] for each in found}
    names = [name for name in OPERATORS if name in own or name in printed]
    rows = [(own.get(name), printed.get(name)) for name in names]
    return {
        "Upsampler": [OPERATORS[name].label for name in names],
        "Both": [verdicts.get(name, "–") for name in names],
        "Paper": [theirs.value if theirs else None for _, theirs in rows],
        "Paper, gain": [theirs.gain if theirs else None for _, theirs in rows],
        "Ours": [mine.mean if mine else None for mine, _ in rows],
        "Ours, gain": [mine.value if mine else None for mine, _ in rows],
        "from": [mine.low if mine else None for mine, _ in rows],
        "to": [mine.high if mine else None for mine, _ in rows],
        "Seeds": [mine.seeds if mine else None for mine, _ in rows],
        "Source": [theirs.source if theirs else "–" for _, theirs in rows],
    }


def side_formats(spec: ScoreSpec) -> Mapping[str, str]:
    """How its numbers are printed."""
    plain, signed = f"%.{spec.digits}f", f"%+.{spec.digits}f"
    gains: tuple[str, ...] = ("Paper, gain", "Ours, gain", "from", "to")
    return {"Paper": plain, "Ours": plain} | dict.fromkeys(gains, signed)


def paper_bubbles(measured: Mapping[str, tuple[float, str]] | None) -> tuple[Bubble, ...]:
    """Score and operations of Table 4, with latencies measured here or printed in the paper.

    Args:
        measured: Times bilinear's latency and its source, by upsampler; None for the paper's own.
    """
    clock, table = printed_latencies() if measured is None else measured, paper_table("table4")
    spread = printed_spread() if measured is None else 0.0
    operations = dict(zip(table.column("upsampler"), table.column("gflops"), strict=True))
    found: list[Bubble] = []
    for each in paper_scores("table4", "miou"):
        if each.upsampler not in clock:
            continue
        latency, latency_source = clock[each.upsampler]
        cell = operations[each.upsampler]
        words = (
            f"{OPERATORS[each.upsampler].label}<br>mIoU {each.value:.2f} % ({each.source})"
            f"<br>{cell} G{' added' if cell.startswith('+') else ', whole network'} ({each.source})"
            f"<br>{latency:.2f} × bilinear ({latency_source})"
        )
        # The network with bilinear interpolation is what the others add to.
        macs = float(cell) if cell.startswith("+") else 0.0
        kind = family(each.upsampler)
        own = spread if kind == "points" else 0.0
        label = OPERATORS[each.upsampler].label
        found.append(Bubble(label, kind, each.value, latency, macs, words, own))
    return tuple(found)


def our_bubbles(
    ours: Sequence[Gain],
    clock: Mapping[str, tuple[float, str]],
    macs: Mapping[str, float],
    spec: ScoreSpec,
    where: str,
) -> tuple[Bubble, ...]:
    """Our scores, with latencies and multiply-accumulates in G of the task's own network."""
    return tuple(
        Bubble(
            each.label,
            each.family,
            each.mean,
            clock[each.upsampler][0],
            macs[each.upsampler],
            f"{each.label}<br>{unit(spec)} {number(each.mean, spec)} ({where}, {each.seeds} "
            f"seed{'s' if each.seeds > 1 else ''})<br>{macs[each.upsampler]:.3f} G (counted)"
            f"<br>{clock[each.upsampler][0]:.2f} × bilinear ({clock[each.upsampler][1]})",
        )
        for each in ours
        if each.upsampler in clock and each.upsampler in macs
    )


def printed_latencies() -> Mapping[str, tuple[float, str]]:
    """What the paper's text says, as times bilinear's latency: for DySample's four the middle of a range."""
    found = {"bilinear": (1.0, _printed("bilinear"))}
    low, high = _ratios(_ALL_FOUR)
    for name in OPERATORS:
        if family(name) == "points":
            found[name] = ((low + high) / 2, _printed(_ALL_FOUR))
    return found


def printed_spread() -> float:
    """Half the range that the paper's text gives for the four, as times bilinear's latency."""
    low, high = _ratios(_ALL_FOUR)
    return (high - low) / 2


def printed_ranges() -> Mapping[str, tuple[float, float]]:
    """Times bilinear's latency, from and to, of those that the paper's text gives a number for."""
    points = {name: _ratios(_ALL_FOUR) for name in OPERATORS if family(name) == "points"}
    return {"bilinear": _ratios("bilinear"), **points}


def _ratios(name: str) -> tuple[float, float]:
    table = paper_table("figure8")
    base = float(table.where("upsampler", "bilinear").column("latency_ms_low")[0])
    row = table.where("upsampler", name)
    return float(row.column("latency_ms_low")[0]) / base, float(row.column("latency_ms_high")[0]) / base


def _printed(name: str) -> str:
    row = paper_table("figure8").where("upsampler", name)
    ends = dict.fromkeys((row.column("latency_ms_low")[0], row.column("latency_ms_high")[0]))
    return f"Sec. 3.4: {' to '.join(ends)} ms, {row.column('device')[0]}"
