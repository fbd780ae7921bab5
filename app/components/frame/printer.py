"""A button that prints the page, or saves it as PDF: the browser asks which."""

from streamlit.components.v2 import component

from app.components.assets import read_joined
from app.components.frame import FOLDER

_COMPONENT = component(
    "print_button",
    html='<button type="button">Print, or save as PDF</button>',
    css=read_joined(FOLDER, "printer.css"),
    js="export default ({ parentElement }) => {\n"
    '  parentElement.querySelector("button").onclick = () => window.print();\n'
    "};\n",
)


def print_button(*, key: str) -> None:
    """Draw the button; `key` is unique on the page."""
    _COMPONENT(key=key, width="content")
