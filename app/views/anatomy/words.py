"""Words and formulas of the page "Anatomy": shapes, and the arithmetic of the followed value."""

from collections.abc import Mapping, Sequence

from dysample.explain.anatomy import Anatomy, StageName, Sums, Trace, place
from dysample.explain.footprint import Pair

STAGES: Mapping[StageName, str] = {
    "input": "X",
    "linear": "linear",
    "factor": "scope",
    "scope": "× scope",
    "shuffle": "pixel shuffle",
    "grid": "+ grid",
    "sample": "sample",
}
_MOST_TERMS = 6  # longer sums are not written out
_TERMS_A_LINE = 2
_NEW_LINE = r"\\"


def section(anatomy: Anatomy, name: StageName) -> str:
    """Return the heading of the text about a stage in `texts.md`."""
    if name in ("linear", "shuffle"):
        return f"{name} {anatomy.op.style}"
    if name == "scope":
        return f"{name} {'static' if anatomy.op.scope is None else 'dynamic'}"
    return name


def shape(anatomy: Anatomy, name: StageName) -> str:
    """Return the shape of a stage and what its channels are."""
    op, stage = anatomy.op, anatomy.stage(name)
    channels, rows, columns = stage.values.shape[1:]
    groups = f"{op.groups} group{'s' if op.groups > 1 else ''}"
    many = f"{channels} channel{'s' if channels > 1 else ''}"
    if stage.kind == "offsets":
        subs = "" if name in anatomy.shuffled else f" × {op.scale**2} sub-positions"
        many = f"2 axes × {groups}{subs} = {many}"
    times = f", {op.scale} times the map’s" if name in anatomy.shuffled else ""
    return f"**{channels} × {rows} × {columns}**: {many}, {rows} rows × {columns} columns{times}"


def lead(name: StageName, followed: Trace) -> str:
    """Return the sentence that leads to the formula of a stage."""
    row, column = followed.at
    if name == "input":
        low_row, low_column = followed.cell
        return (
            f"Output pixel (row {row}, column {column}) lies in low-res pixel ({low_row}, {low_column}), "
            "whose features are"
        )
    return f"For output pixel (row {row}, column {column}):"


def formula(anatomy: Anatomy, name: StageName, followed: Trace) -> str:
    """Return the arithmetic of a stage for the followed value as LaTeX."""
    match name:
        case "input":
            return _of_input(anatomy, followed)
        case "linear":
            return _aligned(_weighted(followed.linear), followed.raw)
        case "factor" if followed.factor is not None:
            limit = f"{2 * anatomy.op.scope_factor:g}"
            opening = rf"{limit}\,\mathrm{{sigmoid}}({_NEW_LINE}&\quad "
            sums = [f"{opening}{side})" for side in _weighted(followed.factor)]
            return _aligned(sums, followed.scope)
        case "scope":
            raws = zip(followed.scope, followed.raw, strict=True)
            return _aligned([rf"{number(scope)} \cdot {term(raw)}" for scope, raw in raws], followed.offset)
        case "shuffle":
            return _of_shuffle(anatomy, followed)
        case "grid":
            starts = zip(followed.initial, followed.offset, strict=True)
            return _aligned([f"{number(start)} {signed(offset)}" for start, offset in starts], followed.point)
        case _:
            return _of_sample(followed)


def _of_input(anatomy: Anatomy, followed: Trace) -> str:
    row, column = followed.cell
    values = anatomy.stage("input").values[0, :, row, column].tolist()
    if len(values) > _MOST_TERMS:
        value = number(values[followed.channel])
        return rf"\mathcal{{X}}[{followed.channel}, {row}, {column}] = \mathbf{{{value}}}"
    listed = r",\;".join(number(value) for value in values)
    return rf"\mathcal{{X}}[:, {row}, {column}] = ({listed})"


