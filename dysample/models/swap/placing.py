"""Upsamplers made for a site, and put there."""

import inspect
from collections.abc import Iterator

import torch
from torch import nn

from dysample.models.swap.enlargement import Enlargement, Reprojection, projection
from dysample.models.swap.redirect import Redirecting, hold, redirectable
from dysample.models.swap.scale import factors
from dysample.models.swap.site import Audit, Site
from dysample.ops.registry import build, canonical_name, operator_spec


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
