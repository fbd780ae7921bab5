"""Your model: swap upsamplers in a network; what changes, what does it cost, can it be deployed?"""

from dataclasses import astuple

import streamlit as st

from app.components.figure.block import figure_block
from app.settings import ModelChoice, SwapChoice
from app.shared.controls import prose
from app.shared.literal import plain
from app.views.model import compute, controls, jobs, sections, words
from app.views.model.flow import flow, flow_data
from dysample.models.smp import FAMILIES, is_smp_name, smp_name
from dysample.ops.registry import OPERATORS
from dysample.swap.site import NO_SITES
from dysample.trial.plan import Plan
from dysample.trial.survey import Survey, SwapCosts


def page() -> None:
    """Draw the page."""
    st.title("Your model")
    prose("model")
    jobs.collect()
    origin = controls.origin_choice()
    if origin == "file":
        sections.model_file()
        return
    choice, to = _choose_model(origin)
    survey = _survey(choice) if choice.name else None
    if survey is None:
        return
    if not survey.sites:
        st.info(NO_SITES)
        return
    _draw(choice, survey, to)


def _choose_model(origin: controls.ModelOrigin) -> tuple[ModelChoice, str]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name, side = _known_network() if origin == "smp" else _own_factory()
        rows, columns = controls.size_choice(side)
        to = controls.operator_choice(
            {name: spec.label for name, spec in OPERATORS.items() if not spec.needs_guide}
        )
    return ModelChoice(name, rows, columns), to


def _known_network() -> tuple[str, int]:
    family = controls.family_choice({name: family.label for name, family in FAMILIES.items()})
    return smp_name(family, controls.encoder_choice(FAMILIES[family].encoders)), FAMILIES[family].side


def _own_factory() -> tuple[str, int]:
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
        st.error(plain(str(error)))
        return "", side
    return name, side


def _survey(choice: ModelChoice) -> Survey | None:
    """Return the model as it is; None, after a message, while or where it cannot be surveyed."""
    if is_smp_name(choice.name):
        try:
            with st.spinner("Looking at the network"):
                return compute.survey(choice)
        except ValueError as error:
            st.error(plain(str(error)))
            return None
    report = jobs.any_report(choice)
    if report is not None:
        return report.survey
    jobs.offer_look(choice, SwapChoice("dysample+"))
    return None


def _draw(choice: ModelChoice, survey: Survey, to: str) -> None:
    first, above = st.container(), st.container()
    st.subheader("Site by site")
    swap, places = sections.choose_sites(survey, choice, to)
    plan = compute.plan_of(survey, swap)
    with first:
        sections.decision(choice, survey, plan)
    costs = _costs(choice, swap, plan)
    with above:
        st.subheader(f"{OPERATORS[to].label} in it")
        if costs is not None:
            sections.placed_notes(places, costs.placed)
            reports = [jobs.report(choice, swap, stage) for stage in ("measure", "deploy")]
            controls.glance([astuple(number) for number in words.glance(survey, costs, plan, *reports)])
        figure_block(
            flow(survey, plan),
            caption=words.flow_caption(survey, choice.name),
            alt=words.flow_alt(survey, plan),
            name=f"Enlargements of {choice.name}",
            data=flow_data(survey),
            key="model-flow",
        )
    sections.output_and_time(choice, swap, plan)
    sections.deployment(choice, swap, plan)
    sections.paper_gains(to)
    st.subheader("The same in code")
    controls.code(words.python_code(choice.name, survey, plan), jobs.command_line(choice, swap))


def _costs(choice: ModelChoice, swap: SwapChoice, plan: Plan) -> SwapCosts | None:
    """Return the costs after the swap; None, after a message, while or where they cannot be counted."""
    if is_smp_name(choice.name):
        return compute.costs(choice, plan)
    report = jobs.report(choice, swap, "look")
    if report is not None:
        return report.costs
    jobs.offer_look(choice, swap)
    return None


page()
