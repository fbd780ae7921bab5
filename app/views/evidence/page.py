"""Evidence: what every upsampler scored, here and in the paper, and what of it can be told."""

import streamlit as st

from app.components.figure.block import figure_block
from app.shared.controls import prose
from app.views.evidence import choice, compute, forest, scatter, tables, words
from app.views.evidence.bubbles import (
    Bubble,
    bubbles,
    bubbles_data,
    our_bubbles,
    paper_bubbles,
    side_by_side,
    side_formats,
)
from app.views.evidence.choice import choose_evidence, ways
from app.views.evidence.compute import Missing
from app.views.evidence.forest import class_gains, class_map
from app.views.evidence.gains import (
    PAPER_NOISE,
    agreement_sentences,
    compared,
    counterpart,
    counterpart_kind,
    gains,
    noise,
    pairs,
    paper_scores,
    unit,
)
from app.views.evidence.scatter import ABLATIONS, beside_the_paper, groups_alt, groups_figure
from dysample.models.tasks import Kind
from dysample.ops.registry import operator_spec
from dysample.scores.evidence import Evidence, Trained
from dysample.scores.paper import TABLES, paper_table
from dysample.scores.specs import ScoreSpec, score_spec

# What was measured here: a table, the differences with their intervals, and every class.


@st.fragment
def measured_section() -> None:
    """Draw the section."""
    chosen = choose_evidence()
    if chosen is None:
        return
    found, score, trained = chosen.found, chosen.score, chosen.trained
    choice.table(tables.measured(found, score), tables.formats(found, score), key="evidence-measured")
    choice.table_download(
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
        beyond = forest.outside(rows, ours, authors)
        figure_block(
            forest.forest(rows, spec, reference, noise=ours, paper_noise=authors),
            caption=words.forest_caption(found, spec, trained, ours, authors, beyond),
            alt=words.forest_alt(rows, spec, reference),
            name=f"Differences, {found.title}, {spec.label}",
            data=forest.forest_data(rows),
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


# The paper's tables, and beside those that correspond our own numbers.


_FIRST = "table4"  # of which there is most to compare


@st.fragment
def paper_section() -> None:
    """Draw the section."""
    order = (_FIRST, *(each for each in TABLES if each != _FIRST))
    name = choice.table_choice({each: paper_table(each).title for each in order})
    table = paper_table(name)
    choice.table(tables.paper_columns(table), tables.paper_formats(table), key=f"evidence-{name}")
    choice.table_download(
        lambda: tables.as_csv(tables.paper_columns(table)),
        f"{table.title.partition(':')[0]} of the paper",
        key="evidence-paper-csv",
    )
    st.caption(
        f"{table.title}. {table.source}. Numbers as printed; “added” is what the paper prints with a plus."
    )
    kind = counterpart_kind(name)
    if kind is None or not compute.tasks(kind):
        prose("evidence", "alone")
    else:
        _our_scores(kind)


def _our_scores(kind: Kind) -> None:
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
    choice.table(columns, side_formats(spec), key="evidence-both")
    choice.table_download(
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
        scatter.scatter(both, spec, noise=ours, paper_noise=authors),
        caption=words.scatter_caption(found, spec, number, ours, authors, scatter.scatter_beyond(both)),
        alt=words.scatter_alt(both, spec),
        name=f"Our gains and the paper’s, {found.title}, {spec.label}",
        data=scatter.scatter_data(both),
        key="evidence-scatter",
    )


# The paper's ablations beside ours.


@st.fragment
def ablations_section() -> None:
    """Draw the section."""
    prose("evidence", "ablations")
    task = choice.task_choice(compute.tasks())
    for name in ABLATIONS:
        _ablation(task, name)


def _ablation(task: str, name: str) -> None:
    ablation, found = ABLATIONS[name], compute.evidence(task, name)
    st.subheader(ablation.title)
    left, right = st.columns([2, 3], gap="large")
    with left:
        table = paper_table(ablation.table)
        choice.table(tables.paper_columns(table), tables.paper_formats(table), key=f"evidence-paper-{name}")
        st.caption(f"{table.title}. {table.source}.")
        if name == "figure5":
            prose("evidence", "figure5")
    with right:
        if isinstance(found, Missing):
            choice.missing(found.reason, found.commands, damaged=found.damaged)
        else:
            _our_ablations(found, name)


def _our_ablations(found: Evidence, name: str) -> None:
    score, trained = found.headline[0], ways(found)[0]
    columns, spec = beside_the_paper(found, ABLATIONS[name], score), score_spec(score)
    choice.table(columns, tables.formats(found, score), key=f"evidence-ours-{name}")
    choice.table_download(
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


# Figure 1 of the paper from data: score, latency, and multiply-accumulates as size.


@st.fragment
def cost_section() -> None:
    """Draw the section."""
    prose("evidence", "cost")
    times = compute.latencies()
    if isinstance(times, Missing):
        choice.missing(times.reason, times.commands, damaged=times.damaged)
    st.subheader("The paper’s scores and operations")
    own = choice.clock_choice() == "paper" or isinstance(times, Missing)
    found = paper_bubbles(None if isinstance(times, Missing) or own else _clock(times))
    caption = words.paper_caption(found, None if isinstance(times, Missing) or own else times.machine)
    _draw(found, score_spec("miou"), caption, "Score, latency and operations, paper", key="evidence-bubbles")
    if not isinstance(times, Missing):
        st.subheader("Ours")
        _our_costs(times)


def _our_costs(times: compute.Latencies) -> None:
    chosen = choose_evidence()
    if chosen is None:
        return
    found, score, trained = chosen.found, chosen.score, chosen.trained
    spec, costs = score_spec(score), compute.task_costs(chosen.task)
    macs = {each.upsampler: each.macs.value / 1e9 for each in costs if each.macs.value is not None}
    drawn = our_bubbles(gains(found, score, trained), _clock(times), macs, spec, words.where(found))
    if not drawn:
        st.info("None of the upsamplers that were scored has a latency as well.")
        return
    caption = words.our_caption(
        found, spec, trained, size=compute.working_size(chosen.task), machine=times.machine, date=times.date
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
    _SECTIONS[choice.section_choice(list(_SECTIONS))]()


page()
