"""The paper's ablations beside ours."""

import streamlit as st

from app.compute import evidence as compute
from app.compute.evidence import Missing
from app.figures import evidence_tables as tables
from app.figures import evidence_words as words
from app.figures.evidence_ablations import ABLATIONS, beside_the_paper, groups_alt, groups_figure
from app.figures.evidence_gains import unit
from app.views.evidence_choice import ways
from app.views.evidence_measured import draw_forest
from app.widgets import evidence_controls as controls
from app.widgets.figure_block import figure_block
from app.widgets.prose import prose
from dysample.analysis.evidence import Evidence
from dysample.analysis.paper import paper_table
from dysample.analysis.score_specs import score_spec


@st.fragment
def ablations_section() -> None:
    """Draw the section."""
    prose("evidence_ablations")
    task = controls.task_choice(compute.tasks())
    for name in ABLATIONS:
        _ablation(task, name)


def _ablation(task: str, name: str) -> None:
    ablation, found = ABLATIONS[name], compute.evidence(task, name)
    st.subheader(ablation.title)
    left, right = st.columns([2, 3], gap="large")
    with left:
        table = paper_table(ablation.table)
        controls.table(tables.paper_columns(table), tables.paper_formats(table), key=f"evidence-paper-{name}")
        st.caption(f"{table.title}. {table.source}.")
        if name == "figure5":
            prose("evidence_figure5")
    with right:
        if isinstance(found, Missing):
            controls.missing(found.reason, found.commands, damaged=found.damaged)
        else:
            _ours(found, name)


def _ours(found: Evidence, name: str) -> None:
    score, trained = found.headline[0], ways(found)[0]
    columns, spec = beside_the_paper(found, ABLATIONS[name], score), score_spec(score)
    controls.table(columns, tables.formats(found, score), key=f"evidence-ours-{name}")
    controls.table_download(
        lambda: tables.as_csv(columns),
        f"{ABLATIONS[name].title.partition(':')[0]}, ours",
        key=f"evidence-{name}-csv",
    )
    st.caption(words.how_to_read(found))
    draw_forest(found, score, trained, key=f"evidence-forest-{name}")
    if name == "figure5":
        figure_block(
            groups_figure(found, score, trained),
            caption=f"{unit(spec)} by number of groups, {words.where(found)}; bars are one standard "
            "deviation over the seeds. LP predicts offsets before the pixel shuffle, PL after it.",
            alt=groups_alt(found, score, trained),
            name=f"Groups, {found.title}",
            key="evidence-groups",
        )
