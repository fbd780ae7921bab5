"""What upsamplers cost in the networks of the tasks, counted without computing."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

import streamlit as st
import torch

from dysample.analysis.complexity.counting import META, added_parameters, site_macs
from dysample.analysis.complexity.macs import UNIT
from dysample.analysis.complexity.sites import Host, Site
from dysample.analysis.cost import Cost
from dysample.models.host import encode
from dysample.models.weights import new_encoder, new_head
from dysample.ops.registry import OPERATORS
from dysample.training.recipe import load_recipe

_SMALL = (4, 8)  # sides of the maps that multiplications are counted on


@dataclass(frozen=True, slots=True)
class UpsamplerCost:
    """What an upsampler costs at all its places in a network.

    Attributes:
        upsampler: Name in `OPERATORS`.
        macs: Multiply-accumulates for one picture.
        parameters: All numbers that training adjusts.
    """

    upsampler: str
    macs: Cost
    parameters: int


@st.cache_data(show_spinner="Counting multiplications …", max_entries=16)
def task_costs(task: str) -> tuple[UpsamplerCost, ...]:
    """What every upsampler costs in a task's own network, for one picture of its working size."""
    sites = task_sites(task)
    host = Host(task, working_size(task), sites, None, "")
    return tuple(
        UpsamplerCost(name, _macs(name, sites), added_parameters(name, host).all) for name in OPERATORS
    )


def working_size(task: str) -> tuple[int, int]:
    """Height and width of a picture of 3:4 at a task's working size."""
    side = load_recipe(task).working_side
    return side * 3 // 4, side


@st.cache_data(show_spinner=False, max_entries=16)
def task_sites(task: str) -> tuple[Site, ...]:
    """Which maps a task's network enlarges; it is made without numbers and asked."""
    recipe = load_recipe(task)
    with warnings.catch_warnings(), torch.inference_mode(), META:
        warnings.simplefilter("ignore")  # of the encoder's package, about its own imports
        encoder = new_encoder(recipe).eval()
        head = new_head(recipe, encoder.channels, "nearest").eval()
        steps = head.intermediates(encode(encoder, torch.empty(1, 3, *working_size(task)))).steps
    return tuple(Site(step.input.shape[1], step.guide.shape[1], *step.input.shape[2:]) for step in steps)


def _macs(operator: str, sites: Iterable[Site]) -> Cost:
    """The multiply-accumulates of an operator at all sites.

    Kernels are applied row by row, which takes the counter seconds on large maps. The count is a constant
    and a multiple of the map's pixels, so two small maps tell the same.
    """
    total, method = 0, ""
    for site in sites:
        small, large = (site_macs(operator, replace(site, height=side, width=side)) for side in _SMALL)
        if small.value is None or large.value is None:
            return small
        method = small.method
        slope = (large.value - small.value) // (_SMALL[1] ** 2 - _SMALL[0] ** 2)
        total += int(small.value + slope * (site.height * site.width - _SMALL[0] ** 2))
    return Cost(total, UNIT, method)
