"""Memory that was freed, given back to the system."""

import ctypes
import sys


def trim_heap() -> None:
    """Return the memory that glibc holds to the system; a call that reuses it would seem to need less."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
