"""The chosen low-res cell as text, "row,column": in memory and addresses it passes from page to page."""

CELL_KEY = "cell"
_MOST_DIGITS = 9
Cell = tuple[int, int]  # row, column


def read_cell(text: str, *, rows: int, columns: int) -> Cell | None:
    """Return the cell that a text names; None if there is no such cell in a map of this size."""
    places = [read_whole(part) for part in text.split(",")]
    match places:
        case [int(row), int(column)] if row < rows and column < columns:
            return row, column
        case _:
            return None


def read_whole(text: str) -> int | None:
    """Return the whole number that a text of an address is; None if it is none, or of absurd length."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def write_cell(cell: Cell) -> str:
    """Return the text that names a cell."""
    return f"{cell[0]},{cell[1]}"
