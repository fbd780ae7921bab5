"""The sentences under the figures of the page about scope and overlap, made from the numbers."""

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
_SQUASH_NAMES: Mapping[Squash, str] = {"static": "Static", "dynamic": "Dynamic", "tanh": "Limited by tanh"}
_AXES: Mapping[Axis | None, str] = {None: "x and y", "x": "x", "y": "y"}


FACTOR_TITLE = "The paper’s scores against the static scope factor (Table 2)"


def grid_caption(scale: int, initial: InitialGrid) -> str:
    """What the initial grid of one kind shows."""
    points = scale * scale
    squares = f"The squares are the centres of the {points} output pixels of the middle cell"
    if initial == "nearest":
        return f"**Nearest.** {squares}; all {points} points (dots) start at the cell's centre, (0.5, 0.5)."
    places = ", ".join(f"{(2 * k + 1) / (2 * scale):.4g}" for k in range(scale))
    return (
        f"**Bilinear.** {squares}; each point (dot) starts at its own: at {places} along x and along y, "
        f"{1 / scale:.4g} low-res pixels from the next."
    )


def reach_caption(scale: int, scope: float, initial: InitialGrid) -> str:
    """What the squares are."""
    return (
        f"Reaches of the {scale * scale} points of one cell (thick frame) and, paler, of the eight cells "
        f"around it: {initial} grid, s = {scale}, scope {scope:g} low-res pixels. Figure 3 of the paper: "
        "(b) is the bilinear grid without a factor, which is scope 1, and (c) with scope 0.25."
    )


def reach_alt(scale: int, scope: float, initial: InitialGrid, now: Overlap) -> str:
    """The squares in words."""
    return (
        f"{scale * scale} points of one cell on the {initial} grid, each in a square that reaches {scope:g} "
        f"low-res pixels to each side. {percent(now.overlapped)} of the plane lies in more than one square."
    )


def curve_caption(scale: int, initial: InitialGrid, now: Overlap) -> str:
    """What the curves show."""
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
    """The curves in words."""
    return (
        f"Overlap in per cent of the area against the scope from 0 to 1. At scope {scope:g}, "
        f"{percent(now.overlapped)} of the plane lies in more than one reach, and {percent(now.shared)} "
        f"of a reach in others too; there is no overlap up to {now.marginal:.4g}."
    )


def factor_table(table: PaperTable, found: Sequence[Overlap]) -> Mapping[str, Sequence[str]]:
    """Table 2 of the paper beside the overlap that its factors give."""
    return {
        "Scope factor": table.column("scope_factor"),
        "mIoU (%), SegFormer-B1, ADE20K": table.column("segformer_b1_ade20k_miou"),
        "AP, Faster R-CNN, COCO": table.column("faster_rcnn_r50_coco_ap"),
        "Plane in several reaches (s = 2)": [percent(each.overlapped) for each in found],
    }


def initial_sentence(table: PaperTable) -> str:
    """Table 1 of the paper in a sentence."""
    near, even = table.where("initialization", "nearest"), table.where("initialization", "bilinear")
    scores = [(part.column(name)[0]) for name in table.columns[1:] for part in (near, even)]
    return (
        "In the paper, starting bilinearly instead of nearest raises the mIoU of SegFormer-B1 on ADE20K from "
        f"{scores[0]} to {scores[1]} %, and the AP of Faster R-CNN on COCO from {scores[2]} to {scores[3]} "
        "(Table 1)."
    )


def photo_caption(rows: int, columns: int) -> str:
    """What the photograph is aligned to."""
    return f"The photograph as the network sees it, over the {columns} × {rows} low-res pixels of this step."


def scope_words(found: ScopeMap, group: int | None, axis: Axis | None) -> str:
    """Which scopes a figure shows, and what they are."""
    groups = "mean over all groups" if group is None else f"group {group + 1}"
    span = f"{found.minimum:.3f} to {found.maximum:.3f}, mean {found.mean:.3f} low-res pixels"
    return f"{groups}, {_AXES[axis]}: {span}"


def before_caption(shape: tuple[int, ...], found: Disorder) -> str:
    """What the maps are, and how to read the colours."""
    rows, columns = found.bilinear.shape[1:]
    return (
        f"{shape[1]} × {shape[0]} low-res pixels, enlarged to {columns} × {rows}. Orange lines at the right: "
        "borders between output pixels whose points changed places."
    )


def before_alt(shape: tuple[int, ...]) -> str:
    """The undisturbed maps in words."""
    return f"The map enlarged bilinearly, above the map of {shape[1]} × {shape[0]} low-res pixels itself."


def disorder_caption(found: Disorder) -> str:
    """What a squash did, in one line."""
    return f"{_counted(found.swaps)} pairs swapped; mean error at the edge {_number(found.edge_error)}."


def disorder_alt(squash: Squash, found: Disorder) -> str:
    """A disturbed map in words."""
    return (
        f"{_SQUASH_NAMES[squash]}: the map after random offsets, above its difference from the bilinear one. "
        f"{_counted(found.swaps)} neighbouring points are in swapped order, {_counted(found.reversals)} "
        f"neighbouring values step the wrong way. The largest error is {found.max_error:.4g}."
    )


def disorder_table(found: Sequence[Disorder]) -> Mapping[str, Sequence[str]]:
    """The numbers of every squash, one column for each; errors are in the map's own unit."""
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
            _counted(each.swaps),
            _counted(each.reversals),
            percent(each.beyond_scope),
            _number(each.edge_error),
            _number(each.other_error),
            _number(each.max_error),
        )
        for squash, each in zip(SQUASHES, found, strict=True)
    }


def percent(share: float | None) -> str:
    """A share for people; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


def _counted(pairs: PairCounts) -> str:
    return f"{pairs.count} ({percent(pairs.share)})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
