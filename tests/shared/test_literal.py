"""Text of strangers: an independent reader of Markdown finds it again, and nothing but text."""

import ast
import os
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from app.pages import APP
from app.shared import subject
from app.shared.cell import read_cell, read_whole
from app.shared.literal import file_stem, literal, one_line, plain
from app.views.model.flow import hover_words
from app.views.model.words import site_words
from dysample.models.manifest import pretrained_folder
from dysample.sheet import fitted, font
from dysample.swap import Site

JOINER = "\u2060"
NAMES = (
    "__holiday__.jpg",
    "$5 to $6.png",
    ":smile: :material/home: :red[a].jpg",
    "cat ![x](https:host).jpg",
    "[a](https:host) <https://host> www.host.example a@host.example",
    "<img src=x onerror=alert(1)> &lt;b&gt; &amp;",
    "a`b``c```.jpg",
    "`",
    "~~a~~ **b** *c* # d > e | f \\ g \\` h",
    "1. first",
    "- first",
    "-- -> <- >= …",
    " two  spaces ",
    "Ünïcödé 猫 🐈‍⬛.jpg",
)


def inline(text: str) -> list[tuple[str, str]]:
    """Kinds and contents of all parts of one paragraph."""
    opening, content, _ = MarkdownIt("gfm-like", {"linkify": False}).parse(f"You see {text}. Remove it.")
    assert opening.type == "paragraph_open"
    return [(part.type, part.content) for part in content.children or ()]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_code_that_says_the_same(name: str) -> None:
    assert inline(literal(name)) == [("text", "You see "), ("code_inline", name), ("text", ". Remove it.")]


@pytest.mark.parametrize("name", NAMES)
def test_sentences_are_text_that_says_the_same(name: str) -> None:
    parts = inline(plain(name))
    assert {kind for kind, _ in parts} <= {"text", "text_special"}
    shown = "".join(text for _, text in parts)
    assert shown.replace(JOINER, "").replace("\\", "") == f"You see {name.strip()}. Remove it.".replace(
        "\\", ""
    )
    # Streamlit reads these in text that has been read already.
    assert not [sign for sign in (":s", ":m", ":r", "://", "www.", "@h") if sign in shown]
    (opening, *_) = MarkdownIt().parse(plain(name))
    assert opening.type == "paragraph_open"


def test_lines_are_one_short_and_not_turned_around() -> None:
    assert one_line("a\nb\tc\0d\u202egpj.exe") == "a b c dgpj.exe"
    assert one_line("x" * 500 + "end", 11) == "xxxxx…xxend"
    assert inline(literal("")) == [("text", "You see "), ("code_inline", "   "), ("text", ". Remove it.")]


def test_folders_of_this_machine_are_not_shown() -> None:
    for path in (pretrained_folder(), Path.cwd(), Path.home(), Path("/srv/lab"), Path("/opt/my-app/x")):
        said = plain(f"{path}{os.sep}MANIFEST.toml is damaged, see '{path}{os.sep}b.txt'")
        assert str(path.parent) + os.sep not in said or path.parent == Path(path.anchor)
        assert "MANIFEST.toml is damaged" in said
    assert plain(r"C:\Users\me\a.txt is gone") == "…/a.txt is gone"
    assert plain("and/or 3/4, 1×3×2") == "and/or 3/4, 1×3×2"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("holiday.jpg", "holiday"),
        ("__holiday__.JFIF", "__holiday__"),
        ("../../etc/passwd.png", "passwd"),
        ("C:\\temp\\a.b.jpeg", "a.b"),
        ('a:b*c?"<d>|e.jpg', "a-b-c-d-e"),
        (".jpg", "jpg"),
        ("", "picture"),
        ("...", "picture"),
        ("cat", "cat"),
        ("a\r\nSet-Cookie: b.jpg", "a  Set-Cookie- b"),
    ],
)
def test_downloads_have_names_that_any_system_takes(name: str, stem: str) -> None:
    assert file_stem(name) == stem
    assert len(file_stem("long" * 200 + ".jpg")) <= 80


def test_every_place_of_a_name_is_text() -> None:
    """What a visitor's file and model are called, in all that the app says of them."""
    name = "![x](https:host) <b>"
    site = Site(
        name=name,
        path=name,
        index=0,
        order=1,
        times=1,
        source=name,
        kind="functional",
        mode="nearest",
        align_corners=False,
        input=(1, 2, 3, 4),
        output=(1, 2, 6, 8),
        scale=2,
        choice="never",
        reason=name,
    )
    assert [
        kind for kind, _ in inline(site_words(site)) if kind in ("image", "link_open", "html_inline")
    ] == []
    assert "<b>!" not in hover_words(site).replace("<b>1  ", "")
    assert "&lt;b&gt;" in hover_words(site)
    shown = fitted("A very long name " * 40 + "\nend", 300)
    assert font(30).getlength(shown) <= 300
    assert shown.startswith("A very")
    assert shown.endswith("end")


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func).endswith(name)]


def test_no_page_reads_numbers_from_the_address_by_itself() -> None:
    """A bound field dies of infinity, and `int` of too many digits: use `whole_number` and `read_whole`."""
    for path in sorted(APP.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in calls(tree, "number_input"):
            bound = [word for word in call.keywords if word.arg == "bind"]
            assert not bound or (path.name == "controls.py" and path.parent.name == "shared"), path
        if "isdecimal" in ast.unparse(tree):
            # The server reads the length of a request, which no address says.
            assert path.name in ("cell.py", "server.py"), path


@pytest.mark.parametrize(
    "value", ["inf", "-inf", "1e309", "-1e309", "nan", "9" * 5000, "", "-1", "1e18", "x", "é"]
)
def test_a_number_in_the_address_is_read_or_ignored(value: str) -> None:
    def script() -> None:
        from app.shared.controls import whole_number

        whole_number("Seed", 0, 999, 7, key="seed", width=100)

    for written, expected in ((value, 7), ([value, "12"], 12), (["12", value], 7)):
        app = AppTest.from_function(script)
        app.query_params["seed"] = written
        app.run()
        assert not app.exception
        assert app.number_input[0].value == expected
        app.number_input[0].set_value(3).run()
        assert not app.exception
        assert app.number_input[0].value == 3
    assert read_whole(value) is None
    assert read_cell(f"{value},1", rows=9, columns=9) is None
    assert read_cell("4,1", rows=9, columns=9) == (4, 1)


def test_uploads_may_have_any_of_a_jpegs_endings() -> None:
    assert {"jpg", "jpeg", "jpe", "jfif"} <= set(subject._TYPES)

    def script() -> None:
        from app.shared.subject import uploaded_picture

        uploaded_picture(key="own")

    app = AppTest.from_function(script).run()
    for name in ("a.jfif", "b.JFIF", "c.jpe", "d.JPE"):
        app.file_uploader[0].set_value((name, b"bytes", "image/jpeg")).run()
        assert not app.exception
        kept = app.session_state["kept.own.picture"]
        assert (kept.name, kept.data) == (name, b"bytes")
