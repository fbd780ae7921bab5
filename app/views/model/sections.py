"""The sections of the page about one's own model: the decision, sites, output and time, deployment, paper."""

import hashlib
from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.figure.block import figure_block
from app.memory import keep, kept
from app.settings import ModelChoice, SwapChoice
from app.shared.controls import prose, table
from app.shared.literal import plain
from app.shared.worker import load_words
from app.views.model import compute, controls, jobs, paper, tables, words
from dysample.ops.registry import OPERATORS
from dysample.scores import gains as known_gains
from dysample.scores.evidence import EvidenceError
from dysample.scores.gains import TaskGain
from dysample.swap import FileAudit, read_model_file
from dysample.trial.advice import RULE, advise, as_csv, columns, gain_columns
from dysample.trial.decision import Decision
from dysample.trial.plan import Plan
from dysample.trial.survey import PlacedSite, Survey, SurveyedSite


def model_file() -> None:
    """Draw what a file of a model enlarges; nothing in it is run."""
    data = controls.model_file()
    prose("model", "files")
    if data is None:
        return
    try:
        found = _file_audit(data)
    except ValueError as error:
        st.error(plain(f"{str(error)[:1].upper()}{str(error)[1:]}."))
        return
    st.subheader("What it enlarges, and where")
    if not found.sites:
        st.info(str(found))
        return
    table(
        {name: [cell and plain(cell) for cell in cells] for name, cells in found.columns().items()},
        label="Enlargements in this file",
    )
    st.caption(words.file_caption(found))


def _file_audit(data: bytes) -> FileAudit:
    """Read a file once for this visitor, who alone has it.

    Raises:
        ValueError: It is no such file, too large, or damaged.
    """
    digest = hashlib.sha256(data).hexdigest()
    known: tuple[str, FileAudit] | None = kept("model_file_audit", None)
    if known is None or known[0] != digest:
        known = keep("model_file_audit", (digest, read_model_file(data)))
    return known[1]


def decision(choice: ModelChoice, survey: Survey, plan: Plan) -> None:
    """Draw all upsamplers beside each other and the advice, or what is known before anything is measured."""
    names = tuple(placement.site for placement in plan)
    where = () if names == tables.usual_sites(survey) else names
    before = tables.unmeasured(survey, names, choice.name)
    jobs.offer_decision(
        "Which upsampler?",
        choice,
        where,
        disabled=not plan,
        draw=lambda found: _decision(tables.completed(before, found)),
    )


def _decision(found: Decision) -> None:
    ours = _task_gains()
    advice = advise(found, ours) if tables.is_complete(found) else None
    if advice is not None:
        st.markdown(advice.words)
    shown = columns(found, known_gains.paper_gains(), ours)
    # On a phone the table is scrolled sideways, and its cells are not broken into several lines.
    table(
        {name: [cell.replace(" ", "\u00a0") for cell in cells] for name, cells in shown.items()},
        label="All upsamplers in this network: costs, exports and gains",
    )
    st.caption(tables.caption(found))
    if reasons := tables.notes(found):
        controls.lines(reasons)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if advice is not None and advice.operator:
            controls.take_operator(advice.operator, OPERATORS[advice.operator].label)
        controls.decision_download(lambda: as_csv(found, known_gains.paper_gains(), ours))
    with st.expander("How it was measured, the rule, and our gains in full", key="model_gains"):
        for words in (*tables.how(found), RULE):
            st.markdown(words)
        table(gain_columns(ours), label="Our gains by task, with intervals")
        st.caption(tables.gains_caption())


def _task_gains() -> tuple[TaskGain, ...]:
    try:
        return compute.task_gains()
    except EvidenceError as error:
        st.warning(f"Our gains cannot be read: {plain(str(error))}.")
        return ()


def choose_sites(
    survey: Survey, choice: ModelChoice, to: str
) -> tuple[SwapChoice, Mapping[str, DeltaGenerator]]:
    """Draw all sites, with a choice of operator for each that can be swapped.

    Returns:
        The choice, and by name of the site a placeholder below it for what its upsampler adds.
    """
    exceptions, places = list[tuple[str, str]](), dict[str, DeltaGenerator]()
    for surveyed in survey.sites:
        site = surveyed.site
        if site.choice == "never":
            continue
        left, right = st.columns([3, 2], gap="medium", vertical_alignment="top")
        with left:
            st.markdown(words.site_words(site))
            if site.reason:
                st.caption(plain(site.reason))
        with right:
            chosen = _operator(surveyed, choice, to)
            places[site.name] = st.empty()
        if chosen != controls.AS_ABOVE:
            exceptions.append((site.name, chosen))
    _left_alone(survey)
    return SwapChoice(to, tuple(exceptions)), places


