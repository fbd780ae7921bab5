"""The gallery: thumbnails in sections, one of them chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from streamlit.components.v2 import component

from app.components.assets import jpeg_data_uri, read_joined
from app.components.mount import mount

__all__ = ["Thumbnail", "picture_gallery"]

_FOLDER = Path(__file__).parent
_COMPONENT = component(
    "picture_gallery",
    html=read_joined(_FOLDER, "gallery.html"),
    css=read_joined(_FOLDER, "gallery.css"),
    js=read_joined(_FOLDER, "../exchange.js", "gallery.js"),
)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture to choose.

    Attributes:
        key: Key that choosing it returns.
        title: Short name, shown under the picture.
        section: Heading of its section.
        jpeg: Small JPEG, shown at 104×78 CSS pixels; twice that is sharp on dense screens.
        alt: The picture in words, for screen readers.
    """

    key: str
    title: str
    section: str
    jpeg: bytes
    alt: str


def picture_gallery(thumbnails: Sequence[Thumbnail], *, selected: str, key: str) -> str:
    """Draw the gallery and return the key of the chosen picture.

    Args:
        thumbnails: The pictures in the order of the page; sections follow their first picture.
        selected: Key of the picture to highlight. Pass back the key returned before, or another to
            change the user's choice.
        key: Unique on the page.

    Raises:
        ValueError: If two thumbnails have the same key, or none has the selected one.
    """
    keys = [thumbnail.key for thumbnail in thumbnails]
    if len(set(keys)) < len(keys):
        raise ValueError(f"each thumbnail needs a key of its own, got {keys}")
    if selected not in keys:
        raise ValueError(f"selected must be one of {keys}, got {selected!r}")

    def read(sent: object) -> str | None:
        return sent if isinstance(sent, str) and sent in keys else None

    return mount(_COMPONENT, {"sections": _sections(thumbnails)}, value=selected, read=read, key=key)


def _sections(thumbnails: Sequence[Thumbnail]) -> list[dict[str, object]]:
    titles = dict.fromkeys(thumbnail.section for thumbnail in thumbnails)
    return [
        {
            "title": title,
            "thumbnails": [_described(thumbnail) for thumbnail in thumbnails if thumbnail.section == title],
        }
        for title in titles
    ]


def _described(thumbnail: Thumbnail) -> dict[str, str]:
    picture = jpeg_data_uri(thumbnail.jpeg)
    return {"key": thumbnail.key, "title": thumbnail.title, "alt": thumbnail.alt, "picture": picture}
