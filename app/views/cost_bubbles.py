"""Figure 1 of the paper with times that were measured here."""

from collections.abc import Sequence

import streamlit as st

from app.compute import evidence_costs as costs_of
from app.figures import cost_words as words
from app.figures import evidence_words
from app.figures.cost_rows import Timed, Way, number, size_of, spoken
from app.figures.evidence_bubbles import Bubble, bubbles, bubbles_data
from app.figures.evidence_gains import gains, unit
from app.figures.evidence_pairs import our_bubbles, paper_bubbles
from app.records import CostResult
from app.views.evidence_choice import choose_evidence
from app.widgets import cost_controls as controls
from app.widgets.figure_block import figure_block
from dysample.analysis.paper import paper_table
from dysample.analysis.score_specs import ScoreSpec, score_spec


def bubbles_section(result: CostResult, found: Sequence[Timed], way: Way) -> None:
    """Draw the section."""
    st.subheader("What it buys: score against time")
    times = {
        each.row.case.operator: (each.ratio.median, f"{number(each.milliseconds.median)} ms, {result.title}")
        for each in found
        if each.row.case.operator != "bilinear" or each.row.case.layout == "nchw"
    }
    drawn, spec, scores = _paper(times) if controls.scores_choice() == "paper" else _ours(times)
    if spec is None:
        return
    if len(drawn) < 2:
        st.info("Of the upsamplers with a score, fewer than two were measured.")
        return
    figure_block(
        bubbles(drawn, unit(spec), upside_down=spec.better == "lower"),
        caption=words.bubbles_caption(scores, result, spoken(size_of(found[0].row)), way),
        alt=evidence_words.bubbles_alt(drawn, unit(spec)),
        name=f"Score against time, {spec.label}",
        data=bubbles_data(drawn),
        key="cost-bubbles",
    )


Drawn = tuple[tuple[Bubble, ...], ScoreSpec | None, str]


def _paper(times: dict[str, tuple[float, str]]) -> Drawn:
    table = paper_table("table4")
    scores = f"Scores, and multiply-accumulates as an increase over bilinear: {table.title}."
    return paper_bubbles(times), score_spec("miou"), scores


def _ours(times: dict[str, tuple[float, str]]) -> Drawn:
    chosen = choose_evidence()
    if chosen is None:
        return (), None, ""
    found, spec = chosen.found, score_spec(chosen.score)
    counted = costs_of.task_costs(chosen.task)
    macs = {each.upsampler: each.macs.value / 1e9 for each in counted if each.macs.value is not None}
    where = evidence_words.where(found)
    height, width = costs_of.working_size(chosen.task)
    drawn = our_bubbles(gains(found, chosen.score, chosen.trained), times, macs, spec, where)
    scores = (
        f"{unit(spec)}: {found.title}, {where}; multiply-accumulates (true) of all upsamplers in that "
        f"network, for one picture of {width}×{height} pixels."
    )
    return drawn, spec, scores
