"""What goes with a visitor who leaves: the photograph, and all that was computed of it.

A session holds its photograph as a `Source`; the bytes in it are those of Streamlit's storage of uploads, not
a copy. Once no session holds a photograph any more, the cache drops what was computed of it, and the memory
goes back to the system. A visitor who comes back in time, as after a lost connection, finds everything.
"""

import threading
import time
import weakref
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import garbage
from app.memory import visitor
from app.settings import Source
from app.shared.cache import CACHE
from dysample.heap import trim_heap

_EVERY_S = 30.0  # from one look for what nobody holds to the next
_LATE_S = 5.0  # after the time in which a visitor may come back


class _Visitors:
    """The sessions that hold photographs, and those that have left."""

    def __init__(self) -> None:
        self._photographs: list[tuple[str, weakref.ref[Source]]] = []
        self._left: dict[str, float] = {}
        self._lock = threading.Lock()

    def hold(self, session: str, source: Source) -> None:
        with self._lock:
            self._photographs.append((session, weakref.ref(source)))

    def leave(self, session: str) -> None:
        with self._lock:
            self._left[session] = time.monotonic()

    def held(self) -> set[str]:
        """Return the digests of photographs that somebody holds who is here or may come back.

        Streamlit keeps the last session of all until another one comes, so that it does not suffice to look
        whether the photograph still exists.
        """
        late = time.monotonic() - st.get_option("server.disconnectedSessionTTL")
        with self._lock:
            here = [session for session in self._left if _is_here(session)]
            for session in here:
                del self._left[session]
            gone = {session for session, left in self._left.items() if left < late}
            self._photographs = [
                (session, source)
                for session, source in self._photographs
                if session not in gone and source() is not None
            ]
            for session in gone:
                del self._left[session]
            return {source.digest for _, held in self._photographs if (source := held()) is not None}


class _Sweeper:
    """A thread that sweeps for a while after a visitor has left."""

    def __init__(self) -> None:
        self._until = 0.0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Sweep now and then, until the last one who left can no longer come back."""
        with self._lock:
            self._until = time.monotonic() + st.get_option("server.disconnectedSessionTTL") + _LATE_S
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="sweeper")
                self._thread.start()

    def _work(self) -> None:
        while (left := self._left()) > 0:
            time.sleep(min(left, _EVERY_S))
            sweep()

    def _left(self) -> float:
        """Return the seconds that are left; at the end, let the next visitor who leaves begin anew."""
        with self._lock:
            left = self._until - time.monotonic()
            if left <= 0:
                self._thread = None
            return left


_VISITORS, _SWEEPER = _Visitors(), _Sweeper()


def own(file: UploadedFile) -> Source:
    """Return a visitor's own photograph; what is computed of it is kept as long as a session holds it."""
    source = Source(file.name, _bytes_of(file))
    _VISITORS.hold(visitor(), source)
    return source


def _bytes_of(file: UploadedFile) -> bytes:
    """Return the bytes that Streamlit's storage holds: what a widget returns is a copy of them."""
    if not runtime.exists():
        return file.getvalue()
    stored = runtime.get_instance().uploaded_file_mgr.get_files(visitor(), [file.file_id])
    return next((record.data for record in stored), None) or file.getvalue()


def notice() -> None:
    """Notice when this visitor leaves; call on every run of a page."""
    _notice()


def _leave(session: str) -> None:
    _VISITORS.leave(session)
    _SWEEPER.begin()


@st.cache_resource(scope="session", show_spinner=False, on_release=_leave)
def _notice() -> str:
    return visitor()


def sweep() -> None:
    """Drop what was computed of photographs that no session holds any more, and return the memory."""
    _forget_sessions()
    garbage.collect_all()
    CACHE.drop_others(_VISITORS.held())
    trim_heap()


def _is_here(session: str) -> bool:
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def _forget_sessions() -> None:
    """Let Streamlit forget sessions that cannot come back, which it does only when the next one leaves."""
    manager: Any = getattr(runtime.get_instance(), "_session_mgr", None) if runtime.exists() else None
    stored: Any = getattr(getattr(manager, "_session_storage", None), "_cache", None)
    if hasattr(stored, "expire") and hasattr(manager, "_storage_lock"):
        with manager._storage_lock:
            stored.expire()
