"""Controls of the One point page: cell, output pixel, channel, and background."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import streamlit as st
from jaxtyping import Float32

from app.components.arrows import ColourScale, OffsetArrows
from app.components.offsets.canvas import offset_canvas
from app.memory import forget, keep, kept, restore
from app.shared.cell import CELL_KEY, Cell, read_cell, write_cell
from app.shared.controls import segments, whole_number
from app.theme import sequential_colours

Beneath = Literal["norm", "channel", "photo"]
_BEFORE = "Nothing learned: read bilinearly where the point starts or, for kernels, at the output pixel."
_BENEATH: dict[Beneath, str] = {"norm": "Feature norm", "channel": "Channel", "photo": "Photograph"}
_BENEATH_HELP = (
    "The length of each low-res pixel's feature vector, the channel that is shown, or the picture."
)
_READABLE = 40  # arrows side by side in a small view
CORNERS = ("Top left", "Top right", "Bottom left", "Bottom right")


def cell_inputs(
    cell: tuple[int, int], *, rows: int, columns: int, store: Callable[[tuple[int, int]], None]
) -> None:
    """Draw fields for row and column of a cell.

    Args:
        cell: Row and column to show.
        rows: Rows of the map.
        columns: Columns of the map.
        store: Called with the row and column that the visitor enters.
    """
    keys = ("point_row", "point_column")

    def entered() -> None:
        store((st.session_state[keys[0]], st.session_state[keys[1]]))

    for key, name, index, count in zip(keys, ("Row", "Column"), cell, (rows, columns), strict=True):
        st.session_state[key] = index
        st.number_input(
            f"{name} (0 to {count - 1})", 0, count - 1, step=1, key=key, on_change=entered, width=150
        )


def point_choice() -> int:
    """Choose one of the four output pixels of a cell, row by row."""
    restore("point", range(len(CORNERS)))
    chosen = st.segmented_control(
        "Output pixel of the cell",
        range(len(CORNERS)),
        default=0,
        required=True,
        format_func=lambda index: CORNERS[index],
        key="point",
        bind="query-params",
        wrap=True,
    )
    return keep("point", chosen or 0)


def channel_choice(first: int, count: int, *, most_changed: Callable[[], int]) -> int:
    """Choose the channel whose arithmetic is shown.

    Args:
        first: First channel of the group.
        count: Number of channels of the group.
        most_changed: Returns the channel of the group that the upsampler changed most.
    """
    key = "point_channel"

    def find() -> None:
        st.session_state[key] = most_changed() - first

    if key in st.session_state:
        st.session_state[key] = min(max(st.session_state[key], 0), count - 1)
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        chosen = whole_number(f"Channel of the group (0 to {count - 1})", 0, count - 1, 0, key=key, width=190)
        st.button(
            "Most changed",
            on_click=find,
            key="point_most_changed",
            help="The channel of the group that is farthest from plain interpolation at this output pixel.",
        )
    return first + chosen


def beneath_choice() -> Beneath:
    """Choose the background of the points."""
    return segments("Beneath", _BENEATH, wrap=True, key="point_beneath", words=_BENEATH_HELP, remember=False)


def before_and_after(before: float, after: float) -> None:
    """Draw the channel's value under plain interpolation, as it is, and the change."""
    with st.container(horizontal=True, gap="large"):
        st.metric("Before", f"{before:.4f}", width="content", help=_BEFORE)
        st.metric("After", f"{after:.4f}", width="content", help="The weighted sum.")
        st.metric("Change", f"{after - before:+.4f}", width="content")


def chosen_cell(*, rows: int, columns: int, usual: Cell) -> Cell:
    """Return the cell chosen here, on another page or in the address.

    Args:
        rows: Rows of the map.
        columns: Columns of the map.
        usual: The default, also where the map has no such cell.
    """
    return read_cell(kept(CELL_KEY, st.query_params.get(CELL_KEY, "")), rows=rows, columns=columns) or usual


def remember_cell(cell: Cell) -> None:
    """Keep a cell for this visitor, and put it into the address."""
    st.query_params[CELL_KEY] = keep(CELL_KEY, write_cell(cell))


def forget_cell() -> None:
    """Remove the cell from memory and address, as the default cell is not kept there."""
    forget(CELL_KEY)
    if CELL_KEY in st.query_params:
        del st.query_params[CELL_KEY]


def cell_map(
    background_png: bytes,
    moves: Float32[np.ndarray, "h w 2"],
    *,
    cell: tuple[int, int],
    label: str,
    key: str,
) -> tuple[int, int]:
    """Draw a small map of the cells' mean offsets, and return row and column of the chosen cell.

    Args:
        background_png: The picture under the arrows.
        moves: Mean offset (x, y) of each cell's points in low-res pixels.
        cell: Row and column to highlight, unless another is chosen.
        label: The map in words, for screen readers.
        key: Unique on the page.
    """
    height, width = moves.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32) + np.float32(0.5)
    start = np.stack([x, y], axis=-1)
    lengths = np.hypot(moves[..., 0], moves[..., 1])
    longest = float(lengths.max())
    values = np.round(255 * lengths / longest if longest else lengths).astype(np.uint8)
    name = "Mean offset of a cell (low-res pixels)" if longest else "No point moves (low-res pixels)"
    chosen = offset_canvas(
        background_png,
        OffsetArrows(start, start + moves, values),
        size=(width, height),
        scale=ColourScale(name, "0", f"{longest:.2f}", sequential_colours()),
        label=label,
        key=key,
        cell=(cell[1], cell[0]),
        step=max(1, round(max(width, height) / _READABLE)),
    )
    return cell if chosen is None else (chosen[1], chosen[0])
