"""Watch it learn: a tiny DySample, trained on one picture while the visitor watches."""

from dataclasses import replace

import streamlit as st

from app.components.figure.block import figure_block
from app.memory import forget, keep, kept
from app.settings import LearnChoice, Source
from app.shared import photos
from app.shared.controls import prose, table
from app.shared.engine.turns import EngineError
from app.shared.literal import plain
from app.shared.subject import choose_picture
from app.views.learn import controls, figures, words
from app.views.learn.compute import Run
from dysample.explain.learn import Snapshot
from dysample.explain.offsets import CellWindow
from dysample.scores.paper import paper_table

_MOST_FINISHED = 50  # runs in the list
_RUN, _FINISHED, _NOTICE, _BEGIN = "learn.run", "learn.finished", "learn.notice", "learn.begin"


def page() -> None:
    """Draw the page."""
    controls.compact()
    st.title("Watch it learn")
    prose("learn")
    above = st.container()  # a gallery needs the width of the page
    beside, main = st.columns([3, 8], gap="medium")
    with beside:
        buttons = st.container()  # what they do depends on what is chosen below them
        origin, task, scale, side = controls.problem_choice()
        settings, seed, steps = controls.settings_choice()
    with above:
        source = _photograph() if origin == "photo" else None
    with main:
        with st.container():  # while others are before this visitor, it shows the place in the queue
            run = _run(LearnChoice(source, side, task, scale, settings, seed, steps))
        if run is None:
            return
        if notice := kept(_NOTICE, ""):
            st.info(notice)
        with buttons:
            controls.commands(_state(run), start=_start, go=_go, pause=_pause, reset=_reset)
        (_train if run.going else _review)(run)
    _compare(run)


def _photograph() -> Source:
    """Choose a photograph; an unreadable upload does not replace a readable one."""
    with st.expander("Picture", icon=":material/image:"):
        source = choose_picture()
    unreadable = source.data is None and kept("own.picture", None) is not None
    if not unreadable or kept("learn.beside", source) != source:
        keep("learn.source", source)
    if unreadable:
        keep("learn.beside", source)
    else:
        forget("learn.beside")
    return kept("learn.source", source)


def _run(choice: LearnChoice) -> Run | None:
    """Return the visitor's run; a new one, waiting, where the choice is new."""
    earlier: Run | None = st.session_state.get(_RUN)
    if earlier is not None and earlier.choice == choice:
        return earlier
    if earlier is not None:
        earlier.pause()
    try:
        run = Run(choice)
    except EngineError as error:
        st.error(plain(str(error)))
        return earlier
    except ValueError as error:
        kept_on = "" if earlier is None else " Below is still what was learnt before."
        st.error(f"This picture cannot be learnt from: {plain(str(error))}.{kept_on}")
        return earlier
    if earlier is not None and _state(earlier) in ("going", "paused"):
        keep(_NOTICE, words.interrupted(earlier.step, earlier.choice.steps))
    st.session_state[_RUN] = run
    if kept(_BEGIN, otherwise=False):
        forget(_BEGIN)
        run.go()
    return run


def _state(run: Run) -> controls.LearnState:
    if run.finished:
        return "finished"
    if run.going:
        return "going"
    return "paused" if run.step else "ready"


def _start() -> None:
    _reset()
    keep(_BEGIN, True)


def _go() -> None:
    run: Run = st.session_state[_RUN]
    run.go()


def _pause() -> None:
    run: Run = st.session_state[_RUN]
    run.pause()
    controls.show_step(run.snapshots[-1].step)


def _reset() -> None:
    run: Run = st.session_state[_RUN]
    run.pause()
    forget(_NOTICE)
    del st.session_state[_RUN]


