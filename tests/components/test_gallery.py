"""The gallery, and the field for the visitor's own picture, without a browser."""

import json
from typing import cast

import pytest
from streamlit.testing.v1 import AppTest

from app.components.gallery.gallery import Thumbnail, picture_gallery

PATIENCE_S = 60  # test machines are slow and often busy


def gallery_script() -> None:
    import streamlit as st

    from app.components.gallery.gallery import Thumbnail, picture_gallery

    places = {"cat": "Photographs", "fence": "Scenes", "coffee": "Photographs", "rocket": "Photographs"}
    thumbnails = [Thumbnail(key, key.title(), section, b"JPG", "alt") for key, section in places.items()]
    passed = st.query_params.get("picture", "cat")
    st.query_params["picture"] = chosen = picture_gallery(thumbnails, selected=passed, key="gallery")
    st.text(chosen)


def own_script() -> None:
    import streamlit as st

    from app.shared.subject import uploaded_picture

    picture = uploaded_picture(key="own")
    st.text("nothing" if picture is None else f"{picture.name} {picture.data!r}")


def data(app: AppTest) -> dict[str, object]:
    return json.loads(app.get("bidi_component")[0].proto.json)


def thumbnail(key: str) -> Thumbnail:
    return Thumbnail(key, key.title(), "Photographs", b"JPG", "")


def test_a_deep_link_is_chosen_and_sections_keep_their_order() -> None:
    app = AppTest.from_function(gallery_script, default_timeout=PATIENCE_S)
    app.query_params["picture"] = "fence"
    app.run()
    assert not app.exception
    assert app.text[0].value == "fence"
    sent = data(app)
    assert sent["value"] == "fence"
    sections = cast(list[dict[str, list[dict[str, str]]]], sent["sections"])
    assert [
        (section["title"], [thumbnail["key"] for thumbnail in section["thumbnails"]]) for section in sections
    ] == [
        ("Photographs", ["cat", "coffee", "rocket"]),
        ("Scenes", ["fence"]),
    ]
    assert sections[0]["thumbnails"][1]["picture"] == "data:image/jpeg;base64,SlBH"


def test_a_choice_is_returned_and_no_picture_is_sent_again() -> None:
    app = AppTest.from_function(gallery_script, default_timeout=PATIENCE_S).run()
    before = data(app)
    app.session_state["gallery"] = {"report": {"value": "rocket", "answers": 0}}
    app.run()
    assert not app.exception
    assert app.text[0].value == "rocket"
    assert app.query_params["picture"] == "rocket"
    assert data(app) == before
    assert app.run().text[0].value == "rocket"


@pytest.mark.parametrize(
    "state",
    [
        {"report": {"value": "mountain", "answers": 0}},
        {"report": {"value": 3, "answers": 0}},
        {"report": {"value": "rocket", "answers": "x"}},
        {"report": {"value": "rocket"}},
        {"report": "rocket"},
        {},
    ],
)
def test_invalid_reports_are_ignored(state: dict[str, object]) -> None:
    app = AppTest.from_function(gallery_script, default_timeout=PATIENCE_S)
    app.session_state["gallery"] = state
    app.run()
    assert not app.exception
    assert app.text[0].value == "cat"


@pytest.mark.parametrize(
    ("keys", "rule"),
    [(["cat", "cat"], "a key of its own"), (["coffee"], "selected must be one of"), ([], "must be one of")],
)
def test_gallery_checks_its_arguments(keys: list[str], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        picture_gallery([thumbnail(key) for key in keys], selected="cat", key="gallery")


def test_a_file_is_returned_and_its_limits_are_stated() -> None:
    app = AppTest.from_function(own_script, default_timeout=PATIENCE_S).run()
    assert app.text[0].value == "nothing"
    (field,) = app.file_uploader
    assert field.label == "Your photograph"
    assert "not kept" in field.proto.help
    assert field.proto.max_upload_size_mb == 25
    assert {".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif", ".avif"} <= set(field.proto.type)
    field.upload("street.png", b"one")
    assert app.run().text[0].value == "street.png b'one'"


def test_the_newest_picture_wins_and_the_camera_starts_on_request() -> None:
    app = AppTest.from_function(own_script, default_timeout=PATIENCE_S).run()
    assert not app.camera_input
    app.file_uploader[0].upload("street.png", b"one", "image/png")
    app.toggle[0].set_value(True).run()
    assert app.text[0].value == "street.png b'one'"
    app.camera_input[0].set_value(("shot.jpg", b"two", "image/jpeg"))
    assert app.run().text[0].value == "shot.jpg b'two'"
    assert app.run().text[0].value == "shot.jpg b'two'"
    app.file_uploader[0].set_value(("garden.png", b"three", "image/png"))
    assert app.run().text[0].value == "garden.png b'three'"
    app.file_uploader[0].set_value(None)
    assert app.run().text[0].value == "shot.jpg b'two'"
    app.toggle[0].set_value(False)
    assert app.run().text[0].value == "nothing"
