"""Records of an audit: the places where a model changes the size of a map."""

from dataclasses import dataclass
from typing import Literal

from dysample.markdown import to_table

SiteKind = Literal["functional", "nn.Upsample", "ConvTranspose2d", "PixelShuffle"]
# What there is to say in the place of an empty table.
NO_SITES = (
    "Nothing that changes the size of a map was found. Enlargements written by hand (repeat_interleave, "
    "expand and reshape, grid_sample, fold) are not told from other uses of these functions."
)
Choice = Literal["swap", "request", "never"]


@dataclass(frozen=True, slots=True)
class Site:
    """One place where a model changes the size of a map.

    Attributes:
        name: Path of the module that does it, with the index of the call where its `forward` calls a
            function: ``"decoder.p4[0]"``; ``"[0]"`` in the model's own `forward`.
        path: Path of the module alone, as in `named_modules`.
        index: Index of the call within one `forward` of that module, from 0.
        order: Position among all sites by first call, from 0.
        times: Number of calls in one run of the model.
        source: File and line of the call.
        kind: ``"functional"`` for a call of a function, or else the class of the module.
        mode: Interpolation mode; ``"learned"`` for transposed convolutions, ``"shuffle"`` for pixel
            shuffles, ``"unpool"`` for the reverse of a max pooling, ``"custom"`` for an extension.
        align_corners: Whether the interpolation aligns corners.
        input: Shape of the map at the first call.
        output: Shape of the enlarged map.
        scale: The integer enlargement; None if the scale is not an integer.
        choice: Whether a swap replaces it by default, on request, or never.
        reason: A sentence that says why it is not replaced by default; empty if it is.
        after: `order` of all sites whose outputs went into its input, directly or not.
    """

    name: str
    path: str
    index: int
    order: int
    times: int
    source: str
    kind: SiteKind
    mode: str
    align_corners: bool
    input: tuple[int, ...]
    output: tuple[int, ...]
    scale: int | None
    choice: Choice
    reason: str
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """All sites of a model, in the order of their first calls; prints as a table.

    Attributes:
        sites: The sites.
        sizes: Height and width of the pictures that the model ran with. A single pair means that it accepted
            no other size, so scales that depend on the size could not be recognised.
    """

    sites: tuple[Site, ...]
    sizes: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        """Return a table with one row per site, or a sentence where there is none."""
        if not self.sites:
            return NO_SITES
        heads = ("#", "site", "line", "kind", "map", "scale", "mode", "swap", "why not")
        return to_table(heads, [_row(site) for site in self.sites])


def _row(site: Site) -> tuple[str, ...]:
    words = {"swap": "yes", "request": "on request", "never": "no"}
    mode = f"{site.mode}, align_corners" if site.align_corners else site.mode
    return (
        str(site.order),
        f"{site.name} ({site.times} times)" if site.times > 1 else site.name,
        site.source,
        site.kind,
        f"{_shape(site.input)} to {_shape(site.output)}",
        "" if site.scale is None else f"×{site.scale}",
        mode,
        words[site.choice],
        site.reason,
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape[1:]))
