"""`swap_upsamplers`: a copy of a model with upsamplers where it interpolates."""

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from dysample.markdown import to_table
from dysample.ops.registry import build, canonical_name, operator_spec
from dysample.swap.audit import audit, factors
from dysample.swap.modules import Enlargement, Redirecting, Reprojection, hold, projection, redirectable
from dysample.swap.site import Audit, Site

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


# Upsamplers made for a site, and put there.


def operator_at(site: Site, to: str) -> str:
    """Name of the operator for a site: with the grid of what it replaces, where it has a grid.

    Raises:
        ValueError: There is no such operator.
    """
    begins = "nearest" if site.mode in ("nearest", "nearest-exact") else "bilinear"
    if "initial" not in inspect.signature(operator_spec(to).factory).parameters or "initial=" in to:
        return canonical_name(to)
    return canonical_name(f"{to}{',' if '@' in to else '@'}initial={begins}")


def made_for(site: Site, operator: str, module: nn.Module) -> Enlargement | Reprojection:
    """What is to stand at a site, in float32 on the CPU.

    Args:
        site: One with a scale.
        operator: Name of the operator.
        module: The module that enlarges there.

    Raises:
        ValueError: The operator cannot have the site's channels or scale.
    """
    project = None
    if site.kind in ("ConvTranspose2d", "PixelShuffle"):
        project = projection(module, site.input[1])
    channels = project.out_channels if project else site.input[1]
    enlargement = Enlargement(
        [build(operator, channels, scale=each) for each in factors(site.scale or 1)],
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


def put(model: nn.Module, site: Site, made: Enlargement | Reprojection) -> nn.Module:
    """Put it there, in place; gives the model, which is another one if it was the site itself."""
    owner = model.get_submodule(site.path)
    like = _weight_near(model, site.path)
    made.to(device=like.device, dtype=like.dtype).train(owner.training)
    if isinstance(made, Enlargement):
        hold(owner).add_module(str(site.index), made)
        return model
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if child is owner:
                setattr(parent, name, made)
    return made if owner is model else model


def separate(model: nn.Module, found: Audit) -> None:
    """Let all that interpolate inside a redirecting module count their own calls, in place.

    Raises:
        ValueError: One of them has a `forward` that cannot be redirected.
    """
    redirecting = [path for path, module in model.named_modules() if isinstance(module, Redirecting)]
    for site in found.sites:
        interpolates = site.kind in ("functional", "nn.Upsample")
        if interpolates and any(not path or site.path.startswith(f"{path}.") for path in redirecting):
            module = model.get_submodule(site.path)
            if not redirectable(module) and not isinstance(module, Redirecting):
                raise ValueError(
                    f"the calls of {site.name} and of a module around it cannot be told apart, for its "
                    "`forward` belongs to this one object: swap before that is set, or other sites"
                )
            hold(module)


def _weight_near(model: nn.Module, path: str) -> torch.Tensor:
    """A floating-point weight of the module, or of the next around it that has one."""
    for ancestor in _upwards(path):
        for weight in model.get_submodule(ancestor).parameters():
            if weight.is_floating_point():
                return weight
    return torch.empty(0)


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""
