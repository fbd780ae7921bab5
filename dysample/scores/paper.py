"""The paper's tables as they are printed, and whether a number of ours prints as a figure of theirs.

Liu, Lu, Fu, Cao: Learning to Upsample by Learning to Sample, ICCV 2023.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

FOLDER = Path(__file__).with_name("paper_tables")
TABLES = (*(f"table{number}" for number in range(1, 10)), "figure8")
_MAGNITUDES: Mapping[str, int] = {"K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One table; every cell as it is printed.

    Attributes:
        title: Number and subject, such as "Table 4: ...".
        source: The paper.
        columns: Names of the columns; in "upsampler" stand keys of `OPERATORS`.
        rows: Cells, in the order of the columns.
    """

    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of a column, from top to bottom.

        Raises:
            ValueError: There is no such column.
        """
        index = self._index(name)
        return tuple(row[index] for row in self.rows)

    def where(self, column: str, value: str) -> "PaperTable":
        """The same table with only those rows that have `value` in a column.

        Raises:
            ValueError: There is no such column.
        """
        index = self._index(column)
        rows = tuple(row for row in self.rows if row[index] == value)
        return PaperTable(self.title, self.source, self.columns, rows)

    def _index(self, name: str) -> int:
        if name not in self.columns:
            raise ValueError(f"{self.title} has no column {name!r}; there are {', '.join(self.columns)}")
        return self.columns.index(name)


@dataclass(frozen=True, slots=True)
class Figure:
    """A printed number of something that is counted.

    Attributes:
        digits: The number as it is printed, without sign of increase and magnitude.
        magnitude: What it is in: 1, a thousand, a million or a thousand millions.
    """

    digits: Decimal
    magnitude: int


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """A figure of the paper that our number does not print as, and why that is.

    Attributes:
        table: Name of the table, such as "table4".
        column: Its column.
        upsampler: The row.
        reason: A sentence.
    """

    table: str
    column: str
    upsampler: str
    reason: str


KNOWN_DIFFERENCES = (
    KnownDifference(
        "table6",
        "params",
        "dysample",
        "32,768 weights print as 32.8K; the paper seems to cut digits off here.",
    ),
    KnownDifference(
        "table8",
        "params",
        "dysample-s+",
        "6,144 weights print as 6.1K; the paper's 6.2K is twice its 3.1K, or includes biases (6,192).",
    ),
    KnownDifference(
        "table8", "params", "sapa", "49,152 weights print as 0.0M; the paper's 0.1M is all 52,416 parameters."
    ),
    KnownDifference(
        "table9",
        "params",
        "a2u",
        "No way of counting gives 30.0K: 27,968 weights, 28,120 with biases, 31,064 in all.",
    ),
    KnownDifference(
        "table4",
        "gflops",
        "indexnet",
        "30.646 G prints as 30.6; the paper's 30.7 looks like 30.65 rounded once more.",
    ),
    KnownDifference(
        "table4",
        "gflops",
        "fade",
        "2.620 G prints as 2.6; the paper's 2.7 is FADE with its gate (2.653 G), its score without.",
    ),
)


def paper_table(name: str) -> PaperTable:
    """Read a table by its name in `TABLES`.

    Raises:
        ValueError: There is no such table.
    """
    if name not in TABLES:
        raise ValueError(f"the paper has no {name!r} here; there are {', '.join(TABLES)}")
    source, title, *lines = (FOLDER / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    columns, *rows = (tuple(row) for row in csv.reader(lines))
    return PaperTable(title.removeprefix("# "), source.removeprefix("# "), columns, tuple(rows))


def known_difference(table: str, column: str, upsampler: str) -> KnownDifference | None:
    """Why a figure of the paper is not ours, as far as that is known."""
    found = (d for d in KNOWN_DIFFERENCES if (d.table, d.column, d.upsampler) == (table, column, upsampler))
    return next(found, None)


def parse_figure(printed: str, *, magnitude: int = 1) -> Figure:
    """Read a printed count such as "+49.2K".

    Args:
        printed: An optional plus sign, digits, and K, M, G or nothing.
        magnitude: What the number is in if it ends with no letter; the column's unit.

    Raises:
        ValueError: Something else.
    """
    parts = re.fullmatch(r"\+?(\d+(?:\.\d+)?)([KMG]?)", printed)
    if parts is None:
        raise ValueError(f"a figure must read like '+49.2K', got {printed!r}")
    return Figure(Decimal(parts[1]), _MAGNITUDES.get(parts[2], magnitude))


def prints_as(value: int, printed: str, *, magnitude: int = 1) -> bool:
    """Whether a count, rounded to as many digits as are printed, is the printed figure.

    Raises:
        ValueError: `printed` is no figure, see `parse_figure`.
    """
    figure = parse_figure(printed, magnitude=magnitude)
    rounded = (Decimal(value) / figure.magnitude).quantize(figure.digits, rounding=ROUND_HALF_UP)
    return rounded == figure.digits
