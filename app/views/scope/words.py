"""Captions, text alternatives and tables of the page "Scope and overlap"."""

from collections.abc import Mapping, Sequence

from dysample.explain.disorder import Disorder
from dysample.explain.offsets import PairCounts
from dysample.explain.overlap import Overlap
from dysample.explain.scope import SQUASHES, Axis, ScopeMap, Squash
from dysample.geometry import InitialGrid
from dysample.scores.paper import PaperTable

SQUASH_TITLES: Mapping[Squash, str] = {
    "static": "Static: $\\sigma\\,r$",
    "dynamic": "Dynamic: $2\\sigma\\,\\mathrm{sigmoid}(c)\\,r$",
    "tanh": "Limited: $\\sigma\\tanh(r)$",
}
FACTOR_TITLE = "The paper’s scores against the static scope factor (Table 2)"
_SQUASH_NAMES: Mapping[Squash, str] = {"static": "Static", "dynamic": "Dynamic", "tanh": "Limited by tanh"}
_AXES: Mapping[Axis | None, str] = {None: "x and y", "x": "x", "y": "y"}


def grid_caption(scale: int, initial: InitialGrid) -> str:
    """Return the caption of an initial grid."""
    points = scale * scale
    squares = f"The squares are the centres of the {points} output pixels of the middle cell"
    if initial == "nearest":
        return f"**Nearest.** {squares}; all {points} points (dots) start at the cell's centre, (0.5, 0.5)."
    places = ", ".join(f"{(2 * k + 1) / (2 * scale):.4g}" for k in range(scale))
    return (
        f"**Bilinear.** {squares}; each point (dot) starts at its own: at {places} along x and along y, "
        f"{1 / scale:.4g} low-res pixels from the next."
    )


def initial_sentence(table: PaperTable) -> str:
    """Return a sentence that sums up Table 1 of the paper."""
    nearest, bilinear = (table.where("initialization", initial) for initial in ("nearest", "bilinear"))
    scores = [rows.column(name)[0] for name in table.columns[1:] for rows in (nearest, bilinear)]
    return (
        "In the paper, starting bilinearly instead of nearest raises the mIoU of SegFormer-B1 on ADE20K from "
        f"{scores[0]} to {scores[1]} %, and the AP of Faster R-CNN on COCO from {scores[2]} to {scores[3]} "
        "(Table 1)."
    )


def reach_caption(scale: int, scope: float, initial: InitialGrid) -> str:
    """Return the caption of the reaches."""
    return (
        f"Reaches of the {scale * scale} points of one cell (thick frame) and, paler, of the eight cells "
        f"around it: {initial} grid, s = {scale}, scope {scope:g} low-res pixels. Figure 3 of the paper: "
        "(b) is the bilinear grid without a factor, which is scope 1, and (c) with scope 0.25."
    )


def reach_alt(scale: int, scope: float, initial: InitialGrid, now: Overlap) -> str:
    """Return the text alternative of the reaches."""
    return (
        f"{scale * scale} points of one cell on the {initial} grid, each in a square that reaches {scope:g} "
        f"low-res pixels to each side. {percent(now.overlapped)} of the plane lies in more than one square."
    )


def curve_caption(scale: int, initial: InitialGrid, now: Overlap) -> str:
    """Return the caption of the overlap curves."""
    why = (
        f"At 1/(2s) = {now.marginal:.4g} low-res pixels (dotted) the squares touch."
        if initial == "bilinear"
        else "The points of a cell start at one place, so their squares overlap at every scope above 0."
    )
    return (
        f"Overlap of a grid without end against the scope, {initial} grid, s = {scale}. {why} "
        "The grey line is the slider’s scope."
    )


def curve_alt(scope: float, now: Overlap) -> str:
    """Return the text alternative of the overlap curves."""
    return (
        f"Overlap in per cent of the area against the scope from 0 to 1. At scope {scope:g}, "
        f"{percent(now.overlapped)} of the plane lies in more than one reach, and {percent(now.shared)} "
        f"of a reach in others too; there is no overlap up to {now.marginal:.4g}."
    )


def factor_table(table: PaperTable, overlaps: Sequence[Overlap]) -> Mapping[str, Sequence[str]]:
    """Return Table 2 of the paper beside the overlap for each of its factors."""
    return {
        "Scope factor": table.column("scope_factor"),
        "mIoU (%), SegFormer-B1, ADE20K": table.column("segformer_b1_ade20k_miou"),
        "AP, Faster R-CNN, COCO": table.column("faster_rcnn_r50_coco_ap"),
        "Plane in several reaches (s = 2)": [percent(overlap.overlapped) for overlap in overlaps],
    }


def photo_caption(rows: int, columns: int) -> str:
    """Return the caption of the photograph."""
    return f"The photograph as the network sees it, over the {columns} × {rows} low-res pixels of this step."


def scope_words(scopes: ScopeMap, group: int | None, axis: Axis | None) -> str:
    """Return which scopes a figure shows, and their range and mean."""
    groups = "mean over all groups" if group is None else f"group {group + 1}"
    span = f"{scopes.minimum:.3f} to {scopes.maximum:.3f}, mean {scopes.mean:.3f} low-res pixels"
    return f"{groups}, {_AXES[axis]}: {span}"


def before_caption(shape: tuple[int, ...], disorder: Disorder) -> str:
    """Return the caption of the undisturbed maps."""
    rows, columns = disorder.bilinear.shape[1:]
    return (
        f"{shape[1]} × {shape[0]} low-res pixels, enlarged to {columns} × {rows}. Orange lines at the right: "
        "borders between output pixels at the edge whose points changed places."
    )


def before_alt(shape: tuple[int, ...]) -> str:
    """Return the text alternative of the undisturbed maps."""
    return f"The map enlarged bilinearly, above the map of {shape[1]} × {shape[0]} low-res pixels itself."


def disorder_caption(disorder: Disorder) -> str:
    """Return the caption of a disturbed map."""
    return f"{_counted(disorder.swaps)} pairs swapped; mean error at the edge {_number(disorder.edge_error)}."


def disorder_alt(squash: Squash, disorder: Disorder) -> str:
    """Return the text alternative of a disturbed map."""
    return (
        f"{_SQUASH_NAMES[squash]}: the map after random offsets, above its difference from the bilinear one. "
        f"{_counted(disorder.swaps)} neighbouring points are in swapped order, "
        f"{_counted(disorder.reversals)} neighbouring values step the wrong way. "
        f"The largest error is {disorder.max_error:.4g}."
    )


def disorder_table(disorders: Sequence[Disorder]) -> Mapping[str, Sequence[str]]:
    """Return the measures of disorder, one column for each squash; errors are in the unit of the map."""
    measures = (
        "Neighbouring points in swapped order",
        "Neighbouring values that step the wrong way",
        "Points moved further than the scope",
        "Mean error at the edge",
        "Mean error elsewhere",
        "Largest error",
    )
    return {"": measures} | {
        _SQUASH_NAMES[squash]: (
            _counted(disorder.swaps),
            _counted(disorder.reversals),
            percent(disorder.beyond_scope),
            _number(disorder.edge_error),
            _number(disorder.other_error),
            _number(disorder.max_error),
        )
        for squash, disorder in zip(SQUASHES, disorders, strict=True)
    }


def percent(share: float | None) -> str:
    """Format a share in percent; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


def _counted(pairs: PairCounts) -> str:
    return f"{pairs.count} ({percent(pairs.share)})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
