"""A page with a field for a file, behind the app's guard; it says what the server holds of its visitor."""

import atexit
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app import server

server.MOST_BYTES = int(os.environ.get("MOST_BYTES", server.MOST_BYTES))
tempfile.tempdir = "/nonexistent/folder"  # nothing can be written to it, as if the disk were full


@st.cache_data
def made() -> int:
    return time.monotonic_ns()


def draw() -> None:
    context = get_script_run_ctx()
    assert context is not None
    file = st.file_uploader("A file", key="file")
    held = runtime.get_instance().uploaded_file_mgr.file_storage.get(context.session_id, {})
    st.text(f"held {len(held)}")
    st.text(f"made {made()}")
    st.text(hashlib.sha256(file.getvalue()).hexdigest() if file else "nothing")


if __name__ == "__main__":
    draw()
else:
    atexit.register(lambda: Path(os.environ["ENDED"]).touch())
    application = st.App(__file__, middleware=server.middleware(), lifespan=server.lifespan)
