"""A comparison of depth maps as panes: depths, changes or errors, on one colour scale for all panes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from app.records import ColourBar, Compared, Comparison, Layer, Legend, LegendEntry
from app.settings import Show
from app.shared.drawing import class_png
from app.theme import LEVELS, depth_colours, signed_colours
from dysample.models.annotations import Depth
from dysample.models.tasks import Task
from dysample.scores.depth import DepthDifference, DepthScore, error_map, has_truth

_UNKNOWN = 255
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """The colour scale of the panes.

    Attributes:
        title: Quantity and unit.
        unit: Unit of a value under the pointer.
        low: Value of the first shade.
        high: Value of the last shade.
        colours: The shades.
        form: Format of a number on the bar.
        fine: Format of a value under the pointer.
        ends: Meaning of the two ends.
    """

    title: str
    unit: str
    low: float
    high: float
    colours: tuple[str, ...]
    form: str
    fine: str
    ends: tuple[str, str]

    def text(self, share: float, form: str) -> str:
        """Return the value at a place along the scale, 0 to 1; the ends include everything beyond them."""
        beyond = {0.0: "≤ ", 1.0: "≥ "}.get(share, "")
        number = f"{self.low + share * (self.high - self.low):{form}}"
        return beyond + (number if float(number) else number.lstrip("+-")).replace("-", "−")

    def levels(self, values: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        """Return the index of each pixel's shade; 255 where the value is not finite."""
        shares = np.nan_to_num((values - self.low) / (self.high - self.low)).clip(0, 1)
        indices = np.round(shares * (LEVELS - 1)).astype(np.uint8)
        return np.where(np.isfinite(values), indices, np.uint8(_UNKNOWN))


def sentence(task: Task) -> str:
    """Return a sentence on the output of a task's networks."""
    return "This network estimates how many metres away every pixel is, whatever it sees. Near is bright."


def differs(difference: DepthDifference) -> str:
    """Return how much two depth maps differ, in words."""
    return f"by {100 * difference.mean:.1f} cm on average"


def same(difference: DepthDifference) -> bool:
    """Return whether two depth maps are alike."""
    return not difference.mean


def panes(comparison: Comparison[Depth], show: Show) -> tuple[Layer, ...]:
    """Return a layer per upsampler, then one of the truth if it is known and depths are shown."""
    scale = scale_of(comparison, show)
    layers = tuple(_pane(comparison, row, show, scale) for row in comparison.compared)
    truth = comparison.picture.truth
    if truth is None or show != "answers":
        return layers
    return (
        *layers,
        Layer("Truth", "Measured by a depth sensor", _png(_known(truth.metres), scale), "True depths"),
    )


def legend(comparison: Comparison[Depth], show: Show) -> Legend:
    """Return the scale as a bar, and as one entry per shade, from which the viewer reads a pixel's value."""
    scale = scale_of(comparison, show)
    shares = [level / (LEVELS - 1) for level in range(LEVELS)]
    names = [f"{scale.text(share, scale.fine)} {scale.unit}" for share in shares]
    ticks = tuple((float(share), scale.text(float(share), scale.form)) for share in np.linspace(0, 1, _TICKS))
    bar = ColourBar(scale.title, scale.colours, ticks, scale.ends)
    return Legend(tuple(map(LegendEntry, names, scale.colours)), bar)


def scale_of(comparison: Comparison[Depth], show: Show) -> Scale:
    """Return the colour scale of the panes.

    Raises:
        ValueError: If the comparison is not one of depths.
    """
    ranges = comparison.ranges
    if ranges is None:
        raise ValueError(f"{comparison.task.title} has no ranges of depth")
    if show == "changes":
        title = f"Depth less that of {comparison.reference_label} (m)"
        return _signed(title, "m", ranges.change, fine="+.3f", ends=("nearer", "farther"))
    if show == "errors" and ranges.error is not None:
        title, reach = "Error (% of the true depth)", 100 * ranges.error
        return _signed(title, "%", reach, fine="+.1f", ends=("too near", "too far"))
    colours, ends = depth_colours(), ("near", "far")
    return Scale("Depth (m)", "m", ranges.near, ranges.far, colours, ".3g", ".2f", ends)


def _signed(title: str, unit: str, reach: float, *, fine: str, ends: tuple[str, str]) -> Scale:
    return Scale(title, unit, -reach, reach, signed_colours(), "+.3g", fine, ends)


def _pane(comparison: Comparison[Depth], row: Compared[Depth], show: Show, scale: Scale) -> Layer:
    values, truth = row.answer.annotation.metres, comparison.picture.truth
    note = change_note(row, comparison.reference_label)
    if show == "changes":
        alt = f"Where {row.label} is nearer or farther than {comparison.reference_label}"
        return Layer(row.label, note, _png(values - comparison.reference.metres, scale), alt)
    if show == "errors" and truth is not None:
        alt = f"Where {row.label} is too near or too far"
        error = 100 * error_map(values, truth.metres, signed=True)
        return Layer(row.label, _error_note(row), _png(error, scale), alt)
    nearest, farthest = float(values.min()), float(values.max())
    alt = f"Depth with {row.label}, from {nearest:.1f} to {farthest:.1f} m"
    return Layer(row.label, note, _png(values, scale), alt)


def change_note(row: Compared[Depth], reference_label: str) -> str:
    """Return a note on how far the depths are from the reference."""
    if not isinstance(row.difference, DepthDifference):
        return "The reference that the others are compared with"
    return f"{100 * row.difference.mean:.1f} cm from {reference_label} on average"


def _error_note(row: Compared[Depth]) -> str:
    if not isinstance(row.score, DepthScore) or row.score.abs_rel is None:
        return "No pixel here has a true depth"
    return f"{100 * row.score.abs_rel:.1f} % off on average, {row.score.rms:.2f} m RMS"


def _known(truth: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    return np.where(has_truth(truth), truth, np.nan).astype(np.float32)


def _png(values: Float32[np.ndarray, "h w"], scale: Scale) -> bytes:
    return class_png(scale.levels(values), scale.colours)
