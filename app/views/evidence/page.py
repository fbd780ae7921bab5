"""Evidence: what every upsampler scored, here and in the paper, and which differences are certain."""

import streamlit as st

from app.shared.controls import prose
from app.views.evidence import choice, sections

_SECTIONS = {
    "Measured here": sections.measured,
    "Beside the paper": sections.beside_paper,
    "Score and cost": sections.score_and_cost,
    "Ablations": sections.ablations,
}


def page() -> None:
    """Draw the page."""
    st.title("Evidence")
    prose("evidence")
    _SECTIONS[choice.section_choice(list(_SECTIONS))]()


page()
