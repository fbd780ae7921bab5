"""The sections of the Evidence page: scores measured here, beside the paper, against cost, and ablations."""

import streamlit as st

from app.components.figure.block import figure_block
from app.shared.controls import prose
from app.shared.evidence import Missing, evidence
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
    reference_name,
    unit,
)
from app.views.evidence.scatter import ABLATIONS, beside_the_paper, groups_alt, groups_figure
from dysample.models.tasks import Kind
from dysample.ops.registry import operator_spec
from dysample.scores.evidence import Evidence, Trained
from dysample.scores.paper import TABLES, paper_table
from dysample.scores.specs import ScoreSpec, score_spec

_FIRST = "table4"  # the table with most to compare


@st.fragment
def measured() -> None:
    """Draw what was measured here: a table, differences with their intervals, and every class."""
    chosen = choose_evidence()
    if chosen is None:
        return
    evidence, score, trained = chosen.evidence, chosen.score, chosen.trained
    _verdict(evidence, score, trained)
    choice.table(tables.measured(evidence, score), tables.formats(evidence, score), key="evidence-measured")
    choice.table_download(
        lambda: tables.as_csv(tables.everything(evidence)),
        f"All scores, {evidence.title}",
        key="evidence-measured-csv",
    )
    st.caption(words.how_to_read(evidence, compute.encoder_upsampler(evidence.task)))
    left, right = st.columns(2, gap="large")
    with left:
        _forest(evidence, score, trained, key="evidence-forest")
    with right:
        _classes(evidence, score, trained)


def _verdict(evidence: Evidence, score: str, trained: Trained) -> None:
    """Draw the sentence that the table and the figures below it bear out."""
    reference, ours = operator_spec(evidence.reference).label, noise(evidence, score, trained)
    st.markdown(words.verdict(gains(evidence, score, trained), score_spec(score), reference, ours))


def _forest(evidence: Evidence, score: str, trained: Trained, *, key: str) -> None:
    """Draw the differences of the rows that were trained one way."""
    spec, reference = score_spec(score), operator_spec(evidence.reference).label
    rows, ours = gains(evidence, score, trained), noise(evidence, score, trained)
    authors = PAPER_NOISE.get(counterpart(evidence.kind, score))
    if compared(rows):
        beyond = forest.outside(rows, ours, authors)
        figure_block(
            forest.forest(rows, spec, reference, noise=ours, paper_noise=authors),
            caption=words.forest_caption(evidence, spec, trained, ours, authors, beyond),
            alt=words.forest_alt(rows, spec, reference),
            name=f"Differences, {evidence.title}, {spec.label}",
            data=forest.forest_data(rows),
            key=key,
        )


def _classes(evidence: Evidence, score: str, trained: Trained) -> None:
    by_class, spec = class_gains(evidence, score, trained), score_spec(score)
    if by_class is None:
        return
    figure_block(
        class_map(by_class, spec),
        caption=words.classes_caption(evidence, by_class, spec),
        alt=words.classes_alt(by_class, spec),
        name=f"Differences by class, {evidence.title}, {spec.label}",
        data={"difference": by_class.values},
        key="evidence-classes",
    )


@st.fragment
def beside_paper() -> None:
    """Draw the paper's tables, and our numbers beside those with a counterpart."""
    order = (_FIRST, *(table for table in TABLES if table != _FIRST))
    name = choice.table_choice({table: paper_table(table).title for table in order})
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
    evidence, score, trained = chosen.evidence, chosen.score, chosen.trained
    _table(evidence, score, trained)
    left, _ = st.columns([3, 1])
    with left:
        _scatter(evidence, score, trained)


def _table(evidence: Evidence, score: str, trained: Trained) -> None:
    spec, paper = score_spec(score), paper_scores(evidence.kind, score)
    rows = gains(evidence, score, trained)
    both = pairs(rows, paper)
    columns = side_by_side(rows, paper, both)
    reference, authors = reference_name(evidence), PAPER_NOISE.get(counterpart(evidence.kind, score))
    st.markdown(agreement_sentences(both, spec, reference, authors))
    choice.table(columns, side_formats(spec), key="evidence-both")
    choice.table_download(
        lambda: tables.as_csv(columns), f"Paper and ours, {evidence.title}", key="evidence-both-csv"
    )
    st.caption(
        f"{unit(spec)}. Gains are over {reference} in the same table; from and to are the ends of our "
        f"interval. Ours: {words.where(evidence)}, {tables.TRAINED[trained]}."
    )


def _scatter(evidence: Evidence, score: str, trained: Trained) -> None:
    spec, place = score_spec(score), counterpart(evidence.kind, score)
    both = pairs(gains(evidence, score, trained), paper_scores(evidence.kind, score))
    if not both:
        return
    ours, authors = noise(evidence, score, trained), PAPER_NOISE.get(place)
    number = paper_table(place[0]).title.partition(":")[0]
    figure_block(
        scatter.scatter(both, spec, noise=ours, paper_noise=authors),
        caption=words.scatter_caption(evidence, spec, number, ours, authors, scatter.scatter_beyond(both)),
        alt=words.scatter_alt(both, spec, reference_name(evidence)),
        name=f"Our gains and the paper’s, {evidence.title}, {spec.label}",
        data=scatter.scatter_data(both),
        key="evidence-scatter",
    )


