"""Figure 1 of the paper from data: score, latency, and multiply-accumulates as size."""

import streamlit as st

from app.compute import evidence as compute
from app.compute import evidence_costs as costs_of
from app.compute.evidence import Missing
from app.figures import evidence_cost_words as cost_words
from app.figures import evidence_words as words
from app.figures.evidence_bubbles import Bubble, bubbles, bubbles_data
from app.figures.evidence_gains import gains, unit
from app.figures.evidence_pairs import our_bubbles, paper_bubbles
from app.views.evidence_choice import choose_evidence
from app.widgets import evidence_controls as controls
from app.widgets.figure_block import figure_block
from app.widgets.prose import prose
from dysample.analysis.score_specs import ScoreSpec, score_spec


@st.fragment
def cost_section() -> None:
    """Draw the section."""
    prose("evidence_cost")
    times = compute.latencies()
    if isinstance(times, Missing):
        controls.missing(times.reason, times.commands, damaged=times.damaged)
    st.subheader("The paper’s scores and operations")
    own = controls.clock_choice() == "paper" or isinstance(times, Missing)
    found = paper_bubbles(None if isinstance(times, Missing) or own else _clock(times))
    caption = cost_words.paper_caption(found, None if isinstance(times, Missing) or own else times.machine)
    _draw(found, score_spec("miou"), caption, "Score, latency and operations, paper", key="evidence-bubbles")
    if not isinstance(times, Missing):
        st.subheader("Ours")
        _ours(times)


def _ours(times: compute.Latencies) -> None:
    chosen = choose_evidence()
    if chosen is None:
        return
    found, score, trained = chosen.found, chosen.score, chosen.trained
    spec, costs = score_spec(score), costs_of.task_costs(chosen.task)
    macs = {each.upsampler: each.macs.value / 1e9 for each in costs if each.macs.value is not None}
    drawn = our_bubbles(gains(found, score, trained), _clock(times), macs, spec, words.where(found))
    if not drawn:
        st.info("None of the upsamplers that were scored has a latency as well.")
        return
    caption = cost_words.our_caption(
        found, spec, trained, size=costs_of.working_size(chosen.task), machine=times.machine, date=times.date
    )
    _draw(drawn, spec, caption, f"Score, latency and operations, {found.title}", key="evidence-own-bubbles")


def _clock(times: compute.Latencies) -> dict[str, tuple[float, str]]:
    return {
        each.upsampler: (each.ratio, f"{each.milliseconds:.0f} ms, {times.machine}") for each in times.rows
    }


def _draw(found: tuple[Bubble, ...], spec: ScoreSpec, caption: str, name: str, *, key: str) -> None:
    figure_block(
        bubbles(found, unit(spec), upside_down=spec.better == "lower"),
        caption=caption,
        alt=words.bubbles_alt(found, unit(spec)),
        name=name,
        data=bubbles_data(found),
        key=key,
    )
