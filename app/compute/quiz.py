"""The questions of “Check yourself”, computed once for all visitors."""

import streamlit as st

from app.questions import border as at_border
from app.questions import cost, reading, scope

_once = st.cache_resource(show_spinner=False)

start = _once(reading.start)
value = _once(reading.value)
arrow = _once(reading.arrow)
double = _once(scope.double)
touch = _once(scope.touch)
shuffle = _once(cost.shuffle)
weight = _once(cost.weight)
border = _once(at_border.border)
