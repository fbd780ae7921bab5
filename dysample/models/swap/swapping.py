"""`swap_upsamplers`: a copy of a model with upsamplers where it interpolates."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import nn

from dysample.models.swap.auditing import audit
from dysample.models.swap.enlargement import Enlargement, Reprojection
from dysample.models.swap.placing import made_for, operator_at, put, separate
from dysample.models.swap.scale import factors
from dysample.models.swap.site import Audit, Site
from dysample.models.swap.table import to_table
from dysample.ops.registry import canonical_name, operator_spec

Where = Callable[[Site], bool] | Iterable[str | int]


@dataclass(frozen=True, slots=True)
class SwapRow:
    """What became of one site.

    Attributes:
        site: The site.
        operator: What is there now, with its options; empty where it was left alone.
        scales: Of the upsamplers that are there, one after the other.
        parameters: That came with them.
        removed: Parameters of the module that was there.
        reason: A sentence that says why it was left alone; empty where it was not.
    """

    site: Site
    operator: str = ""
    scales: tuple[int, ...] = ()
    parameters: int = 0
    removed: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwapReport:
    """What a swap did, site by site; prints as a table.

    Attributes:
        operator: What was asked for.
        rows: One for each site of the audit.
    """

    operator: str
    rows: tuple[SwapRow, ...]

    @property
    def swapped(self) -> tuple[SwapRow, ...]:
        """The sites with a new upsampler."""
        return tuple(row for row in self.rows if row.operator)

    @property
    def left_alone(self) -> tuple[SwapRow, ...]:
        """The others, each with its reason."""
        return tuple(row for row in self.rows if not row.operator)

    @property
    def parameters(self) -> int:
        """All parameters that came, without those that went."""
        return sum(row.parameters for row in self.rows)

    def __str__(self) -> str:
        """A table for people."""
        heads = ("#", "site", "map", "new", "parameters", "why not")
        return to_table(heads, [_cells(row) for row in self.rows])


def swap_upsamplers(
    model: nn.Module, example_inputs: object, to: str = "dysample+", *, where: Where | None = None
) -> tuple[nn.Module, SwapReport]:
    """Copy a model, with trainable upsamplers in the place of its interpolations.

    The upsamplers are submodules of the modules that interpolated, which get a subclass of their own
    class; they take those modules' device, dtype and mode. DySample starts from the grid of the
    interpolation it replaces. Enlargements by 4 or 8 become repeated ×2. Whatever else an interpolation
    is asked for later, such as a size of another scale, it does as before.

    Args:
        model: Any module, neither scripted nor compiled; it is not touched.
        example_inputs: What it is called with, see `audit`.
        to: Name of an operator, with its options, as `build` takes it.
        where: Which sites: a function of a `Site`, or names or numbers of sites. None takes those that
            an audit says "swap" of.

    Returns:
        The copy, and what was done.

    Raises:
        ValueError: There is no such operator or site, the model is scripted or compiled, or calls of
            nested modules cannot be told apart.
    """
    to = canonical_name(to)
    found = audit(model, example_inputs)
    chosen = _choose(found, where)
    swapped, rows = copy.deepcopy(model), list[SwapRow]()
    for site in found.sites:
        made = _make(site, to, swapped) if site in chosen else _left(site)
        if not isinstance(made, SwapRow):
            row, module = made
            swapped = put(swapped, site, module)
            rows.append(row)
        else:
            rows.append(made)
    separate(swapped, found)
    return swapped, SwapReport(to, tuple(rows))


def _choose(found: Audit, where: Where | None) -> frozenset[Site]:
    if where is None:
        return frozenset(site for site in found.sites if site.choice == "swap")
    if callable(where):
        return frozenset(site for site in found.sites if where(site))
    known = {key: site for site in found.sites for key in (site.name, site.order)}
    wanted = [where] if isinstance(where, str) else list(where)
    for key in wanted:
        if key not in known:
            names = ", ".join(site.name for site in found.sites)
            raise ValueError(f"no site is called {key!r}; there are {names or 'none'}, or their numbers")
    return frozenset(known[key] for key in wanted)


def _left(site: Site) -> SwapRow:
    return SwapRow(site, reason=site.reason or "Not asked for.")


def _make(site: Site, to: str, model: nn.Module) -> SwapRow | tuple[SwapRow, Enlargement | Reprojection]:
    """The upsampler for a site with its row, or the row alone where none can be had."""
    if site.choice == "never":
        return SwapRow(site, reason=site.reason)
    if operator_spec(to).needs_guide:
        return SwapRow(site, reason=f"Guide needed: {operator_spec(to).label} looks at a high-res map too.")
    owner = model.get_submodule(site.path)
    try:
        operator = operator_at(site, to)
        made = made_for(site, operator, owner)
    except ValueError as error:
        return SwapRow(site, reason=f"{operator_spec(to).label} cannot be here: {error}.")
    gone = 0 if isinstance(made, Enlargement) else _count(owner)
    return SwapRow(site, operator, factors(site.scale or 1), _count(made), gone), made


def _count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _cells(row: SwapRow) -> tuple[str, ...]:
    shape = "×".join(map(str, row.site.input[1:]))
    new = f"{row.operator} ({', '.join(f'×{scale}' for scale in row.scales)})" if row.operator else ""
    change = f"+{row.parameters:,}" + (f" −{row.removed:,}" if row.removed else "")
    return (
        str(row.site.order),
        row.site.name,
        f"{shape} ×{row.site.scale}" if row.site.scale else shape,
        new,
        change if row.operator else "",
        row.reason,
    )
