"""A page for `test_departures.py`: a field for a photograph, and what the server holds."""

import json
import sys
from pathlib import Path

import streamlit as st
from streamlit.runtime import get_instance

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.shared import departures, photos
from app.shared.cache import CACHE
from app.shared.subject import uploaded_picture

departures._LATE_S = 1.0  # patience is tried elsewhere


def page() -> None:
    """Draw the page. Its variables are local: Streamlit keeps those of the last script that has run."""
    uploads = get_instance().uploaded_file_mgr.file_storage
    held = {
        "photographs": len(departures._VISITORS.held()),
        "cached": CACHE.used,
        "uploads": sum(len(file.data) for files in uploads.values() for file in files.values()),
    }
    departures.notice()
    own = uploaded_picture(key="own")
    if own is not None:
        photos.photograph(own)
        held["same"] = any(file.data is own.data for files in uploads.values() for file in files.values())
    st.text(json.dumps(held))


page()
