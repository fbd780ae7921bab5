"""What a swap changes, costs and allows, in words and short tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.figures.model_flow import nodes
from app.figures.model_measured import scientific
from dysample.analysis.cost import Cost
from dysample.analysis.trial.costs import PlacedSite, SwapCosts
from dysample.analysis.trial.plan import Plan
from dysample.analysis.trial.report import TrialReport
from dysample.analysis.trial.survey import Survey
from dysample.models.swap import Site
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS, operator_spec

_ROUNDING = 1e-5  # of the largest output: what other orders of summation come to in float32
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the glance.

    Attributes:
        label: What it is.
        value: The number, or a dash.
        below: What it means, short.
        help: How it was had.
    """

    label: str
    value: str
    below: str
    help: str


def glance(
    survey: Survey, costs: SwapCosts, plan: Plan, measured: TrialReport | None, tried: TrialReport | None
) -> tuple[Figure, ...]:
    """What changes, what it costs, whether it can be deployed."""
    return (
        _sites(survey, plan),
        _parameters(survey, costs),
        _macs(survey, costs),
        _time(measured),
        _output(measured),
        _deploys(tried),
    )


def _sites(survey: Survey, plan: Plan) -> Figure:
    possible = sum(each.site.choice != "never" for each in survey.sites)
    help = "Enlargements that get an upsampler, of all places where the model changes the size of a map."
    return Figure("Sites swapped", f"{len(plan)} of {len(survey.sites)}", f"{possible} could be", help)


def _parameters(survey: Survey, costs: SwapCosts) -> Figure:
    more = costs.parameters - survey.parameters
    help = f"{survey.parameters:,} before, {costs.parameters:,} after; counted."
    return Figure("Parameters", f"{more:+,}", _percent(more, survey.parameters), help)


def _macs(survey: Survey, costs: SwapCosts) -> Figure:
    before, after = survey.macs.value, costs.macs.value
    if before is None or after is None:
        return Figure("Operations (MACs)", NOTHING, "cannot be counted", _why(survey.macs, costs.macs))
    help = (
        f"{_giga(before)} before, {_giga(after)} after: multiply-accumulates of the whole model for one "
        "picture, counted operation by operation. What the paper calls FLOPs."
    )
    return Figure("Operations (MACs)", f"+{_giga(after - before)}", _percent(after - before, before), help)


def _time(measured: TrialReport | None) -> Figure:
    if measured is None or measured.race is None:
        return Figure("Time, here", NOTHING, "not measured yet", "Press “Measure on this machine” below.")
    ratio = measured.race.busy_ratio
    return Figure("Time, here", f"× {ratio.median:.2f}", f"{ratio.lower:.2f} to {ratio.upper:.2f}", _RATIO)


_PRESS = "Press “Measure on this machine” below."
_RATIO = "CPU time of the swapped model over the original’s, in turns: median and quartiles of the rounds."


def _output(measured: TrialReport | None) -> Figure:
    label = "Zero-offset error"
    if measured is None or measured.start is None:
        return Figure(label, NOTHING, "not checked yet", _PRESS)
    found = measured.start.zero_offsets
    if found.value is None:
        return Figure(label, NOTHING, "no DySample here", f"Not compared: {found.method}.")
    same = found.value < _ROUNDING
    below = "as the original’s" if same else "not the original’s"
    return Figure(label, scientific(found.value), below, f"{_sentence(found.method)}.")


def _deploys(tried: TrialReport | None) -> Figure:
    if tried is None or not tried.attempts:
        return Figure("Deploys", NOTHING, "not tried yet", "Press “Try to deploy it” below.")
    good = sum(each.outcome == "yes" for each in tried.attempts)
    names = ", ".join(each.name for each in tried.attempts if each.outcome == "yes") or "nothing"
    return Figure("Deploys", f"{good} of {len(tried.attempts)}", "tried here", f"Worked: {names}.")


def flow_caption(survey: Survey, name: str) -> str:
    """What the drawing shows and what it cannot."""
    lines = [
        f"{name} with a picture of {_shape(survey.input)}. Every arrow is an enlargement, from the size of "
        "its input to that of its output, with its number in the list below; point at it for shapes, mode "
        "and source line."
    ]
    if survey.levels:
        lines.append(
            "Dotted: the enlargements that a map went through last; where there are none, the encoder’s map "
            "of the same size, from which it may come by way of other layers."
        )
    lines.append(
        "Connections without an enlargement, such as those of skips, are not drawn."
        if survey.several_sizes
        else "The model took no picture of another size, so scales that depend on it could not be told."
    )
    return " ".join(lines)


def flow_alt(survey: Survey, plan: Plan) -> str:
    """The drawing in words."""
    down = " to ".join(str(each[-2]) for each in (survey.input, *survey.levels))
    parts = list[str]()
    for node in nodes(survey, plan):
        site = node.site
        parts.append(f"{site.order}, {site.name}: {_shape(site.input)} to {_shape(site.output)}, {node.fate}")
    return f"Flow of maps. Rows of the maps down the encoder: {down}. Enlargements: {'; '.join(parts)}."


def site_words(site: Site) -> str:
    """Number, name and place in the code; below, shapes and mode."""
    times = f", called {site.times} times" if site.times > 1 else ""
    corners = ", corners aligned" if site.align_corners else ""
    scale = f" ×{site.scale}" if site.scale else ""
    return (
        f"**{site.order}** `{site.name}` :small[{site.source}{times}]  \n"
        f":small[{_shape(site.input)} → {_shape(site.output)}, {site.mode}{scale}{corners}]"
    )


def option_label(operator: str, parameters: int) -> str:
    """An operator with what it brings."""
    return f"{OPERATORS[operator].label}, +{parameters:,}" if parameters else OPERATORS[operator].label


def placed_words(placed: PlacedSite) -> str:
    """What is at a site after the swap."""
    repeated = f", {len(placed.scales)} times ×{placed.scales[0]}" if len(placed.scales) > 1 else ""
    gone = f", −{placed.removed:,} that were there" if placed.removed else ""
    macs = "" if placed.macs.value is None else f", {_giga(placed.macs.value)} MACs"
    return f":small[+{placed.parameters:,} parameters{gone}{macs}{repeated}]"


def samples_points(plan: Plan) -> bool:
    """Whether an operator of a plan samples at points, of which exporters know `GridSample` alone."""
    return any(operator_spec(each.operator).factory is DySample for each in plan)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:+.2f} %"


def _giga(value: float) -> str:
    return f"{value / 1e9:.3f} G"


def _why(*costs: Cost) -> str:
    return next(f"{_sentence(cost.method)}." for cost in costs if cost.value is None)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape[1:]))