@st.fragment
def ablations() -> None:
    """Draw the paper's ablations beside ours."""
    prose("evidence", "ablations")
    task = choice.task_choice(compute.tasks())
    for name in ABLATIONS:
        _ablation(task, name)


def _ablation(task: str, name: str) -> None:
    ablation, known = ABLATIONS[name], evidence(task, name)
    st.subheader(ablation.title)
    if isinstance(known, Missing):
        choice.missing(known.reason, known.commands, damaged=known.damaged)
    else:
        _our_ablations(known, name)
    left, right = st.columns([2, 3], gap="large")
    with left:
        table = paper_table(ablation.table)
        columns = tables.brief(tables.paper_columns(table))
        choice.table(columns, tables.brief_formats(table), key=f"evidence-paper-{name}")
        st.caption(
            f"{table.title}. {table.source}. mIoU: SegFormer-B1 on ADE20K; AP: Faster R-CNN R50 on COCO."
        )
        if name == "figure5":
            prose("evidence", "figure5")
    with right:
        if not isinstance(known, Missing):
            _our_figures(known, name)


def _our_ablations(evidence: Evidence, name: str) -> None:
    """Draw the verdict and the table, over the whole width."""
    score, trained = evidence.headline[0], ways(evidence)[0]
    _verdict(evidence, score, trained)
    columns = beside_the_paper(evidence, ABLATIONS[name], score)
    choice.table(tables.brief(columns), tables.formats(evidence, score), key=f"evidence-ours-{name}")
    choice.table_download(
        lambda: tables.as_csv(columns),
        f"{ABLATIONS[name].title.partition(':')[0]}, ours",
        key=f"evidence-{name}-csv",
    )
    st.caption(words.how_to_read(evidence, compute.encoder_upsampler(evidence.task)))


def _our_figures(evidence: Evidence, name: str) -> None:
    score, trained = evidence.headline[0], ways(evidence)[0]
    spec = score_spec(score)
    _forest(evidence, score, trained, key=f"evidence-forest-{name}")
    if name == "figure5":
        figure_block(
            groups_figure(evidence, score, trained),
            caption=f"{unit(spec)} by number of groups, {words.where(evidence)}; bars are one standard "
            "deviation over the seeds. LP predicts offsets before the pixel shuffle, PL after it.",
            alt=groups_alt(evidence, score, trained),
            name=f"Groups, {evidence.title}",
            key="evidence-groups",
        )


@st.fragment
def score_and_cost() -> None:
    """Draw score against latency, with multiply-accumulates as size: by the paper's times, or by ours."""
    prose("evidence", "cost")
    times = compute.latencies()
    if isinstance(times, Missing):
        choice.missing(times.reason, times.commands, damaged=times.damaged)
    st.subheader("The paper’s scores and operations")
    own = choice.clock_choice() == "paper" or isinstance(times, Missing)
    drawn = paper_bubbles(None if isinstance(times, Missing) or own else _clock(times))
    caption = words.paper_caption(drawn, None if isinstance(times, Missing) or own else times.machine)
    _bubbles(
        drawn, score_spec("miou"), caption, "Score, latency and operations, paper", key="evidence-bubbles"
    )
    if not isinstance(times, Missing):
        st.subheader("Ours")
        _our_costs(times)


def _our_costs(times: compute.Latencies) -> None:
    chosen = choose_evidence()
    if chosen is None:
        return
    evidence, score, trained = chosen.evidence, chosen.score, chosen.trained
    with st.spinner("Counting multiplications …"):
        costs = compute.task_costs(chosen.task)
    spec = score_spec(score)
    macs = {cost.upsampler: cost.macs.value / 1e9 for cost in costs if cost.macs.value is not None}
    drawn = our_bubbles(gains(evidence, score, trained), _clock(times), macs, spec, words.where(evidence))
    if not drawn:
        st.info("None of the upsamplers that were scored has a latency as well.")
        return
    caption = words.our_caption(
        evidence,
        spec,
        trained,
        size=compute.working_size(chosen.task),
        machine=times.machine,
        date=times.date,
    )
    _bubbles(
        drawn, spec, caption, f"Score, latency and operations, {evidence.title}", key="evidence-own-bubbles"
    )


def _clock(times: compute.Latencies) -> dict[str, tuple[float, str]]:
    return {row.upsampler: (row.ratio, f"{row.milliseconds:.0f} ms, {times.machine}") for row in times.rows}


def _bubbles(drawn: tuple[Bubble, ...], spec: ScoreSpec, caption: str, name: str, *, key: str) -> None:
    figure_block(
        bubbles(drawn, unit(spec), upside_down=spec.better == "lower"),
        caption=caption,
        alt=words.bubbles_alt(drawn, unit(spec)),
        name=name,
        data=bubbles_data(drawn),
        key=key,
    )
