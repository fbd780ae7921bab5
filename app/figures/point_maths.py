"""One output pixel as equations with its numbers in, in LaTeX."""

from dysample.analysis.one_point import OnePoint
from dysample.analysis.reading import Move, Pair

_TERMS = 4  # of a kernel's sum that are written out


def number(value: float) -> str:
    """Four significant digits."""
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    return rf"{mantissa}\cdot10^{{{int(exponent)}}}" if exponent else mantissa


def move_latex(move: Move) -> str:
    """From the raw offset to the sampling position (Eqs. 3-5)."""
    scope, offset = _pair(move.scope), _pair(move.offset)
    lines = [r"\mathcal{S} &= \mathcal{G} + \mathcal{O}"]
    if any(move.scope):
        raw = _pair((_ratio(move.offset[0], move.scope[0]), _ratio(move.offset[1], move.scope[1])))
        first = r"0.5\,\sigma(\mathrm{linear}_1(\mathcal{X}))" if move.dynamic else number(move.scope[0])
        second = r"\mathrm{linear}_2(\mathcal{X})" if move.dynamic else r"\mathrm{linear}(\mathcal{X})"
        times = rf"{scope} \odot {raw}" if move.dynamic else rf"{number(move.scope[0])} \cdot {raw}"
        lines[:0] = [
            rf"\mathcal{{O}} &= {first} \cdot {second}",
            rf"&= {times}",
            rf"&= {offset}",
        ]
    lines += [rf"&= {_pair(move.initial)} + {offset}", rf"&= {_pair(move.position)}"]
    return _aligned(lines)


def weights_latex(move: Move) -> str:
    """The four bilinear weights, as areas."""
    a, b = ((place - 0.5) % 1 for place in move.read)
    names = (
        (r"\nwarrow", "(1-a)(1-b)"),
        (r"\nearrow", "a\\,(1-b)"),
        (r"\swarrow", "(1-a)\\,b"),
        (r"\searrow", "a\\,b"),
    )
    weights = [
        rf"w_{{{arrow}}} &= {formula} = {number(weight)}"
        for (arrow, formula), weight in zip(names, move.corners, strict=True)
    ]
    return _aligned([rf"a &= {number(a)}, \quad b = {number(b)}", *weights])


def sum_latex(point: OnePoint) -> str:
    """The weighted sum, term by term; of a large kernel the largest terms and the sum of the others."""
    terms = list(zip(point.reading.weights, point.values, strict=True))
    if len(terms) > _TERMS:
        terms.sort(key=lambda term: -term[0])
    written = [rf"{number(weight)} \cdot {_signed(value)}" for weight, value in terms[:_TERMS]]
    rest = terms[_TERMS:]
    if rest:
        total = sum(weight * value for weight, value in rest)
        written.append(rf"{_signed(total)} \quad \text{{({len(rest)} smaller weights)}}")
    lines = [rf"x'_{{{point.reading.channel}}} &= \sum_i w_i\,x_i"]
    lines += [f"&{'=' if index == 0 else '+'} {term}" for index, term in enumerate(written)]
    return _aligned([*lines, rf"&= {number(point.after)}"])


def _ratio(offset: float, scope: float) -> float:
    return offset / scope if scope else 0.0


def _pair(values: Pair) -> str:
    return rf"({number(values[0])},\, {number(values[1])})"


def _signed(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)


def _aligned(lines: list[str]) -> str:
    return r"\begin{aligned}" + r"\\".join(lines) + r"\end{aligned}"
