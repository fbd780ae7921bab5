"""The engine of this process: its networks and the queue of its visitors, or the cluster in their stead."""

import functools
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.shared.cache import CACHE
from app.shared.engine import devices
from app.shared.engine.cluster import VARIABLE, Cluster, Setting, read_setting
from app.shared.engine.courier import Courier
from app.shared.engine.memory import free_on, guarded, is_large, pixels, room_for, taken
from app.shared.engine.networks import Engine, Networks
from app.shared.engine.turns import EngineError, Turns

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
        _shown() as show,
        _TURNS.turn(visitor, large=is_large(shape), report=_place(show)),
        guarded(shape, needs=needs),
    ):
        yield


@contextmanager
def alone(shape: tuple[int, ...], *, needs: int) -> Generator[None]:
    """Hold the device while the block works with a large picture on the processor; small ones need no turn.

    Large pictures are worked on one at a time: the memory that is free is worked out for one. What the cache
    keeps, such as the maps of networks that have run, is dropped if it has to be.

    Args:
        shape: Rows and columns of the picture, first.
        needs: Bytes that the block allocates at its peak.

    Raises:
        NoRoomError: The block needs more memory than is free, or ran out of it.
        BusyError: Too many jobs wait already.
    """
    if not is_large(shape):
        yield
        return
    with turn(shape):
        CACHE.give_back(lambda: taken(needs) <= free_on(devices.CPU))
        with room_for(needs, devices.CPU, pixels(shape)):
            yield


def _place(show: Callable[[str], None]) -> Callable[[int], None]:
    def report(place: int) -> None:
        before = "next" if place == 1 else f"number {place}"
        show(f"Others are computing: you are {before} in the queue.")

    return report


@contextmanager
def _shown() -> Generator[Callable[[str], None]]:
    """Show a sentence on the page, for as long as there is one; outside of a page nothing is shown."""
    drawn, spot = get_script_run_ctx(suppress_warning=True) is not None, None

    def show(sentence: str) -> None:
        nonlocal spot
        if not drawn:
            return
        if spot is None:
            spot = st.empty()
        spot.caption(sentence)

    try:
        yield show
    finally:
        if spot is not None:
            spot.empty()


NETWORKS = Networks(CACHE, turn)


def chosen() -> Engine:
    """Return the engine that pages are to ask: this process, or the cluster that `DYSAMPLE_CLUSTER` names.

    Raises:
        EngineError: The variable is no address of a cluster.
    """
    setting = os.environ.get(VARIABLE, "").strip()
    return _cluster(read_setting(setting)) if setting else NETWORKS


@functools.cache
def _cluster(setting: Setting) -> Cluster:
    return Cluster(setting, connect=Courier, watched=_shown, manifest=NETWORKS.manifest)


def sentence() -> str:
    """Return on what networks run, or why they cannot."""
    try:
        engine = chosen()
    except EngineError as error:
        return str(error)
    return engine.sentence() if isinstance(engine, Cluster) else devices.sentence()
