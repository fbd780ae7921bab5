"""Handout: figures, captions and questions for print or PDF, of what was chosen."""

from pathlib import Path

import streamlit as st

from app.components.frame.printer import print_button
from app.settings import CompareSettings, Source
from app.shared import controls, networks, photos
from app.shared.controls import prose
from app.shared.engine.turns import EngineError
from app.shared.fitting import Wanted
from app.shared.literal import literal, plain
from app.shared.subject import choose_picture, choose_task
from app.views.compare import compute
from app.views.handout import sections, words
from dysample.images import ImageError
from dysample.models.hub import WeightsError

_STYLE = Path(__file__).with_name("page.css")


def page() -> None:
    """Draw the page."""
    st.html(f"<style>{_STYLE.read_text(encoding='utf-8')}</style>")
    with st.container(key="handout", width=680):
        try:
            source, settings, solved = _choose()
            st.title("Learning where to read")
            if settings.upsamplers:
                _draw(source, settings)
            else:
                st.info("Choose at least one upsampler.")
        except (EngineError, ImageError, WeightsError) as error:
            st.error(plain(str(error)))
            return
        sections.method()
        sections.questions()
        if solved:
            sections.solutions()


def _choose() -> tuple[Source, CompareSettings, bool]:
    manifest = photos.manifest()
    with st.container(key="handout-choice"):
        st.caption("Choose what the figures show; on paper this part is left out.")
        with st.expander("Picture", icon=":material/image:"):
            source = choose_picture()
        task = choose_task(manifest, source)
        upsamplers = controls.upsampler_choice(networks.trained(task.name))
        with st.container(horizontal=True, vertical_alignment="center"):
            solved = st.toggle("Answers at the end", value=True, key="solved", bind="query-params")
            print_button(key="print")
    settings = CompareSettings(task.name, upsamplers, task.working_side)
    return source, compute.fitted(Wanted(source, task.name, task.working_side, "compared"), settings), solved


def _draw(source: Source, settings: CompareSettings) -> None:
    """Draw what the figures are of, and the answers."""
    item = photos.gallery().get(source.name) if source.data is None else None
    title = literal(source.name) if item is None else item.title
    credit = "own photograph" if item is None else plain(item.credit.rstrip("."))
    labels = networks.trained(settings.task)
    names = words.listed([labels[name] for name in settings.upsamplers])
    with st.spinner("Running the networks"):
        whole, close_up = sections.panes(source, settings)
    st.markdown(words.subject(title, credit, photos.manifest().task(settings.task).title, names))
    prose("handout")
    sections.answers(whole, close_up, title=title, names=names)


page()
