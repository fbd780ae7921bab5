"""The engine of this process: its networks, and the queue of its visitors."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.shared.cache import CACHE
from app.shared.engine.memory import guarded, is_large
from app.shared.engine.networks import Engine, Networks
from app.shared.engine.turns import Turns

_NOBODY = "nobody"
_TURNS = Turns()


@contextmanager
def turn(shape: tuple[int, ...], *, needs: int = 0) -> Generator[None]:
    """Hold the device while the block runs networks, without gradients.

    While others are before it, the page shows the place in the queue; a visitor who leaves gives it up.
    Nothing may be asked of the cache inside of the block.

    Args:
        shape: Rows and columns of the picture, first: small pictures pass large ones.
        needs: Bytes that the job allocates at its peak; 0 if they are not known.

    Raises:
        EngineError: The job needs more memory than is free, or ran out of it.
        BusyError: Too many jobs wait already.
    """
    context = get_script_run_ctx(suppress_warning=True)
    visitor = _NOBODY if context is None else context.session_id
    with (
        _place_shown(drawn=context is not None) as report,
        _TURNS.turn(visitor, large=is_large(shape), report=report),
        guarded(shape, needs=needs),
    ):
        yield


@contextmanager
def _place_shown(*, drawn: bool) -> Generator[Callable[[int], None]]:
    """Show the place in the queue for as long as there is one."""
    spot = None

    def report(place: int) -> None:
        nonlocal spot
        if not drawn:
            return
        if spot is None:
            spot = st.empty()
        before = "next" if place == 1 else f"number {place}"
        spot.caption(f"Others are computing: you are {before} in the queue.")

    try:
        yield report
    finally:
        if spot is not None:
            spot.empty()


NETWORKS = Networks(CACHE, turn)


def chosen() -> Engine:
    """Return the engine that pages are to ask."""
    return NETWORKS
