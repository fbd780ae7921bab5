"""DySample taken apart: on the example, and on the picture of the explorer pages."""

import streamlit as st
import torch

from app.compute import explore
from app.settings import Subject
from dysample.analysis import anatomy_example
from dysample.analysis.anatomy import Anatomy, dissect
from dysample.ops.dysample import DySample, Style


@st.cache_resource(show_spinner=False)
def example(style: Style, *, dynamic: bool) -> Anatomy:
    """The anatomy of the 4 x 4 example."""
    op, x = anatomy_example.example(style, dynamic=dynamic)
    return dissect(op, x)


@st.cache_resource(show_spinner=False, max_entries=2)
def of_step(subject: Subject, name: str) -> Anatomy | None:
    """The anatomy of a trained network's step; None where its upsampler is not DySample."""
    op = explore.operator(subject, name)
    if not isinstance(op, DySample):
        return None
    with torch.inference_mode():
        return dissect(op, explore.step(subject, name).input)


@st.cache_resource(show_spinner=False, max_entries=4)
def liveliest_channel(subject: Subject, name: str) -> int:
    """The channel of a step's map that varies most."""
    return int(explore.step(subject, name).input[0].flatten(1).std(1).argmax())
