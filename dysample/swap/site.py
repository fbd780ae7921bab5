"""What an audit finds: the places where a model changes the size of a map."""

from dataclasses import dataclass
from typing import Literal

from dysample.markdown import to_table

Kind = Literal["functional", "nn.Upsample", "ConvTranspose2d", "PixelShuffle"]
Choice = Literal["swap", "request", "never"]


@dataclass(frozen=True, slots=True)
class Site:
    """One place where a model changes the size of a map.

    Attributes:
        name: Path of the module that does it and, where its `forward` calls a function, which of these
            calls it is: ``"decoder.p4[0]"``; ``"[0]"`` in the model's own `forward`.
        path: The module alone, as `named_modules` calls it.
        index: Which of the calls within one `forward` of that module, from 0.
        order: Place among all sites, by their first call, from 0.
        times: How often it is called while the model runs once.
        source: File and line of the call.
        kind: A call of a function, or the module that the model has for it.
        mode: Of the interpolation; ``"learned"`` for transposed convolutions, ``"shuffle"`` for pixel
            shuffles, ``"unpool"`` for the reverse of a max pooling.
        align_corners: Of the interpolation.
        input: Shape of the map at the first call.
        output: Shape that it gets.
        scale: The integer enlargement; None where there is none.
        choice: Whether a swap replaces it unasked, on request, or never.
        reason: A sentence that says why not unasked; empty where it is.
        after: Places, as `order`, of the sites whose outputs went into its input, at whatever distance.
    """

    name: str
    path: str
    index: int
    order: int
    times: int
    source: str
    kind: Kind
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
        sites: What was found.
        sizes: Height and width of the pictures that the model was run with. One pair alone means that it
            took no other size, so that scales which depend on the size could not be told.
    """

    sites: tuple[Site, ...]
    sizes: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        """A table for people."""
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
