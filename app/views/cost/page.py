"""Cost: what upsamplers take in time, memory and operations, measured on this server while one waits."""

import streamlit as st

from app.memory import forget, keep, kept, visitor
from app.records import CostResult
from app.settings import CostChoice
from app.shared.controls import prose
from app.shared.literal import plain
from app.shared.worker import BusyError
from app.views.cost import compute, controls
from app.views.cost.compute import Measurement
from app.views.cost.results import bars_section, results_sections
from app.views.cost.rows import spoken
from app.views.evidence.choice import missing
from app.views.evidence.compute import Missing
from dysample.measure.case import DTypeName, MapSize
from dysample.ops.registry import OPERATORS

_RUN, _RESULT, _NOTICE = "cost.run", "cost.result", "cost.notice"
_POLL_S = 1.0
CPU_TYPES: tuple[DTypeName, ...] = ("float32",)  # in half types the CPU upsamples no faster


def page() -> None:
    """Draw the page."""
    st.title("Cost")
    prose("cost")
    choice = _choice()
    run: Measurement | None = st.session_state.get(_RUN)
    with st.container(horizontal=True, vertical_alignment="center"):
        controls.measure_button(lambda: _start(choice), disabled=run is not None)
        st.caption(compute.limits(choice.device), width="stretch")
    if run is not None:
        _wait(run)
        st.subheader("Measured before", divider="grey")
    elif notice := kept(_NOTICE, ""):
        st.warning(plain(notice))
    _results()


def _choice() -> CostChoice:
    presets = compute.presets()
    named = {f"{name}, {spoken(size)}": size for name, size in presets.items()}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = controls.map_choice(list(named))
        if name in named:
            size = named[name]
        else:
            limits = {"most_channels": compute.MOST_CHANNELS, "most_side": compute.MOST_SIDE}
            size = MapSize(*controls.size_choice(**limits))
    upsamplers = controls.upsampler_choice({name: spec.label for name, spec in OPERATORS.items()})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        device = controls.device_choice(compute.devices_to_measure())
        layout = controls.layout_choice()
        also = controls.also_choice()
        dtypes = CPU_TYPES if device == "cpu" else controls.type_choice()
    sizes = (size, *compute.smaller(size)) if "sizes" in also else (size,)
    wanted = {"backward": "training" in also, "memory": "memory" in also}
    return CostChoice(sizes, upsamplers, layout, **wanted, device=device, dtypes=dtypes)


def _start(choice: CostChoice) -> None:
    forget(_NOTICE)
    try:
        st.session_state[_RUN] = Measurement(choice, visitor=visitor())
    except (BusyError, ValueError) as error:
        keep(_NOTICE, str(error))


def _cancel() -> None:
    run: Measurement = st.session_state[_RUN]
    run.cancel()


@st.fragment(run_every=_POLL_S)
def _wait(run: Measurement) -> None:
    """Draw the progress, and a figure that grows with every operator measured."""
    progress = run.poll()
    st.progress(progress.share, plain(progress.words))
    if not run.going:
        _finish(run)
        st.rerun()
    controls.cancel_button(_cancel)
    result = run.result()
    if result is not None:
        bars_section(result)
    elif run.state == "waiting":
        st.info(
            "Another visitor’s measurement is running; one runs at a time, so that they do not disturb each "
            "other. Yours follows by itself: wait, or look at what was measured before."
        )


def _finish(run: Measurement) -> None:
    st.session_state.pop(_RUN, None)
    result = run.result()
    if result is not None:
        keep(_RESULT, result)
        st.session_state["cost_show"] = keep("cost_show", 0)
    if run.state != "finished":
        keep(_NOTICE, run.outcome)


def _results() -> None:
    own, committed = kept(_RESULT, None), compute.committed()
    there = [result for result in (own, committed) if isinstance(result, CostResult)]
    if isinstance(committed, Missing) and own is None:
        missing(committed.reason, committed.commands, damaged=committed.damaged)
        return
    results_sections(there[controls.result_choice([result.title for result in there])])


page()