def _of_shuffle(anatomy: Anatomy, followed: Trace) -> str:
    op = anatomy.op
    sub, row, column = place(anatomy, "input", followed.at)
    to_row, to_column = followed.at
    if op.style == "pl":
        new = followed.channel // op.scale**2
        value = anatomy.stage("shuffle").values[0, new, to_row, to_column].item()
        old = new * op.scale**2 + sub
        return (
            rf"\begin{{aligned}}&\mathcal{{X}}[{old}, {row}, {column}]\\&\to "
            rf"\mathcal{{X}}_{{\mathrm{{shuffled}}}}[{new}, {to_row}, {to_column}]\\"
            rf"&= \mathbf{{{number(value)}}}\end{{aligned}}"
        )
    lines: list[str] = []
    for index, axis in enumerate("xy"):
        new = index * op.groups + followed.group
        old = new * op.scale**2 + sub
        lines.append(
            rf"{axis}:\; & \mathcal{{O}}[{old}, {row}, {column}] \to "
            rf"\mathcal{{O}}[{new}, {to_row}, {to_column}] = \mathbf{{{number(followed.offset[index])}}}"
        )
    return r"\begin{aligned}" + _NEW_LINE.join(lines) + r"\end{aligned}"


def _of_sample(followed: Trace) -> str:
    products = [rf"{number(tap.weight, 3)} \cdot {term(tap.value)}" for tap in followed.taps]
    row, column = followed.at
    plain = rf"\text{{(bilinear: }}{number(followed.before)}\text{{)}}"
    lines = (
        rf"&\mathcal{{X}}'[{followed.channel}, {row}, {column}]",
        "&= " + r"\\&\quad + ".join(products),
        rf"&= \mathbf{{{number(followed.value)}}} \quad{plain}",
    )
    return rf"\begin{{aligned}}{_NEW_LINE.join(lines)}\end{{aligned}}"


def _aligned(sides: Sequence[str], results: Pair) -> str:
    """Return two aligned equations, one for x and one for y."""
    lines = [
        rf"{axis}:\; & {side}{_break(side)} = \mathbf{{{number(result)}}}"
        for axis, side, result in zip("xy", sides, results, strict=True)
    ]
    return r"\begin{aligned}" + _NEW_LINE.join(lines) + r"\end{aligned}"


def _break(side: str) -> str:
    """Return a line break if the last of several lines is full."""
    *before, last = side.split(_NEW_LINE)
    return r"\\&\quad" if before and last.count(r"\cdot") == _TERMS_A_LINE else ""


def _weighted(sums: Sums) -> list[str]:
    """Return the weighted sums of a linear layer for x and y; long ones in sigma notation."""
    count = len(sums.inputs)
    lines: list[str] = []
    for axis, weights, bias in zip("xy", sums.weights, sums.bias, strict=True):
        if count > _MOST_TERMS:
            body = rf"\textstyle\sum_{{k=0}}^{{{count - 1}}} w^{{{axis}}}_k\,\mathcal{{X}}_k"
            body += f" {signed(bias)}" if any(sums.bias) else ""
        else:
            products = zip(weights, sums.inputs, strict=True)
            parts = [rf"{signed(weight)} \cdot {term(value)}" for weight, value in products]
            parts += [signed(bias)] if any(sums.bias) else []
            rows = [" ".join(parts[at : at + _TERMS_A_LINE]) for at in range(0, len(parts), _TERMS_A_LINE)]
            body = r"\\&\quad ".join(rows).removeprefix("+ ")
        lines.append(body)
    return lines


def number(value: float, digits: int = 2) -> str:
    """Format a number, without a minus sign before zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def signed(value: float) -> str:
    """Format a number to be added: its sign, a space, its magnitude."""
    return f"{'-' if round(value, 2) < 0 else '+'} {number(abs(value))}"


def term(value: float) -> str:
    """Format a factor: negative numbers in brackets."""
    return f"({number(value)})" if round(value, 2) < 0 else number(value)


def pair(values: Pair) -> str:
    """Format (x, y) for sentences."""
    return f"({number(values[0])}, {number(values[1])})".replace("-", "−")
