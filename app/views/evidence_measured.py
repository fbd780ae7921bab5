"""What was measured here: a table, the differences with their intervals, and every class."""

import streamlit as st

from app.figures import evidence as figures
from app.figures import evidence_tables as tables
from app.figures import evidence_words as words
from app.figures.evidence_classes import class_gains, class_map
from app.figures.evidence_gains import PAPER_NOISE, compared, counterpart, gains, noise
from app.views.evidence_choice import choose_evidence
from app.widgets import evidence_controls as controls
from app.widgets.figure_block import figure_block
from dysample.analysis.evidence import Evidence, Trained
from dysample.analysis.score_specs import score_spec
from dysample.ops.registry import operator_spec


@st.fragment
def measured_section() -> None:
    """Draw the section."""
    chosen = choose_evidence()
    if chosen is None:
        return
    found, score, trained = chosen.found, chosen.score, chosen.trained
    controls.table(tables.measured(found, score), tables.formats(found, score), key="evidence-measured")
    controls.table_download(
        lambda: tables.as_csv(tables.everything(found)),
        f"All scores, {found.title}",
        key="evidence-measured-csv",
    )
    st.caption(words.how_to_read(found))
    left, right = st.columns(2, gap="large")
    with left:
        draw_forest(found, score, trained, key="evidence-forest")
    with right:
        _classes(found, score, trained)


def draw_forest(found: Evidence, score: str, trained: Trained, *, key: str) -> None:
    """Draw the differences of the rows that were trained one way, and say what they tell."""
    spec, reference = score_spec(score), operator_spec(found.reference).label
    rows, ours = gains(found, score, trained), noise(found, score, trained)
    authors = PAPER_NOISE.get(counterpart(found.kind, score))
    st.markdown(words.verdict(rows, spec, reference, ours))
    if compared(rows):
        beyond = figures.outside(rows, ours, authors)
        figure_block(
            figures.forest(rows, spec, reference, noise=ours, paper_noise=authors),
            caption=words.forest_caption(found, spec, trained, ours, authors, beyond),
            alt=words.forest_alt(rows, spec, reference),
            name=f"Differences, {found.title}, {spec.label}",
            data=figures.forest_data(rows),
            key=key,
        )


def _classes(found: Evidence, score: str, trained: Trained) -> None:
    by_class, spec = class_gains(found, score, trained), score_spec(score)
    if by_class is None:
        return
    figure_block(
        class_map(by_class, spec),
        caption=words.classes_caption(found, by_class, spec),
        alt=words.classes_alt(by_class, spec),
        name=f"Differences by class, {found.title}, {spec.label}",
        data={"difference": by_class.values},
        key="evidence-classes",
    )
