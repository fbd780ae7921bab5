"""Links from page to page, which keep what was chosen."""

from collections.abc import Mapping

import streamlit as st

from app.pages import page_at

# What goes along in the address. A choice that a fragment of a page changes must not be among them: the links
# are drawn by the run of the whole page before, and would lead back to the earlier choice.
CARRIED = ("present", "picture", "task", "up", "op", "step", "side")


def carried() -> dict[str, list[str]]:
    """Return the parameters of the address that go along to another page."""
    return {key: st.query_params.get_all(key) for key in CARRIED if key in st.query_params}


def page_link(
    address: str, *, label: str, icon: str | None = None, chosen: Mapping[str, str | list[str]] | None = None
) -> None:
    """Draw a link to a page that keeps picture, network and presentation.

    Args:
        address: Of the page.
        label: Words of the link.
        icon: Drawn before the words.
        chosen: Further parameters of the address.

    Raises:
        StreamlitPageNotFoundError: The page that draws it is served on its own.
    """
    query = {**carried(), **(chosen or {})}
    st.page_link(page_at(address).script, label=label, icon=icon, query_params=query)


def open_page(address: str) -> None:
    """Leave this page for another one, and keep picture, network and presentation.

    Streamlit refuses to write what a control of this page is bound to; pages remember that themselves.
    """
    query = {key: values for key, values in carried().items() if key not in st.session_state}
    st.switch_page(page_at(address).script, query_params=query)
