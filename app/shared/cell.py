"""The chosen low-res cell as text, "row,column": in memory and addresses it passes from page to page."""

CELL_KEY = "cell"
Cell = tuple[int, int]  # row, column


def read_cell(text: str, *, rows: int, columns: int) -> Cell | None:
    """Return the cell that a text names; None if there is no such cell in a map of this size."""
    row, comma, column = text.partition(",")
    if comma and row.isdecimal() and column.isdecimal() and int(row) < rows and int(column) < columns:
        return int(row), int(column)
    return None


def write_cell(cell: Cell) -> str:
    """Return the text that names a cell."""
    return f"{cell[0]},{cell[1]}"
