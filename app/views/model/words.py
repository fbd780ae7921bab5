"""What a swap changes, costs and allows, in words and short tables, and as Python code."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.shared.literal import literal, plain
from app.views.model.flow import nodes
from dysample.measure.machine import Machine
from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread
from dysample.models.smp import SCHEME, is_smp_name, smp_options
from dysample.ops.dysample import DySample
from dysample.ops.registry import OPERATORS, operator_spec
from dysample.swap import FileAudit, Site
from dysample.trial.deploy import Attempt, AttemptOutcome
from dysample.trial.plan import Plan, Start
from dysample.trial.report import TrialReport
from dysample.trial.survey import PlacedSite, Survey, SwapCosts

_ROUNDING = 1e-5  # of the largest output: what another order of summation changes in float32
NOTHING = "–"
OUTCOMES: Mapping[AttemptOutcome, str] = {
    "yes": ":green[✓]",
    "differs": ":orange[≠]",
    "no": ":red[✗]",
    "not installed": "–",
}
_PRESS = "Press “Measure on this machine” below."
_RATIO = "CPU time of the swapped model over the original’s, in turns: median and quartiles of the rounds."
_RUNTIMES = Path(__file__).with_name("runtimes.toml")


@dataclass(frozen=True, slots=True)
class HeadlineNumber:
    """A headline number of the page.

    Attributes:
        label: Name of the number.
        value: The number, or a dash.
        below: Short note below it.
        help: How it was measured or counted.
    """

    label: str
    value: str
    below: str
    help: str


def glance(
    survey: Survey, costs: SwapCosts, plan: Plan, measured: TrialReport | None, tried: TrialReport | None
) -> tuple[HeadlineNumber, ...]:
    """Return the headline numbers: what changes, what it costs, whether it can be deployed."""
    return (
        _sites(survey, plan),
        _parameters(survey, costs),
        _macs(survey, costs),
        _time(measured),
        _output(measured),
        _deploys(tried),
    )


def _sites(survey: Survey, plan: Plan) -> HeadlineNumber:
    possible = sum(surveyed.site.choice != "never" for surveyed in survey.sites)
    help = "Enlargements that get an upsampler, of all places where the model changes the size of a map."
    return HeadlineNumber("Sites swapped", f"{len(plan)} of {len(survey.sites)}", f"{possible} can be", help)


def _parameters(survey: Survey, costs: SwapCosts) -> HeadlineNumber:
    more = costs.parameters - survey.parameters
    help = f"{survey.parameters:,} before, {costs.parameters:,} after; counted."
    return HeadlineNumber("Parameters", f"{more:+,}", _percent(more, survey.parameters), help)


def _macs(survey: Survey, costs: SwapCosts) -> HeadlineNumber:
    before, after = survey.macs.value, costs.macs.value
    if before is None or after is None:
        return HeadlineNumber(
            "Operations (MACs)", NOTHING, "cannot be counted", _why(survey.macs, costs.macs)
        )
    help = (
        f"{_giga(before)} before, {_giga(after)} after: multiply-accumulates of the whole model for one "
        "picture, counted operation by operation. What the paper calls FLOPs."
    )
    return HeadlineNumber(
        "Operations (MACs)", f"+{_giga(after - before)}", _percent(after - before, before), help
    )


def _time(measured: TrialReport | None) -> HeadlineNumber:
    if measured is None or measured.race is None:
        return HeadlineNumber("Time, here", NOTHING, "not measured yet", _PRESS)
    ratio = measured.race.busy_ratio
    return HeadlineNumber(
        "Time, here", f"× {ratio.median:.2f}", f"{ratio.lower:.2f} to {ratio.upper:.2f}", _RATIO
    )


def _output(measured: TrialReport | None) -> HeadlineNumber:
    label = "Zero-offset error"
    if measured is None or measured.start is None:
        return HeadlineNumber(label, NOTHING, "not checked yet", _PRESS)
    error = measured.start.zero_offsets
    if error.value is None:
        return HeadlineNumber(label, NOTHING, "no DySample here", f"Not compared: {plain(error.method)}.")
    same = error.value < _ROUNDING
    below = "as the original’s" if same else "not the original’s"
    return HeadlineNumber(label, scientific(error.value), below, f"{plain(_sentence(error.method))}.")


def _deploys(tried: TrialReport | None) -> HeadlineNumber:
    if tried is None or not tried.attempts:
        return HeadlineNumber("Deploys", NOTHING, "not tried yet", "Press “Try to deploy it” below.")
    good = sum(attempt.outcome == "yes" for attempt in tried.attempts)
    names = ", ".join(attempt.name for attempt in tried.attempts if attempt.outcome == "yes") or "nothing"
    return HeadlineNumber("Deploys", f"{good} of {len(tried.attempts)}", "tried here", f"Worked: {names}.")


def flow_caption(survey: Survey, name: str) -> str:
    """Return the caption of the drawing: what it shows and what it leaves out."""
    lines = [
        f"{literal(name)} with a picture of {_shape(survey.input)}. Every slanted line is an enlargement, "
        "from the size of its input to that of its output, with its number in the list below; point at it "
        "for shapes, mode and source line."
    ]
    if survey.levels:
        lines.append(
            "Dotted: the enlargements that a map went through last; where there are none, the encoder’s map "
            "of the same size, from which it may come by way of other layers."
        )
    lines.append(
        "Connections without an enlargement, such as those of skips, are not drawn."
        if survey.several_sizes
        else "The model took no picture of another size, so scales that depend on its size are unknown."
    )
    return " ".join(lines)


def flow_alt(survey: Survey, plan: Plan) -> str:
    """Return the drawing in words."""
    down = " to ".join(str(shape[-2]) for shape in (survey.input, *survey.levels))
    parts = list[str]()
    for node in nodes(survey, plan):
        site = node.site
        parts.append(f"{site.order}, {site.name}: {_shape(site.input)} to {_shape(site.output)}, {node.fate}")
    return f"Flow of maps. Rows of the maps down the encoder: {down}. Enlargements: {'; '.join(parts)}."


def site_words(site: Site) -> str:
    """Return number, name and source line of a site; below them shapes and mode."""
    times = f", called {site.times} times" if site.times > 1 else ""
    corners = ", corners aligned" if site.align_corners else ""
    scale = f" ×{site.scale}" if site.scale else ""
    return (
        f"**{site.order}** {literal(site.name)} {literal(site.source)}{times}  \n"
        f":small[{_shape(site.input)} → {_shape(site.output)}, {site.mode}{scale}{corners}]"
    )


def option_label(operator: str, parameters: int) -> str:
    """Return the label of an operator with the parameters that it adds."""
    return f"{OPERATORS[operator].label}, +{parameters:,}" if parameters else OPERATORS[operator].label


def placed_words(placed: PlacedSite) -> str:
    """Return what the upsampler at a site adds."""
    repeated = f", {len(placed.scales)} times ×{placed.scales[0]}" if len(placed.scales) > 1 else ""
    gone = f", −{placed.removed:,} that were there" if placed.removed else ""
    macs = "" if placed.macs.value is None else f", {_giga(placed.macs.value)} MACs"
    return f":small[+{placed.parameters:,} parameters{gone}{macs}{repeated}]"


def samples_points(plan: Plan) -> bool:
    """Return whether an operator of a plan samples at points, which exporters know as `GridSample` alone."""
    return any(operator_spec(swap.operator).factory is DySample for swap in plan)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:+.2f} %"


def _giga(value: float) -> str:
    return f"{value / 1e9:.3f} G"


def _why(*costs: Cost) -> str:
    return next(f"{plain(_sentence(cost.method))}." for cost in costs if cost.value is None)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape[1:]))


# --- Measurements ---


def start_sentences(start: Start) -> tuple[str, ...]:
    """Return sentences on the check of the output before training."""
    lines = list[str]()
    if start.zero_offsets.value is not None:
        kind = (
            "Each site is one enlargement, so this is rounding."
            if start.exact
            else "Some sites enlarge in several steps, aligned corners or were learned, so it need not be 0."
        )
        lines.append(
            f"With all offsets zero, the output of the swapped model is "
            f"**{scientific(start.zero_offsets.value)}** from the original’s. {kind}"
        )
    if start.interpolated.value is not None:
        lines.append(
            f"From plain interpolation at the same places, step by step, it is "
            f"**{scientific(start.interpolated.value)}**: this is always rounding."
        )
    if start.fresh.value is None:
        lines.append(f"Fresh from the swap, outputs cannot be compared: {plain(start.fresh.method)}.")
    else:
        lines.append(
            f"Fresh from the swap, with the small random offsets that training starts from, it is "
            f"**{scientific(start.fresh.value)}** from the original’s."
        )
    return (*lines, "All in units of the largest output of the original.")


def race_columns(race: Race) -> Mapping[str, Sequence[str]]:
    """Return a table of the times before and after."""
    rows = (("Original", race.baseline), ("Swapped", race.candidate))
    return {
        "Model": [name for name, _ in rows] + ["Swapped / original"],
        "Wall clock (ms)": [_spread(timing.wall, 1) for _, timing in rows]
        + [f"× {_spread(race.wall_ratio, 2)}"],
        "CPU time (ms)": [_spread(timing.busy, 1) for _, timing in rows]
        + [f"× {_spread(race.busy_ratio, 2)}"],
    }


def race_caption(report: TrialReport) -> str:
    """Return a caption on how the times were measured."""
    threads = "one thread" if report.threads == 1 else f"{report.threads} threads"
    return (
        f"Medians, with quartiles in brackets, of {report.rounds} rounds; the models took turns in one "
        f"process with {threads}, in eval mode, float32. {machine_words(report.machine)} {report.date}. CPU "
        "time is disturbed least by other work of the machine."
    )


def machine_words(machine: Machine) -> str:
    """Return the machine in words."""
    load = "" if machine.load is None else f", load before {machine.load:.1f}"
    return (
        f"{machine.processor}, {machine.cores} cores{load}; PyTorch {machine.torch}, dysample-lab "
        f"{machine.dysample}."
    )


def attempt_words(attempt: Attempt) -> str:
    """Return an attempt in a line."""
    sign, parts = OUTCOMES[attempt.outcome], [attempt.how]
    if attempt.difference.value is not None:
        parts.append(f"difference {scientific(attempt.difference.value)} of the largest output")
    if attempt.words:
        parts.append(plain(attempt.words.rstrip(".")))
    if attempt.original is not None:
        parts.append("the original works" if attempt.original == "yes" else "nor does the original work")
    return f"{sign} **{attempt.name}**, {attempt.seconds:.1f} s: {'; '.join(parts)}."


def scientific(value: float) -> str:
    """Return a small number in scientific notation, for example 1.6e−02; zero is 0."""
    return "0" if value == 0 else f"{value:.1e}".replace("e-", "e−")


def _spread(spread: Spread, digits: int) -> str:
    return f"{spread.median:,.{digits}f} ({spread.lower:,.{digits}f} to {spread.upper:,.{digits}f})"


# --- Runtimes ---


@dataclass(frozen=True, slots=True)
class Limit:
    """A known limit of a runtime.

    Attributes:
        name: The runtime.
        said: The limit, a sentence without its subject.
        source: Address of the source.
    """

    name: str
    said: str
    source: str


@cache
def limits() -> tuple[Limit, ...]:
    """Return all limits in the order of the page."""
    return tuple(Limit(**row) for row in tomllib.loads(_RUNTIMES.read_text(encoding="utf-8"))["limit"])


def limit_words(limit: Limit) -> str:
    """Return a limit in a line, with a link to its source."""
    thread = "/".join(limit.source.removeprefix("https://github.com/").split("/")[1:])
    number = thread.replace("/issues/", " #").replace("/pull/", " #")
    return f"**{limit.name}** {limit.said} [{number}]({limit.source})"


# --- Files ---


def file_caption(found: FileAudit) -> str:
    """Return what is in a file of a model, and what cannot be done with it."""
    plural = "s" if len(found.sites) > 1 else ""
    return (
        f"{len(found.sites)} enlargement{plural} among {found.nodes:,} operations of the {found.kind}, in "
        "the order of its graph. ?: a size that the file does not tell. Sizes without a number are free."
    )


# --- Python code ---


def python_code(name: str, survey: Survey, plan: Plan) -> str:
    """Return code that runs as it is, defines `swapped`, and prints a report for each operator."""
    size = ", ".join(map(str, survey.input))
    lines = [*_imports(name), "", *_model(name), f"picture = torch.rand({size})", ""]
    return "\n".join([*lines, *_swaps([each.site for each in survey.sites], plan)]) + "\n"


def _imports(name: str) -> Sequence[str]:
    swap = "from dysample import swap_upsamplers"
    if is_smp_name(name):
        return ("import segmentation_models_pytorch as smp", "import torch", swap)
    module, _, function = name.partition(":")
    return ("import torch", swap, f"from {module} import {function}")


def _model(name: str) -> Sequence[str]:
    if not is_smp_name(name):
        return (f"model = {name.partition(':')[2]}().eval()",)
    family, _, encoder = name.removeprefix(f"{SCHEME}:").partition(":")
    options = ", ".join(f"{key}={value!r}" for key, value in smp_options(family).items())
    return (
        '# Random weights, as on this page; encoder_weights="imagenet" downloads trained ones.',
        f'model = smp.{family}("{encoder}", {options}).eval()',
    )


def _swaps(sites: Sequence[Site], plan: Plan) -> Sequence[str]:
    if not plan:
        return ("swapped = model  # nothing is swapped",)
    operators, lines, source = dict.fromkeys(swap.operator for swap in plan), list[str](), "model"
    by_default = [site.name for site in sites if site.choice == "swap"]
    for operator in operators:
        names = [swap.site for swap in plan if swap.operator == operator]
        if len(operators) == 1 and names == by_default:
            lines.append(f'swapped, report = swap_upsamplers({source}, picture, "{operator}")')
        else:
            lines += [
                "swapped, report = swap_upsamplers(",
                f'    {source}, picture, "{operator}", where=[{", ".join(map(_quoted, names))}]',
                ")",
            ]
        lines.append("print(report)")
        source = "swapped"
    return lines


def _quoted(text: str) -> str:
    return f'"{text}"'
