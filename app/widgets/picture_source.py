"""The visitor's own picture: a file, or the camera."""

import streamlit as st

from app.widgets.memory import forget, keep, kept

_TYPES = ("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "avif")
_MOST_MB = 25
_CAMERA_PX = 480  # width on the page, where there is room


def uploaded_picture(*, key: str) -> tuple[str, bytes] | None:
    """Draw a field for a file and, where it is asked for, the camera.

    Args:
        key: Unique on the page.

    Returns:
        Name and bytes of the file that came last and is still there, or None. It stays from page to page.
    """
    kept_as, touched = f"{key}.picture", f"{key}.touched"
    upload = st.file_uploader(
        "Your photograph",
        type=_TYPES,
        max_upload_size=_MOST_MB,
        help="It stays on the machine that runs this app, and is not kept.",
        key=f"{key}-file",
        on_change=keep,
        args=(touched, True),
    )
    wanted = st.toggle(
        "Use the camera",
        help="Your browser will ask for permission. It lets pages use the camera only on this machine or "
        "through https.",
        key=f"{key}-use-camera",
        on_change=keep,
        args=(touched, True),
    )
    # Drawing the camera asks for permission at once, so nobody gets it unasked.
    shot = (
        st.camera_input(
            "Take a photograph",
            resolution="1080p",
            width=_CAMERA_PX,
            key=f"{key}-camera",
            on_change=keep,
            args=(touched, True),
        )
        if wanted
        else None
    )
    files = {file.file_id: file for file in (upload, shot) if file is not None}
    memory = f"{key}.arrived"
    earlier: list[str] = st.session_state.get(memory, [])
    arrived = [name for name in earlier if name in files]
    arrived += [name for name in files if name not in arrived]
    st.session_state[memory] = arrived
    if arrived:
        keep(kept_as, (files[arrived[-1]].name, files[arrived[-1]].getvalue()))
    elif kept(touched, False):  # taken away here, not left behind on another page
        forget(kept_as)
    forget(touched)
    if not arrived and kept(kept_as, None) is not None:
        st.button("Remove your photograph", key=f"{key}-remove", on_click=forget, args=(kept_as,))
    return kept(kept_as, None)
