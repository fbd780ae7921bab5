"""Copy a model with trainable upsamplers in the place of its interpolations."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from dysample.markdown import to_table
from dysample.ops.registry import build, canonical_name, operator_spec
from dysample.swap.audit import audit, factors
from dysample.swap.copies import copied, lazy_parts
from dysample.swap.modules import Enlargement, Redirecting, Reprojection, hold, projection, redirectable
from dysample.swap.site import NO_SITES, Audit, Site

Where = Callable[[Site], bool] | Iterable[str | int]


@dataclass(frozen=True, slots=True)
class SwapRow:
    """Result of a swap at one site.

    Attributes:
        site: The site.
        operator: Name of the new operator, with its options; empty if the site was left alone.
        scales: Scales of the new upsamplers, in order.
        parameters: Number of their parameters.
        removed: Number of parameters of the module that they replaced.
        reason: A sentence that says why the site was left alone; empty if it was swapped.
    """

    site: Site
    operator: str = ""
    scales: tuple[int, ...] = ()
    parameters: int = 0
    removed: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwapReport:
    """Result of a swap, site by site; prints as a table.

    Attributes:
        operator: Name of the requested operator.
        rows: One for each site of the audit.
    """

    operator: str
    rows: tuple[SwapRow, ...]

    @property
    def swapped(self) -> tuple[SwapRow, ...]:
        """Rows of the sites with a new upsampler."""
        return tuple(row for row in self.rows if row.operator)

    @property
    def left_alone(self) -> tuple[SwapRow, ...]:
        """Rows of the other sites, each with its reason."""
        return tuple(row for row in self.rows if not row.operator)

    @property
    def parameters(self) -> int:
        """Number of all new parameters; those removed are not subtracted."""
        return sum(row.parameters for row in self.rows)

    def __str__(self) -> str:
        """Return a table with one row per site, or a sentence where there is none."""
        if not self.rows:
            return NO_SITES
        heads = ("#", "site", "map", "new", "parameters", "why not")
        return to_table(heads, [_cells(row) for row in self.rows])


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


def swap_upsamplers(
    model: nn.Module, example_inputs: object, to: str = "dysample+", *, where: Where | None = None
) -> tuple[nn.Module, SwapReport]:
    """Copy a model, with trainable upsamplers in the place of its interpolations.

    The upsamplers are submodules of the modules that interpolated, with their device, dtype and mode; the
    class of these modules becomes a subclass of it. DySample starts from the grid of the interpolation it
    replaces. Enlargements by 4 or 8 become repeated ×2. Later calls with other arguments, such as a size of
    another scale, still interpolate.

    Args:
        model: Any module, neither scripted nor compiled; it is not touched.
        example_inputs: Arguments of the model, as for `audit`.
        to: Name of an operator, with its options, as for `build`.
        where: Sites to swap: a predicate of a `Site`, or names or numbers of sites. None selects those with
            the choice "swap".

    Returns:
        The copy, and a report of every site.

    Raises:
        ValueError: There is no such operator or site, the model is scripted or compiled, or calls of
            nested modules cannot be told apart.
    """
    to = canonical_name(to)
    audited = audit(model, example_inputs)
    chosen = _choose(audited, where)
    swapped, rows = copied(model), list[SwapRow]()
    for site in audited.sites:
        if site in chosen:
            row, module = _make(site, to, swapped)
        else:
            row, module = SwapRow(site, reason=site.reason or "Not asked for."), None
        if module is not None:
            swapped = _put(swapped, site, module)
        rows.append(row)
    _separate(swapped, audited)
    return swapped, SwapReport(to, tuple(rows))


def _choose(audited: Audit, where: Where | None) -> frozenset[Site]:
    if where is None:
        return frozenset(site for site in audited.sites if site.choice == "swap")
    if callable(where):
        return frozenset(site for site in audited.sites if where(site))
    known = {key: site for site in audited.sites for key in (site.name, site.order)}
    wanted = [where] if isinstance(where, str) else list(where)
    for key in wanted:
        if key not in known:
            names = ", ".join(site.name for site in audited.sites)
            raise ValueError(f"no site is called {key!r}; there are {names or 'none'}, or their numbers")
    return frozenset(known[key] for key in wanted)


def _make(site: Site, to: str, model: nn.Module) -> tuple[SwapRow, Enlargement | Reprojection | None]:
    """Build the upsampler for a site, None if it cannot be there, and the row of the report."""
    if site.choice == "never":
        return SwapRow(site, reason=site.reason), None
    if operator_spec(to).needs_guide:
        reason = f"Guide needed: {operator_spec(to).label} looks at a high-res map too."
        return SwapRow(site, reason=reason), None
    owner = model.get_submodule(site.path)
    try:
        operator = operator_for(site, to)
        module = replacement_for(site, operator, owner)
    except ValueError as error:
        return SwapRow(site, reason=f"{operator_spec(to).label} cannot be here: {error}."), None
    removed = 0 if isinstance(module, Enlargement) else count_parameters(owner)
    scales = factors(site.scale or 1)
    return SwapRow(site, operator, scales, count_parameters(module), removed), module


def operator_for(site: Site, to: str) -> str:
    """Return the name of the operator for a site, with the initial grid of what it replaces, if it has one.

    Raises:
        ValueError: The operator is unknown.
    """
    initial = "nearest" if site.mode in ("nearest", "nearest-exact") else "bilinear"
    if "initial" not in inspect.signature(operator_spec(to).factory).parameters or "initial=" in to:
        return canonical_name(to)
    return canonical_name(f"{to}{',' if '@' in to else '@'}initial={initial}")


def replacement_for(site: Site, operator: str, module: nn.Module) -> Enlargement | Reprojection:
    """Build the module that replaces a site, in float32 on the CPU.

    Args:
        site: A site with a scale.
        operator: Name of the operator.
        module: The module that enlarges there.

    Raises:
        ValueError: The operator does not support the site's channels or scale, or the module is lazy.
    """
    project = None
    if site.kind in ("ConvTranspose2d", "PixelShuffle"):
        if lazy_parts(module):
            raise ValueError("its weights have no shape before the model has run once")
        project = projection(module, site.input[1])
    channels = project.out_channels if project else site.input[1]
    enlargement = Enlargement(
        [build(operator, channels, scale=factor) for factor in factors(site.scale or 1)],
        channels=channels,
        scale=site.scale or 1,
        mode=site.mode,
        align_corners=site.align_corners,
    )
    if project is None:
        return enlargement
    rows, columns = (
        after - enlargement.scale * before
        for before, after in zip(site.input[2:], site.output[2:], strict=True)
    )
    return Reprojection(project, enlargement, margin=(rows, columns))


def count_parameters(module: nn.Module) -> int:
    """Return the number of parameters that training adjusts."""
    return sum(weight.numel() for weight in module.parameters())


def _put(model: nn.Module, site: Site, module: Enlargement | Reprojection) -> nn.Module:
    """Put a module at a site in place; return the model, which is the module if the model was the site."""
    owner = model.get_submodule(site.path)
    like = _weight_near(model, site.path)
    module.to(device=like.device, dtype=like.dtype).train(owner.training)
    if isinstance(module, Enlargement):
        hold(owner).add_module(str(site.index), module)
        return model
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if child is owner:
                setattr(parent, name, module)
    return module if owner is model else model


def _weight_near(model: nn.Module, path: str) -> torch.Tensor:
    """Return a floating-point weight of the module, or of the nearest module around it that has one."""
    for ancestor in _upwards(path):
        for weight in model.get_submodule(ancestor).parameters():
            if weight.is_floating_point():
                return weight
    return torch.empty(0)


def _upwards(path: str) -> Iterator[str]:
    """Yield the path, and those of the modules around it, up to the model's."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""


def _separate(model: nn.Module, audited: Audit) -> None:
    """Make all interpolating modules inside a redirecting one count their own calls, in place.

    Raises:
        ValueError: One of them has a `forward` that cannot be redirected.
    """
    redirecting = [path for path, module in model.named_modules() if isinstance(module, Redirecting)]
    for site in audited.sites:
        interpolates = site.kind in ("functional", "nn.Upsample")
        if interpolates and any(not path or site.path.startswith(f"{path}.") for path in redirecting):
            module = model.get_submodule(site.path)
            if not redirectable(module) and not isinstance(module, Redirecting):
                raise ValueError(
                    f"the calls of {site.name} and of a module around it cannot be told apart, for its "
                    "`forward` belongs to this one object: swap before that is set, or other sites"
                )
            hold(module)
