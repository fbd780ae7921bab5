"""The low-res cell that pages hand on to each other, in memory and address, as "row,column"."""

CELL_KEY = "cell"
Cell = tuple[int, int]  # row, column


def read_cell(text: str, *, rows: int, columns: int) -> Cell | None:
    """Return the cell that a text names; None if it names none, or none of a map of this size."""
    row, comma, column = text.partition(",")
    if comma and row.isdecimal() and column.isdecimal() and int(row) < rows and int(column) < columns:
        return int(row), int(column)
    return None


def write_cell(cell: Cell) -> str:
    """Return the text that names a cell."""
    return f"{cell[0]},{cell[1]}"
