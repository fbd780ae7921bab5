"""Draw a component whose value page and browser may both change."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from app.components.exchange import ROUND_TRIP_S, Exchange, Report

T = TypeVar("T")


def _unchanged(value: object) -> object:
    return value


def mount(
    component: ComponentRenderer,
    data: Mapping[str, object],
    *,
    value: T,
    read: Callable[[object], T | None],
    write: Callable[[T], object] = _unchanged,
    patience_s: float = ROUND_TRIP_S,
    key: str,
) -> T:
    """Draw a component, keep its exchange with the browser, and return the value that is shown.

    Args:
        component: A component whose script reads and reports the value by the functions of exchange.js.
        data: Other data for the browser.
        value: The value to show. Pass back the value returned before, or another to change it.
        read: Turns JSON from the browser into a value, or None if it is invalid: browsers are not trusted,
            and the options change.
        write: Turns a value into JSON.
        patience_s: How long after a report of the browser `value` may be an earlier one that the page
            does not ask for.
        key: Unique on the page.
    """
    memory = f"{key}.exchange"
    earlier: Exchange[T] = st.session_state.get(memory, Exchange.start(value))
    exchange = earlier.advance(value, _report(key, read), now=time.monotonic(), patience_s=patience_s)
    shared = {"key": key, "value": write(exchange.sent), "revision": exchange.revision}
    component(key=key, data={**data, **shared}, on_report_change=lambda: None)
    # Only now: a run that is cut short while it draws must not swallow the report.
    st.session_state[memory] = exchange
    return exchange.returned


def _report(key: str, read: Callable[[object], T | None]) -> Report[T] | None:
    state = cast(Mapping[str, object], st.session_state.get(key, {}))
    match state.get("report"):
        case {"value": sent, "answers": int(answers)}:
            value = read(cast(object, sent))
            return None if value is None else Report(value, answers)
        case _:
            return None
