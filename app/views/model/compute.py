"""Swaps in networks that are known here: counted without computing, by shapes alone."""

import os
import re

import streamlit as st
import torch
from torch import nn

from app.settings import ModelChoice, SwapChoice
from dysample.measure.complexity import META
from dysample.models.smp import smp_model
from dysample.trial.plan import Plan, planned
from dysample.trial.survey import Survey, SwapCosts, audit_of, swap_costs
from dysample.trial.survey import survey as survey_of

_FACTORIES = "DYSAMPLE_FACTORIES"
_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def factories() -> tuple[str, ...]:
    """Modules and packages whose factories visitors may name: what `DYSAMPLE_FACTORIES` lists."""
    return tuple(filter(None, re.split(r"[\s,]+", os.environ.get(_FACTORIES, ""))))


def check_factory(name: str) -> None:
    """Make sure that a factory may be called here.

    Raises:
        ValueError: It is not named as ``package.module:function``, or not in what is allowed.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"A factory is named as in package.module:function, got {name!r}.")
    module = name.partition(":")[0]
    if not any(module == each or module.startswith(f"{each}.") for each in factories()):
        raise ValueError(
            f"This server does not allow factories of {module}; it allows those of {', '.join(factories())}."
        )


@st.cache_data(show_spinner=False, max_entries=64)
def survey(choice: ModelChoice) -> Survey:
    """What a network enlarges and costs as it is.

    Raises:
        ValueError: There is no such network, or it does not take pictures of this size.
    """
    model, picture = _shapes(choice)
    try:
        return survey_of(model, picture)
    except (RuntimeError, TypeError, IndexError) as error:
        said = " ".join(str(error).split())[:300]
        raise ValueError(
            f"This network does not take pictures of {choice.height}×{choice.width} pixels: {said}"
        ) from error


@st.cache_data(show_spinner=False, max_entries=128)
def costs(choice: ModelChoice, plan: Plan) -> SwapCosts:
    """What it costs after a swap.

    Raises:
        ValueError: An operator cannot be at its site.
    """
    return swap_costs(*_shapes(choice), plan)


def plan_of(found: Survey, swap: SwapChoice) -> Plan:
    """Which operator goes to which site."""
    return planned(audit_of(found), swap.to, swap.exceptions)


def _shapes(choice: ModelChoice) -> tuple[nn.Module, torch.Tensor]:
    """The network and a picture without numbers."""
    try:
        with META:
            model = smp_model(choice.name)
    except RuntimeError:  # some encoders look at numbers while they are made
        model = smp_model(choice.name).to(META)
    return model.eval(), torch.empty(1, 3, choice.height, choice.width, device=META)
