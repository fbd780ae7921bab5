"""Arrows from the initial to the sampling positions of one cell's points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from app.figures.layout import Part
from dysample.analysis.arrows import Arrows
from dysample.analysis.reading import Reading

_STILL = 0.02  # low-res pixels: an arrow shorter than this is drawn as a dot
_Path = Sequence[float | None] | np.ndarray


@dataclass(frozen=True, slots=True)
class Look:
    """How arrows of one kind are drawn; kinds differ in thickness, so that colour is not needed."""

    colour: str
    halo: str
    width: float


# Okabe-Ito, light on dark or dark on light: they read on any background.
OTHERS = Look("#56B4E9", "#000000", 1.5)
GROUP = Look("#F0E442", "#000000", 2.5)
CHOSEN = Look("#D55E00", "#FFFFFF", 4)


def arrow_traces(arrows: Sequence[Arrows], chosen: Reading) -> list[Part]:
    """Other groups first, then this group's other points, the chosen one last and on top.

    Args:
        arrows: Those of a cell's points, by group; none for kernels.
        chosen: The reading of the chosen point.
    """
    if not arrows:
        return []
    own = chosen.group
    others = [each for index, each in enumerate(arrows) if index != own]
    here = (arrows[own].pixels == chosen.at).all(axis=1)
    kinds = [
        ("Other groups", OTHERS, others),
        (f"Group {own + 1}, other points", GROUP, [_only(arrows[own], ~here)]),
        ("Chosen point", CHOSEN, [_only(arrows[own], here)]),
    ]
    return [trace for name, look, kind in kinds for trace in _kind(name, look, kind)]


def _only(arrows: Arrows, chosen: Bool[np.ndarray, " n"]) -> Arrows:
    return Arrows(arrows.starts[chosen], arrows.ends[chosen], arrows.pixels[chosen])


def _kind(name: str, look: Look, arrows: Sequence[Arrows]) -> list[Part]:
    if not arrows:
        return []
    starts = np.concatenate([each.starts for each in arrows]).astype(float)
    ends = np.concatenate([each.ends for each in arrows]).astype(float)
    gap = np.full_like(starts, np.nan)
    x, y = np.stack([starts, ends, gap], axis=1).reshape(-1, 2).T
    moved = np.hypot(*(ends - starts).T) > _STILL
    symbols = [symbol for each in moved for symbol in ("circle", "arrow" if each else "circle", "circle")]
    sizes = np.tile([2 * look.width + 2, 3 * look.width + 7, 0], len(starts))
    halo = line(x, y, look.halo, look.width + 3)
    marker = {"symbol": symbols, "size": sizes, "angleref": "previous", "color": look.colour, "opacity": 1}
    core: Part = {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines+markers",
        "name": name,
        "line": {"color": look.colour, "width": look.width},
        "marker": marker | {"line": {"color": look.halo, "width": 1.5}},
        "hovertemplate": f"{name}<br>x %{{x:.3f}}, y %{{y:.3f}}<extra></extra>",
    }
    return [halo, core]


def line(x: _Path, y: _Path, colour: str, width: float, *, dash: str = "solid") -> Part:
    """A broken line that does not answer to the pointer."""
    stroke = {"color": colour, "width": width, "dash": dash}
    drawn: Part = {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": stroke}
    return drawn | {"hoverinfo": "skip", "showlegend": False}
