"""Evidence: what every upsampler scored, here and in the paper, and what of it can be told."""

import streamlit as st

from app.views.evidence_ablations import ablations_section
from app.views.evidence_cost import cost_section
from app.views.evidence_measured import measured_section
from app.views.evidence_paper import paper_section
from app.widgets import evidence_controls as controls
from app.widgets.prose import prose

_SECTIONS = {
    "Measured here": measured_section,
    "Beside the paper": paper_section,
    "Score and cost": cost_section,
    "Ablations": ablations_section,
}


def page() -> None:
    """Draw the page."""
    st.title("Evidence")
    prose("evidence")
    _SECTIONS[controls.section_choice(list(_SECTIONS))]()


page()
