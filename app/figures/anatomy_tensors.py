"""Stages that are tensors of features or offsets, channel by channel."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8

from app.figures.anatomy import Mark, Shades, heatmaps
from app.figures.anatomy_arrows import photograph
from app.figures.anatomy_block import LOW, OUT, Block, count, feature_map, feature_shades, of_group, spread
from app.figures.anatomy_words import number
from dysample.analysis.anatomy import Anatomy, StageName, group_maps
from dysample.analysis.anatomy_trace import Trace, place, without_offsets
from dysample.analysis.offsets import as_array

_QUANTITIES: Mapping[StageName, tuple[str, str]] = {
    "linear": ("Raw offset", "no unit"),
    "factor": ("Scope", LOW),
    "scope": ("Offset", LOW),
    "shuffle": ("Offset", LOW),
}


def offsets(anatomy: Anatomy, name: StageName, followed: Trace, axis: int) -> Block:
    """The followed group's maps of one axis: one for each sub-position before the shuffle, one after it."""
    both = as_array(group_maps(anatomy.stage(name), groups=anatomy.op.groups, group=followed.group))
    maps = both[axis]
    sub, row, column = place(anatomy, name, followed.at)
    quantity, unit = _QUANTITIES[name]
    title = f"{quantity} {'xy'[axis]}"
    shades = (
        Shades(0.0, 2 * anatomy.op.scope_factor, f"{title} ({unit})", signed=False)
        if name == "factor"
        else Shades.around_zero(both, f"{title} ({unit})")
    )
    each = "" if len(maps) == 1 else " One map for each sub-position (row, column) within a low-res pixel."
    return Block(
        figure=heatmaps(
            maps,
            _titles(anatomy, followed, axis, len(maps)),
            shades,
            pixels=OUT if name in anatomy.shuffled else LOW,
            mark=Mark(sub, row, column),
        ),
        name=title,
        caption=f"**{title}** ({unit}){of_group(anatomy, followed)}.{each}",
        alt=f"{count(maps)} of the {title}, {spread(maps)}; {number(maps[sub, row, column])} where it is "
        f"followed, in row {row}, column {column}.",
        data={"maps": maps},
    )


def channels(anatomy: Anatomy, followed: Trace) -> Block:
    """The low-res channels that a shuffle makes one channel of; of the example that is the whole map."""
    many = anatomy.op.scale**2
    first = followed.channel // many * many
    maps = as_array(anatomy.stage("input").values[0, first : first + many])
    sub, row, column = place(anatomy, "input", followed.at)
    panel = sub if anatomy.op.style == "pl" else followed.channel - first
    titles = [f"channel {first + index}" for index in range(len(maps))]
    return Block(
        figure=heatmaps(maps, titles, Shades.of_features(maps), pixels=LOW, mark=Mark(panel, row, column)),
        name="Low-res channels",
        caption=f"**The low-res map** (feature values), channels {first} to {first + len(maps) - 1}.",
        alt=f"{count(maps)} of features, {spread(maps)}; {number(maps[panel, row, column])} in the framed "
        f"cell, row {row}, column {column} of channel {first + panel}.",
        data={"maps": maps},
    )


def unmoved(anatomy: Anatomy, followed: Trace) -> Block:
    """What the followed channel becomes without offsets."""
    plain = as_array(without_offsets(anatomy, followed.channel))
    row, column = followed.at
    shades = feature_shades(anatomy, followed)
    return Block(
        figure=heatmaps(plain[None], [""], shades, pixels=OUT, mark=Mark(0, row, column)),
        name="Without offsets",
        caption=f"**Channel {followed.channel} after bilinear interpolation** (feature values): what comes "
        "out if no point moves.",
        alt=f"Channel {followed.channel} enlarged without offsets, {spread(plain)}; "
        f"{number(followed.before)} in the framed cell, row {row}, column {column}.",
        data={"map": plain},
    )


def picture(anatomy: Anatomy, followed: Trace, photo: UInt8[np.ndarray, "H W 3"]) -> Block:
    """What the network looks at."""
    _, rows, columns = anatomy.input_size
    row, column = followed.cell
    return Block(
        figure=photograph(photo, cell=followed.cell, columns=columns),
        name="Picture",
        caption="**The picture**, in pixels of the low-res map, with the followed one framed.",
        alt=f"The picture over {rows} rows and {columns} columns of the low-res map; row {row}, column "
        f"{column} is framed.",
        data={"picture": photo},
    )


def channel(anatomy: Anatomy, followed: Trace) -> Block:
    """The followed channel of the low-res map."""
    x = feature_map(anatomy, "input", followed)
    row, column = followed.cell
    return Block(
        figure=heatmaps(x[None], [""], Shades.of_features(x), pixels=LOW, mark=Mark(0, row, column)),
        name="Low-res channel",
        caption=f"**Channel {followed.channel} of the low-res map** (feature values).",
        alt=f"{count(x[None])}, {spread(x)}; {number(x[row, column])} in row {row}, column {column}.",
        data={"map": x},
    )


def shuffled(anatomy: Anatomy, followed: Trace) -> Block:
    """The channel that the low-res channels of `channels` become in style "pl"."""
    new = followed.channel // anatomy.op.scale**2
    values = as_array(anatomy.stage("shuffle").values[0, new])
    row, column = followed.at
    return Block(
        figure=heatmaps(
            values[None], [""], Shades.of_features(values), pixels=OUT, mark=Mark(0, row, column)
        ),
        name="Shuffled channel",
        caption=f"**Channel {new} after the shuffle** (feature values): the maps beside it, interleaved.",
        alt=f"{count(values[None])} of shuffled features, {spread(values)}; {number(values[row, column])} in "
        f"row {row}, column {column}.",
        data={"map": values},
    )


def _titles(anatomy: Anatomy, followed: Trace, axis: int, maps: int) -> list[str]:
    """Which channel of the tensor a map is, and the sub-position it is for."""
    if maps == 1:
        return [""]
    first = (axis * anatomy.op.groups + followed.group) * maps
    return [f"channel {first + index} → {divmod(index, anatomy.op.scale)}" for index in range(maps)]