def _operator(surveyed: SurveyedSite, choice: ModelChoice, to: str) -> str:
    """Choose an operator, `AS_ABOVE`, or `LEAVE` for a site; sites on request are left by default."""
    site = surveyed.site
    options = {
        option.operator: words.option_label(option.operator, option.parameters) for option in surveyed.options
    }
    leave = {controls.LEAVE: "Leave it as it is"}
    if site.choice == "swap" and to in options:
        names = {controls.AS_ABOVE: f"{options[to]} (as above)", **leave, **options}
        return controls.site_choice(site.name, names, model=choice.name, usual=controls.AS_ABOVE)
    names = {**leave, **options}
    chosen = controls.site_choice(site.name, names, model=choice.name, usual=controls.LEAVE)
    if site.choice == "swap":
        st.caption(f"{OPERATORS[to].label} cannot be here: it needs {OPERATORS[to].constraints}.")
        return chosen
    return controls.AS_ABOVE if chosen == controls.LEAVE else chosen


def _left_alone(survey: Survey) -> None:
    """Draw the sites that are never swapped, each with its reason."""
    never = [surveyed.site for surveyed in survey.sites if surveyed.site.choice == "never"]
    if never:
        st.markdown(f"**Left alone** ({len(never)})")
        controls.lines([f"{words.site_words(site)}: {plain(site.reason)}" for site in never])
    guided = ", ".join(spec.label for spec in OPERATORS.values() if spec.needs_guide)
    st.caption(
        f"Operators with a guide ({guided}) cannot be swapped in: the call does not show which map "
        "should guide them. In a network of your own, call `up(x, guide)` there."
    )


def placed_notes(places: Mapping[str, DeltaGenerator], placed: Sequence[PlacedSite]) -> None:
    """Draw below each site what its upsampler adds."""
    for site in placed:
        places[site.site].markdown(words.placed_words(site))


def output_and_time(choice: ModelChoice, swap: SwapChoice, plan: Plan) -> None:
    """Draw the comparison of outputs and times, or the button that starts it."""
    st.subheader("Output and time")
    jobs.offer(choice, swap, "measure", disabled=not plan)
    report = jobs.report(choice, swap, "measure")
    if report is None or report.start is None or report.race is None:
        st.caption(
            "Runs the original and the swapped model in a process of its own: is the output with zero "
            "offsets the same, and how long do both take, in turns? One measurement at a time on this server."
        )
        return
    controls.lines(words.start_sentences(report.start))
    table(words.race_columns(report.race), label="Times before and after the swap")
    busy = load_words(jobs.load(choice, swap, "measure"))
    st.caption(f"{words.race_caption(report)} {busy}".rstrip())


def deployment(choice: ModelChoice, swap: SwapChoice, plan: Plan) -> None:
    """Draw what was tried here, or the button that tries it, beside known limits of runtimes."""
    st.subheader("Can it be deployed?")
    here, elsewhere = st.columns(2, gap="large")
    with here:
        st.markdown("**Tried here**, with this model on this machine")
        jobs.offer(choice, swap, "deploy", disabled=not plan)
        report = jobs.report(choice, swap, "deploy")
        if report is None:
            st.caption("A backward pass, `torch.compile`, `torch.export`, and ONNX at opset 18.")
        else:
            controls.lines([words.attempt_words(attempt) for attempt in report.attempts])
            st.caption(f"{words.machine_words(report.machine)} {report.date}.")
    with elsewhere:
        st.markdown("**Known from elsewhere**, not tried here")
        if words.samples_points(plan):
            controls.lines([words.limit_words(limit) for limit in words.limits()])
        else:
            st.caption("These limits concern sampling at points, which no upsampler of this choice does.")


def paper_gains(to: str) -> None:
    """Draw the gains that the paper measured for an operator."""
    st.subheader("What the paper measured")
    gains, name = known_gains.paper_gains(), paper.base_name(to)
    if not OPERATORS[name].in_paper:
        st.caption(f"The paper has no numbers of {OPERATORS[name].label}.")
        return
    if not any(name in gain.gains for gain in gains):
        st.caption(f"The paper swaps {OPERATORS[name].label} out, not in: it is the baseline of the gains.")
        return
    figure_block(
        paper.paper_figure(gains, name),
        caption=paper.paper_caption(gains, name),
        alt=paper.paper_alt(gains, name),
        name=f"Gains of {OPERATORS[name].label} in the paper",
        data=paper.paper_data(gains, name),
        key="model-paper",
    )
