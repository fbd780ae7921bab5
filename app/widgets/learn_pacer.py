"""The pace of learning: the next look is taken when the browser has drawn the last one."""

from pathlib import Path

from streamlit.components.v2 import component

_COMPONENT = component(
    "learn_pacer",
    html="<span hidden></span>",
    js=(Path(__file__).parent / "learn_assets" / "pacer.js").read_text(encoding="utf-8"),
)


def look_again(look: int, *, key: str) -> None:
    """Run the fragment that this is drawn in once more, as soon as the browser is ready for it.

    Args:
        look: Another number for each look.
        key: Unique on the page.
    """
    _COMPONENT(key=key, data={"look": look}, on_drawn_change=lambda: None)