@st.fragment
def _train(run: Run) -> None:
    # A fragment of its own: a rerun requested too late finds it gone.
    with st.container():  # as above: without it all below would move
        try:
            run.advance()
        except EngineError as error:
            run.pause()
            keep(_NOTICE, plain(str(error)))
            st.rerun()
    _draw(run, controls.time_passing)
    if run.finished:
        controls.show_step(run.snapshots[-1].step)  # the slider's own step is from before the run
        st.rerun()
    controls.look_again(run.step, key="learn-pacer")


@st.fragment
def _review(run: Run) -> None:
    st.container()  # where a fragment that trains has one
    _draw(run, controls.time_choice)


def _draw(run: Run, time: controls.TimeControl) -> None:
    verdict, passed = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with passed:
        st.progress(run.step / run.choice.steps, f"Step {run.step} of {run.choice.steps}")
        newest = run.snapshots[-1].step
        snapshot = run.at(time(steps=run.choice.steps, every=run.every, newest=newest))
    with verdict:
        sentence = words.standing(snapshot, run.snapshots)
        controls.verdict(sentence, better=None if run.going else words.wins(snapshot))
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _curves(run, snapshot)
    with right:
        _arrows(run, snapshot)
    _panes(run, snapshot)


def _curves(run: Run, snapshot: Snapshot) -> None:
    figure_block(
        figures.curves(run.snapshots, steps=run.choice.steps, at=snapshot.step),
        caption=words.CURVES_CAPTION,
        alt=words.curves_alt(run.snapshots),
        name="Learning curves",
        data=words.curves_data(run.snapshots),
        key="learn-curves",
    )


def _panes(run: Run, snapshot: Snapshot) -> None:
    figure_block(
        figures.panes(run.pictures, snapshot),
        caption=words.PANES_CAPTION,
        alt=words.panes_alt(run.pictures, snapshot),
        name="Input, bilinear, DySample, target",
        data=words.panes_data(run.pictures, snapshot),
        key="learn-panes",
    )


def _arrows(run: Run, snapshot: Snapshot) -> None:
    above = st.container()  # the figure comes first, and shows what is chosen below it
    group, extent = controls.arrows_choice(run.choice.settings.groups)
    height, width = run.pictures.input.shape[:2]
    window = run.detail if extent == "detail" else CellWindow(0, 0, rows=height, columns=width)
    arrows, every = run.arrows(snapshot, group=group, window=window)
    with above:
        figure_block(
            figures.arrow_field(run.pictures, arrows, window=window, numbers=not run.going),
            caption=words.arrows_caption(snapshot, group=group, every=every),
            alt=words.arrows_alt(arrows),
            name="Sampling points",
            data=words.arrows_data(arrows),
            key="learn-arrows",
        )


def _compare(run: Run) -> None:
    finished: list[words.FinishedRun] = st.session_state.setdefault(_FINISHED, [])
    if run.finished and (outcome := _outcome(run)) not in finished:
        finished[:] = [*finished, outcome][-_MOST_FINISHED:]
    st.subheader("Your runs so far")
    if finished:
        controls.sortable_table(words.finished_table(finished), formats=words.FORMATS, key="learn-runs")
    else:
        st.caption("Runs that reach their end are listed here, so that you can compare settings.")
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("#### What to try")
        prose("learn", "try")
        st.markdown("#### How it works")
        prose("learn", "how")
    with right:
        st.markdown("#### What the paper measured")
        prose("learn", "paper")
        for name in ("table1", "table2", "table3"):
            paper = paper_table(name)
            st.markdown(f"**{paper.title}**")
            table(words.paper_columns(paper), label=paper.title)


def _outcome(run: Run) -> words.FinishedRun:
    source, last = run.choice.source, run.snapshots[-1]
    picture = "Rings"
    if source is not None:
        picture = source.name if source.data is not None else photos.gallery()[source.name].title
        source = replace(source, data=None)
    choice = replace(run.choice, source=source)
    return words.FinishedRun(picture, choice, last.score.psnr, last.bilinear.psnr, last.gain)


page()
