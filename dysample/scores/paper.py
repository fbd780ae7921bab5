"""The paper's tables as printed, and whether a number of ours rounds to a printed figure.

Liu, Lu, Fu, Cao: Learning to Upsample by Learning to Sample, ICCV 2023.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from dysample.ops.registry import operator_spec

FOLDER = Path(__file__).with_name("paper_tables")
TABLES = (*(f"table{number}" for number in range(1, 10)), "figure8")
_MAGNITUDES: Mapping[str, int] = {"K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One table, with every cell as printed.

    Attributes:
        title: Number and subject, such as "Table 4: ...".
        source: The paper.
        columns: Names of the columns; "upsampler" holds keys of `OPERATORS`.
        rows: Cells of each row, in the order of the columns.
    """

    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> tuple[str, ...]:
        """Return the cells of a column, from top to bottom.

        Raises:
            ValueError: There is no such column.
        """
        index = self._index(name)
        return tuple(row[index] for row in self.rows)

    def where(self, column: str, value: str) -> "PaperTable":
        """Return the table reduced to the rows that have `value` in a column.

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


@dataclass(frozen=True, slots=True)
class PrintedScore:
    """A score of an upsampler in one of the paper's tables.

    Attributes:
        upsampler: Name in `OPERATORS`.
        value: As printed.
        gain: Less that of plain interpolation in the same network, rounded to the printed digits.
        row: Number of the row in the table, from 1.
    """

    upsampler: str
    value: float
    gain: float
    row: int


def printed_scores(name: str, column: str, rows: Mapping[str, str]) -> tuple[PrintedScore, ...]:
    """Return the scores of a column of a table, and what each gains over plain interpolation.

    Plain interpolation is the first row: bilinear in some networks, nearest in others.

    Args:
        name: Name of the table.
        column: Column of the scores.
        rows: Values that the rows have in other columns, such as `{"backbone": "r50"}`.

    Raises:
        ValueError: There is no such table or column, or the first such row is not plain interpolation.
    """
    table = paper_table(name)
    chosen = table
    for key, value in rows.items():
        chosen = chosen.where(key, value)
    upsamplers, values = chosen.column("upsampler"), [Decimal(cell) for cell in chosen.column(column)]
    if not upsamplers or operator_spec(upsamplers[0]).family != "fixed":
        raise ValueError(f"rows of {table.title} with {dict(rows)} must begin with plain interpolation")
    return tuple(
        PrintedScore(upsampler, float(value), float(value - values[0]), 1 + table.rows.index(row))
        for upsampler, value, row in zip(upsamplers, values, chosen.rows, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A printed count.

    Attributes:
        digits: The number as printed, without plus sign and letter.
        magnitude: Its unit: 1, a thousand, a million or a thousand millions.
    """

    digits: Decimal
    magnitude: int


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """A figure of the paper that our number does not round to, and the reason.

    Attributes:
        table: Name of the table, such as "table4".
        column: Column of the figure.
        upsampler: Row of the figure.
        reason: The reason, in a sentence.
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


def known_difference(table: str, column: str, upsampler: str) -> KnownDifference | None:
    """Return the known difference of a figure of the paper to ours, if any."""
    rows = (d for d in KNOWN_DIFFERENCES if (d.table, d.column, d.upsampler) == (table, column, upsampler))
    return next(rows, None)


def parse_figure(printed: str, *, magnitude: int = 1) -> Figure:
    """Read a printed count such as "+49.2K".

    Args:
        printed: An optional plus sign, digits, and K, M, G or nothing.
        magnitude: Unit of the column, which applies if the number has no letter.

    Raises:
        ValueError: The text is not a count.
    """
    parts = re.fullmatch(r"\+?(\d+(?:\.\d+)?)([KMG]?)", printed)
    if parts is None:
        raise ValueError(f"a figure must read like '+49.2K', got {printed!r}")
    return Figure(Decimal(parts[1]), _MAGNITUDES.get(parts[2], magnitude))


def prints_as(value: int, printed: str, *, magnitude: int = 1) -> bool:
    """Return whether a count, rounded to the printed digits, equals the printed figure.

    Raises:
        ValueError: `printed` is not a count, see `parse_figure`.
    """
    figure = parse_figure(printed, magnitude=magnitude)
    rounded = (Decimal(value) / figure.magnitude).quantize(figure.digits, rounding=ROUND_HALF_UP)
    return rounded == figure.digits
