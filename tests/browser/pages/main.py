"""One app with the components' pages, each at an address of its own.

They are imported, not run as scripts, so what they cache serves every visitor.
"""

import streamlit as st

from tests.browser.pages import figure_block_page, gallery_page, offset_canvas_page, viewer_page

PAGES = {
    "figures": figure_block_page.main,
    "gallery": gallery_page.main,
    "offsets": offset_canvas_page.main,
    "viewer": viewer_page.main,
}


def front() -> None:
    """List the pages; the first of an app has no address of its own."""
    st.write(*PAGES)


def main() -> None:
    """Run the page of the address, in the whole window."""
    pages = [st.Page(run, title=address, url_path=address) for address, run in PAGES.items()]
    st.navigation([st.Page(front, default=True), *pages], position="hidden").run()


if __name__ == "__main__":
    main()
