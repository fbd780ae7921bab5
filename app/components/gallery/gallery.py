"""The gallery: thumbnails in sections, of which one is chosen."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import streamlit as st
from streamlit.components.v2 import component

from app.components.exchange import Exchange, Report, png_data_uri

__all__ = ["Thumbnail", "picture_gallery"]

_ASSETS = Path(__file__).parent

_COMPONENT = component(
    "picture_gallery",
    html=(_ASSETS / "gallery.html").read_text(encoding="utf-8"),
    css=(_ASSETS / "gallery.css").read_text(encoding="utf-8"),
    js=(_ASSETS / "gallery.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One picture to choose.

    Attributes:
        key: What choosing it returns.
        title: Short name, shown under the picture.
        section: Heading that it stands under.
        png: Small PNG, shown 104×78 CSS pixels large; twice that is sharp on dense screens.
        alt: The picture in words, for screen readers.
    """

    key: str
    title: str
    section: str
    png: bytes
    alt: str


def picture_gallery(thumbnails: Sequence[Thumbnail], *, selected: str, key: str) -> str:
    """Draw the gallery and return the key that is chosen.

    Args:
        thumbnails: In the order of the page; sections in the order of their first picture.
        selected: Key of the picture to highlight. Pass back what was returned before, or another
            key to choose that one instead of the user.
        key: Unique on the page.

    Raises:
        ValueError: If two thumbnails have one key, or none has the selected one.
    """
    keys = [thumbnail.key for thumbnail in thumbnails]
    if len(set(keys)) < len(keys):
        raise ValueError(f"each thumbnail needs a key of its own, got {keys}")
    if selected not in keys:
        raise ValueError(f"selected must be one of {keys}, got {selected!r}")
    memory = f"{key}.exchange"
    earlier: Exchange = st.session_state.get(memory, Exchange.start(selected))
    exchange = earlier.advance(selected, _report(key, keys), time.monotonic())
    data = {
        "key": key,
        "sections": _sections(thumbnails),
        "selected": exchange.sent,
        "revision": exchange.revision,
    }
    _COMPONENT(key=key, data=data, on_selected_change=lambda: None, on_answers_change=lambda: None)
    # Only now: a run that is cut short while it draws must not swallow the report.
    st.session_state[memory] = exchange
    return exchange.returned


def _report(key: str, keys: Sequence[str]) -> Report | None:
    """What the browser says, unless it makes no sense: browsers are not trusted, and pictures go."""
    state = cast(Mapping[str, object], st.session_state.get(key, {}))
    selected, answers = state.get("selected"), state.get("answers", 0)
    if not isinstance(selected, str) or selected not in keys or not isinstance(answers, int):
        return None
    return Report(selected, answers)


def _sections(thumbnails: Sequence[Thumbnail]) -> list[dict[str, object]]:
    titles = dict.fromkeys(thumbnail.section for thumbnail in thumbnails)
    return [
        {"title": title, "thumbnails": [_described(each) for each in thumbnails if each.section == title]}
        for title in titles
    ]


def _described(thumbnail: Thumbnail) -> dict[str, str]:
    picture = png_data_uri(thumbnail.png)
    return {"key": thumbnail.key, "title": thumbnail.title, "alt": thumbnail.alt, "picture": picture}
