"""The paper's tables, and beside those that correspond our own numbers."""

import streamlit as st

from app.figures import evidence_scatter as figures
from app.figures import evidence_tables as tables
from app.figures import evidence_words as words
from app.figures.evidence_agreement import agreement_sentences, pairs
from app.figures.evidence_gains import (
    PAPER_NOISE,
    counterpart,
    counterpart_kind,
    gains,
    noise,
    paper_scores,
    unit,
)
from app.figures.evidence_pairs import side_by_side, side_formats
from app.views.evidence_choice import choose_evidence
from app.widgets import evidence_controls as controls
from app.widgets.figure_block import figure_block
from app.widgets.prose import prose
from dysample.analysis.evidence import Evidence, Trained
from dysample.analysis.paper import TABLES, paper_table
from dysample.analysis.score_specs import score_spec
from dysample.models.manifest import Kind

_FIRST = "table4"  # of which there is most to compare


@st.fragment
def paper_section() -> None:
    """Draw the section."""
    order = (_FIRST, *(each for each in TABLES if each != _FIRST))
    name = controls.table_choice({each: paper_table(each).title for each in order})
    table = paper_table(name)
    controls.table(tables.paper_columns(table), tables.paper_formats(table), key=f"evidence-{name}")
    controls.table_download(
        lambda: tables.as_csv(tables.paper_columns(table)),
        f"{table.title.partition(':')[0]} of the paper",
        key="evidence-paper-csv",
    )
    st.caption(
        f"{table.title}. {table.source}. Numbers as printed; “added” is what the paper prints with a plus."
    )
    kind = counterpart_kind(name)
    if kind is None:
        prose("evidence_alone")
    else:
        _ours(kind)


def _ours(kind: Kind) -> None:
    st.subheader("Ours beside it")
    chosen = choose_evidence(kind)
    if chosen is None:
        return
    found, score, trained = chosen.found, chosen.score, chosen.trained
    left, right = st.columns(2, gap="large")
    with left:
        _table(found, score, trained)
    with right:
        _scatter(found, score, trained)


def _table(found: Evidence, score: str, trained: Trained) -> None:
    spec, paper = score_spec(score), paper_scores(*counterpart(found.kind, score))
    rows = gains(found, score, trained)
    both = pairs(rows, paper)
    columns = side_by_side(rows, paper, both)
    st.markdown(agreement_sentences(both, spec, PAPER_NOISE.get(counterpart(found.kind, score))))
    controls.table(columns, side_formats(spec), key="evidence-both")
    controls.table_download(
        lambda: tables.as_csv(columns), f"Paper and ours, {found.title}", key="evidence-both-csv"
    )
    st.caption(
        f"{unit(spec)}. Gains are over bilinear in the same table; from and to are the ends of our interval. "
        f"Ours: {words.where(found)}, {tables.TRAINED[trained]}."
    )


def _scatter(found: Evidence, score: str, trained: Trained) -> None:
    spec, place = score_spec(score), counterpart(found.kind, score)
    both = pairs(gains(found, score, trained), paper_scores(*place))
    if not both:
        return
    ours, authors = noise(found, score, trained), PAPER_NOISE.get(place)
    number = paper_table(place[0]).title.partition(":")[0]
    figure_block(
        figures.scatter(both, spec, noise=ours, paper_noise=authors),
        caption=words.scatter_caption(found, spec, number, ours, authors, figures.scatter_beyond(both)),
        alt=words.scatter_alt(both, spec),
        name=f"Our gains and the paper’s, {found.title}, {spec.label}",
        data=figures.scatter_data(both),
        key="evidence-scatter",
    )
