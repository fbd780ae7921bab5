"""A page with a gallery whose choice is in the URL, for the tests."""

import io
from pathlib import Path

import skimage
import streamlit as st
from PIL import Image

from app.components.gallery.gallery import Thumbnail, picture_gallery
from app.shared.subject import uploaded_picture

PHOTOGRAPHS = {
    "astronaut": ("Astronaut", "A woman in an orange space suit, smiling"),
    "chelsea": ("Chelsea the cat", "The face of a ginger cat"),
    "coffee": ("Coffee", "A cup of espresso on a wooden table"),
    "rocket": ("Rocket", "A rocket on its launch pad at night"),
}
COPIES = 14
ODD_TITLE = "<b onclick=alert(1)>Bold</b> & an extraordinarily long-winded title"


def jpeg(name: str) -> bytes:
    folder = Path(skimage.__file__).parent / "data"
    stream = io.BytesIO()
    with Image.open(next(folder.glob(f"{name}.*"))) as picture:
        picture.thumbnail((320, 156))
        picture.save(stream, "JPEG")
    return stream.getvalue()


def thumbnails() -> list[Thumbnail]:
    """Four photographs, and many more in a section with an awkward title."""
    shown = [
        Thumbnail(key, title, "Photographs", jpeg(key), alt) for key, (title, alt) in PHOTOGRAPHS.items()
    ]
    many = [shown[index % 4] for index in range(COPIES)]
    shown += [
        Thumbnail(f"copy-{index}", f"Copy {index}", "Copies & <i>more</i>", source.jpeg, source.alt)
        for index, source in enumerate(many)
    ]
    last = shown[-1]
    return [*shown[:-1], Thumbnail(last.key, ODD_TITLE, last.section, last.jpeg, last.alt)]


def main() -> None:
    st.set_page_config(page_title="gallery", layout="wide")
    st.subheader("Picture")
    passed = st.query_params.get("picture", "astronaut")
    if st.button("Ask for coffee"):
        passed = "coffee"
    shown = thumbnails()[: 4 if st.toggle("Photographs only") else None]
    st.query_params["picture"] = chosen = picture_gallery(shown, selected=passed, key="gallery")
    st.text(f"chosen {chosen}")
    runs = st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.text(f"runs {runs}")
    own = uploaded_picture(key="own")
    st.text("own nothing" if own is None else f"own {own.name}, {len(own.data or b'')} bytes")


if __name__ == "__main__":
    main()
