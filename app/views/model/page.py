"""Your model: swap upsamplers in a network; what changes, what does it cost, can it be deployed?"""

from collections.abc import Mapping
from dataclasses import astuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.figure.block import figure_block
from app.settings import ModelChoice, SwapChoice
from app.shared.controls import prose, table
from app.views.model import compute, controls, jobs, paper, words
from app.views.model.flow import flow, flow_data
from app.views.model.words import limit_words, limits, python_code
from dysample.models.smp import FAMILIES, is_smp_name, smp_name
from dysample.ops.registry import OPERATORS
from dysample.trial.plan import Plan
from dysample.trial.survey import PlacedSite, Survey, SurveyedSite, SwapCosts


def page() -> None:
    """Draw the page."""
    st.title("Your model")
    prose("model")
    jobs.collect()
    origin = controls.origin_choice()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name, side = _known() if origin == "smp" else _own()
        rows, columns = controls.size_choice(side)
        to = controls.operator_choice(
            {name: spec.label for name, spec in OPERATORS.items() if not spec.needs_guide}
        )
    choice = ModelChoice(name, rows, columns)
    found = _look(choice) if name else None
    if found is None:
        return
    if not found.sites:
        st.info("This model enlarges nothing: there is nothing to swap.")
        return
    _found(choice, found, to)


def _known() -> tuple[str, int]:
    family = controls.family_choice({name: each.label for name, each in FAMILIES.items()})
    return smp_name(family, controls.encoder_choice(FAMILIES[family].encoders)), FAMILIES[family].side


def _own() -> tuple[str, int]:
    side = FAMILIES["Unet"].side
    if not compute.factories():
        prose("model", "factories")
        return "", side
    name = controls.factory_choice()
    if not name:
        return "", side
    try:
        compute.check_factory(name)
    except ValueError as error:
        st.error(str(error))
        return "", side
    return name, side


def _look(choice: ModelChoice) -> Survey | None:
    """The model as it is; None, with a sentence, where it cannot be looked at (yet)."""
    if is_smp_name(choice.name):
        try:
            with st.spinner("Looking at the network"):
                return compute.survey(choice)
        except ValueError as error:
            st.error(str(error))
            return None
    seen = jobs.any_report(choice)
    if seen is not None:
        return seen.survey
    asked = SwapChoice("dysample+")
    if not jobs.asked(choice, asked, "look"):
        jobs.begin(choice, asked, "look")
    jobs.offer(choice, asked, "look")
    return None


def _found(choice: ModelChoice, found: Survey, to: str) -> None:
    above = st.container()
    st.subheader("Site by site")
    swap, places = choose_sites(found, choice, to)
    plan = compute.plan_of(found, swap)
    costs = _costs(choice, swap, plan)
    with above:
        if costs is not None:
            show_placed(places, costs.placed)
            seen = [jobs.report(choice, swap, stage) for stage in ("measure", "deploy")]
            controls.glance([astuple(each) for each in words.glance(found, costs, plan, *seen)])
        figure_block(
            flow(found, plan),
            caption=words.flow_caption(found, choice.name),
            alt=words.flow_alt(found, plan),
            name=f"Enlargements of {choice.name}",
            data=flow_data(found),
            key="model-flow",
        )
    _measured(choice, swap, plan)
    _deployed(choice, swap, plan)
    _paper(to)
    st.subheader("The same in code")
    controls.code(python_code(choice.name, found, plan), jobs.command_line(choice, swap))


def _costs(choice: ModelChoice, swap: SwapChoice, plan: Plan) -> SwapCosts | None:
    if is_smp_name(choice.name):
        return compute.costs(choice, plan)
    seen = jobs.report(choice, swap, "look")
    if seen is not None:
        return seen.costs
    if not jobs.asked(choice, swap, "look"):
        jobs.begin(choice, swap, "look")
    jobs.offer(choice, swap, "look")
    return None


def _measured(choice: ModelChoice, swap: SwapChoice, plan: Plan) -> None:
    st.subheader("Output and time")
    jobs.offer(choice, swap, "measure", disabled=not plan)
    seen = jobs.report(choice, swap, "measure")
    if seen is None or seen.start is None or seen.race is None:
        st.caption(
            "Runs the original and the swapped model in a process of its own: is the output with zero "
            "offsets the same, and how long do both take, in turns? One measurement at a time on this server."
        )
        return
    controls.lines(words.start_sentences(seen.start))
    table(words.race_columns(seen.race), label="Times before and after the swap")
    st.caption(words.race_caption(seen))


