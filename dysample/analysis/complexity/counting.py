"""What an operator costs in a network: its weights, and its multiply-accumulates at every site."""

from collections import Counter
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from dysample.analysis.complexity.macs import TRUE, UNIT, MacRule, count_macs
from dysample.analysis.complexity.sites import Host, Site
from dysample.analysis.cost import Cost
from dysample.ops.registry import build, operator_spec

META = torch.device("meta")  # shapes without numbers: nothing is stored or computed


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Numbers that training adjusts.

    Attributes:
        all: Every one of them.
        weights_only: Those in tensors of two or more dimensions: without biases and the factors and
            shifts of normalisation. The paper's figures are such counts, but for those in `paper`.
    """

    all: int
    weights_only: int

    def __add__(self, other: "ParameterCount") -> "ParameterCount":
        return ParameterCount(self.all + other.all, self.weights_only + other.weights_only)

    def __mul__(self, times: int) -> "ParameterCount":
        return ParameterCount(self.all * times, self.weights_only * times)


NO_PARAMETERS = ParameterCount(0, 0)


def parameters(module: nn.Module) -> ParameterCount:
    """Count the parameters of a module; one that is used twice counts once."""
    sizes = [(parameter.ndim, parameter.numel()) for parameter in module.parameters()]
    return ParameterCount(
        all=sum(count for _, count in sizes),
        weights_only=sum(count for dimensions, count in sizes if dimensions >= 2),
    )


def site_parameters(operator: str, site: Site) -> ParameterCount:
    """The parameters of one operator made for a site.

    Raises:
        ValueError: The operator is unknown, or cannot have the channels of the site.
    """
    return parameters(_made_for(operator, site))


@cache  # hosts have sites in common
def site_macs(operator: str, site: Site, *, rule: MacRule = TRUE) -> Cost:
    """The multiply-accumulates of one operator at a site, for one image.

    Raises:
        ValueError: The operator is unknown, or cannot have the channels of the site.
    """
    spec = operator_spec(operator)
    x = torch.empty(1, site.channels, site.height, site.width, device=META)
    guide = torch.empty(1, site.guide_channels, 2 * site.height, 2 * site.width, device=META)
    return count_macs(_made_for(operator, site), *spec.inputs(x, guide), rule=rule)


def added_parameters(operator: str, host: Host) -> ParameterCount:
    """The parameters of an operator at all sites of a host, which plain interpolation does not have."""
    return sum((site_parameters(operator, site) for site in host.sites), start=NO_PARAMETERS)


def added_macs(operator: str, host: Host, *, rule: MacRule = TRUE) -> Cost:
    """The multiply-accumulates of an operator at all sites of a host, for one image.

    The interpolation that it replaces is not taken off; `added_macs("bilinear", host)` has its cost.
    """
    total = 0
    for site, times in Counter(host.sites).items():
        cost = site_macs(operator, site, rule=rule)
        if cost.value is None:
            return cost
        total += int(cost.value) * times
    return Cost(total, UNIT, rule.method)


def _made_for(operator: str, site: Site) -> nn.Module:
    with META:
        return build(operator, site.channels, scale=2, guide_channels=site.guide_channels).eval()
