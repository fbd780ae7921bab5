"""Which operator goes to which site, and a model with all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from dysample.models.swap import Audit, SwapRow, swap_upsamplers
from dysample.ops.registry import canonical_name


@dataclass(frozen=True, slots=True)
class Placement:
    """One operator at one site.

    Attributes:
        site: Name of the site, as `audit` gives it.
        operator: Name of the operator, as `build` takes it.
    """

    site: str
    operator: str


Plan = tuple[Placement, ...]


def planned(found: Audit, to: str, exceptions: Iterable[tuple[str, str]] = ()) -> Plan:
    """One operator at all sites that are swapped unasked, but for exceptions.

    Args:
        found: The sites.
        to: Name of the operator.
        exceptions: Name or number of a site with the operator that it gets; an empty one leaves it alone.

    Raises:
        ValueError: There is no such operator, or no such site.
    """
    chosen = {site.name: canonical_name(to) for site in found.sites if site.choice == "swap"}
    names = {key: site.name for site in found.sites for key in (site.name, str(site.order))}
    for site, operator in exceptions:
        if site not in names:
            there = ", ".join(each.name for each in found.sites) or "none"
            raise ValueError(f"no site is called {site!r}; there are {there}, or their numbers")
        chosen[names[site]] = canonical_name(operator) if operator else ""
    order = [site.name for site in found.sites if chosen.get(site.name)]
    return tuple(Placement(name, chosen[name]) for name in order)


def swap_by_plan(
    model: nn.Module, example_inputs: object, plan: Sequence[Placement]
) -> tuple[nn.Module, tuple[SwapRow, ...]]:
    """Copy a model with the operators of a plan, by one swap for each operator.

    Args:
        model: Not touched.
        example_inputs: What it is called with, see `audit`.
        plan: What goes where.

    Returns:
        The copy, and what is at each site of the plan.

    Raises:
        ValueError: An operator cannot be at its site.
    """
    rows: dict[str, SwapRow] = {}
    for operator in dict.fromkeys(each.operator for each in plan):
        names = [each.site for each in plan if each.operator == operator]
        model, report = swap_upsamplers(model, example_inputs, operator, where=names)
        for row in report.rows:
            if row.site.name in names:
                rows[row.site.name] = row
                if not row.operator:
                    raise ValueError(f"{row.site.name} cannot be swapped: {row.reason}")
    return model, tuple(rows[each.site] for each in plan)