def _deployed(choice: ModelChoice, swap: SwapChoice, plan: Plan) -> None:
    st.subheader("Can it be deployed?")
    here, elsewhere = st.columns(2, gap="large")
    with here:
        st.markdown("**Tried here**, with this model on this machine")
        jobs.offer(choice, swap, "deploy", disabled=not plan)
        seen = jobs.report(choice, swap, "deploy")
        if seen is None:
            st.caption("A backward pass, `torch.compile`, `torch.export`, and ONNX at opset 18.")
        else:
            controls.lines([words.attempt_words(each) for each in seen.attempts])
            st.caption(f"{words.machine_words(seen.machine)} {seen.date}.")
    with elsewhere:
        st.markdown("**Known from elsewhere**, not tried here")
        if words.samples_points(plan):
            controls.lines([limit_words(each) for each in limits()])
        else:
            st.caption("These limits are of sampling at points, which no upsampler of this choice does.")


def _paper(to: str) -> None:
    st.subheader("What the paper measured")
    found, name = paper.paper_gains(), paper.named(to)
    if not OPERATORS[name].in_paper:
        st.caption(f"The paper has no numbers of {OPERATORS[name].label}.")
        return
    if not any(name in each.gains for each in found):
        st.caption(f"The paper swaps {OPERATORS[name].label} out, not in: it is what gains are counted from.")
        return
    figure_block(
        paper.paper_figure(found, name),
        caption=paper.paper_caption(found, name),
        alt=paper.paper_alt(found, name),
        name=f"Gains of {OPERATORS[name].label} in the paper",
        data=paper.paper_data(found, name),
        key="model-paper",
    )


# The section of the page about one's own model where every site gets its upsampler.


def choose_sites(
    found: Survey, choice: ModelChoice, to: str
) -> tuple[SwapChoice, Mapping[str, DeltaGenerator]]:
    """Draw all sites with a choice for each that can be swapped.

    Returns:
        What was chosen, and by name of the site the place below it for what it comes to.
    """
    exceptions, places = list[tuple[str, str]](), dict[str, DeltaGenerator]()
    for each in found.sites:
        if each.site.choice == "never":
            continue
        left, right = st.columns([3, 2], gap="medium", vertical_alignment="top")
        with left:
            st.markdown(words.site_words(each.site))
            if each.site.reason:
                st.caption(each.site.reason)
        with right:
            chosen = _choice(each, choice, to)
            places[each.site.name] = st.empty()
        if chosen != controls.AS_ABOVE:
            exceptions.append((each.site.name, chosen))
    _left_alone(found)
    return SwapChoice(to, tuple(exceptions)), places


def show_placed(places: Mapping[str, DeltaGenerator], placed: tuple[PlacedSite, ...]) -> None:
    """Say below each site what its upsampler brings."""
    for each in placed:
        places[each.site].markdown(words.placed_words(each))


def _choice(each: SurveyedSite, choice: ModelChoice, to: str) -> str:
    """The operator for one site, `AS_ABOVE`, or `LEAVE`; sites on request are left unless it is said."""
    options = {
        option.operator: words.option_label(option.operator, option.parameters) for option in each.options
    }
    possible = to in options
    leave = {controls.LEAVE: "Leave it as it is"}
    if each.site.choice == "swap" and possible:
        names = {controls.AS_ABOVE: f"{options[to]} (as above)", **leave, **options}
        return controls.site_choice(each.site.name, names, model=choice.name, usual=controls.AS_ABOVE)
    names = {**leave, **options}
    chosen = controls.site_choice(each.site.name, names, model=choice.name, usual=controls.LEAVE)
    if each.site.choice == "swap":
        st.caption(f"{OPERATORS[to].label} cannot be here: it asks for {OPERATORS[to].constraints}.")
        return chosen
    return controls.AS_ABOVE if chosen == controls.LEAVE else chosen


def _left_alone(found: Survey) -> None:
    """Those that are never swapped, each with its reason."""
    never = [each.site for each in found.sites if each.site.choice == "never"]
    if never:
        st.markdown(f"**Left alone** ({len(never)})")
        controls.lines([f"{words.site_words(site)}: {site.reason}" for site in never])
    guided = ", ".join(spec.label for spec in OPERATORS.values() if spec.needs_guide)
    st.caption(
        f"Operators with a guide ({guided}) cannot be swapped in: which map would guide "
        "them is not to be seen from a call. In a network of your own, call `up(x, guide)` there."
    )


page()
