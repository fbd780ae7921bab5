"""The cell that is looked at: shared with other pages and with the address, as "row,column"."""

import streamlit as st

from app.widgets.memory import forget, keep, kept

_NAME = "cell"
Cell = tuple[int, int]


def asked_cell(*, rows: int, columns: int, usual: Cell) -> Cell:
    """The row and column that were chosen here, on another page or in the address.

    Args:
        rows: Of the map.
        columns: Of the map.
        usual: The cell to take where none was chosen that this map has.
    """
    row, comma, column = str(kept(_NAME, st.query_params.get(_NAME, ""))).partition(",")
    if comma and row.isdecimal() and column.isdecimal() and int(row) < rows and int(column) < columns:
        return int(row), int(column)
    return usual


def remember_cell(cell: Cell) -> None:
    """Keep a cell for this visitor, and put it into the address."""
    st.query_params[_NAME] = keep(_NAME, f"{cell[0]},{cell[1]}")


def forget_cell() -> None:
    """Keep no cell: the usual one stays out of memory and address."""
    forget(_NAME)
    if _NAME in st.query_params:
        del st.query_params[_NAME]
