"""The section of the page about one's own model where every site gets its upsampler."""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.figures import model_words as words
from app.settings import ModelChoice, SwapChoice
from app.widgets import model_controls as controls
from dysample.analysis.trial.costs import PlacedSite
from dysample.analysis.trial.survey import Survey, SurveyedSite
from dysample.ops.registry import OPERATORS


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
    st.caption(
        "Operators with a guide (IndexNet, A2U, FADE, SAPA-B) cannot be swapped in: which map would guide "
        "them is not to be seen from a call. In a network of your own, call `up(x, guide)` there."
    )
