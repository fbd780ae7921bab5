"""The report of parameters and multiply-accumulates as Markdown."""

from collections.abc import Sequence

from dysample.measure.complexity import (
    GIGA,
    ComplexityReport,
    ComplexityRow,
    HostComplexity,
    HostSpec,
    ParameterCount,
    WholeNetwork,
)
from dysample.measure.macs import PAPER, TRUE, Cost
from dysample.ops.registry import OPERATORS

NOTHING = "–"
_COLUMNS = (
    "upsampler",
    "parameters",
    "weights only",
    "paper's parameters",
    "MACs, true",
    "MACs, paper's rule",
    "paper's MACs",
    "note",
)
_CONVENTIONS = f"""\
**Parameters** are all numbers that training adjusts. **Weights only** leaves out biases and the factors \
and shifts of normalisation layers: it counts tensors of two or more dimensions. The paper's figures are \
such counts, rounded to the printed digits.

**MACs** are multiply-accumulates of one forward pass of one image: one multiplication of two values that \
the network holds or computes, with the addition of the product to a sum if there is one. They are \
counted while the operator runs, operation by operation; an operation that the counter does not know \
leaves the cell empty, with its name. Convolutions (their padding included), matrix products and products \
of two maps count. Multiplications by a constant, divisions, additions, activations, softmax, \
normalisation, pooling and copies do not. What the paper calls FLOPs are MACs, too. G stands for a \
thousand millions.

| | MACs, true | MACs, paper's rule |
| :-- | :-- | :-- |
| transposed convolution (Deconv) | the kernel once for every *{TRUE.deconvolution}* pixel: what is done \
| the kernel once for every *{PAPER.deconvolution}* pixel, four times as many |
| sampling at a point (DySample) | {TRUE.sampled} for every output element: its four neighbours \
| {PAPER.sampled}: 6 multiplications and 5 additions |
| bilinear interpolation | {TRUE.interpolated} for every output element | {PAPER.interpolated} |
| everything else | as above | the same |

The paper's rule is the one that gives the paper's figures; the paper itself does not state it. The \
last columns of each group hold its figures as they are printed, as an increase over plain interpolation; \
a number in the column *note* leads to the reason where ours, rounded, is another. The MACs are those of \
the upsamplers themselves: the plain interpolation that they replace is not taken off."""


def to_markdown(report: ComplexityReport) -> str:
    """Return a report as Markdown."""
    parts = [
        "# Parameters and multiply-accumulates of the upsamplers",
        "Every upsampler of the package, at every place where a network of the paper enlarges a map by two, "
        "beside the paper's figures (Liu, Lu, Fu, Cao: *Learning to Upsample by Learning to Sample*, ICCV "
        f"2023). Made by `{report.command}` with dysample-lab {report.dysample} and PyTorch {report.torch}; "
        "all of it is counted, not timed, so it is the same on every machine.",
        f"## How it is counted\n\n{_CONVENTIONS}",
        *(host_section(part) for part in report.hosts),
        _whole(report.whole),
    ]
    return "\n\n".join(parts) + "\n"


def host_section(part: HostComplexity) -> str:
    """Return the section of the report about one network."""
    notes = list(dict.fromkeys(note for row in part.rows for note in _notes(row)))
    table = part.source.partition(":")[0] if part.source else None
    figures = f"The paper's figures: its {table}." if table else "No table of the paper has figures."
    lines = [
        f"## {part.host.label}",
        "",
        part.host.note,
        "",
        f"Maps that are enlarged (channels × rows × columns): {_sites(part.host)}. {figures}",
        "",
        _line(_COLUMNS),
        _line([":--", *("--:" for _ in _COLUMNS[1:])]),
        *(_line(_cells(row, notes)) for row in part.rows),
        *(["", *(f"{number}. {note}" for number, note in enumerate(notes, start=1))] if notes else []),
    ]
    return "\n".join(lines)


def _whole(whole: WholeNetwork) -> str:
    columns = _COLUMNS[1:-1]
    cells = _costs(
        whole.parameters, whole.paper_parameters, whole.macs, whole.macs_paper_rule, whole.paper_macs
    )
    lines = [
        "## A whole network: SegFormer-B1 with bilinear upsampling",
        "",
        "Encoder and head with all their layers, 150 classes, a picture of 512×512. The paper's figures are "
        "those of its Table 4. The two rules differ by the seven interpolations. The authors' tool adds "
        "biases, normalisation and ReLU, 0.034 G together, which do not count here.",
        "",
        _line(columns),
        _line(["--:" for _ in columns]),
        _line(cells),
    ]
    return "\n".join(lines)


def _cells(row: ComplexityRow, notes: Sequence[str]) -> list[str]:
    numbers = ", ".join(str(notes.index(note) + 1) for note in _notes(row))
    costs = _costs(row.parameters, row.paper_parameters, row.macs, row.macs_paper_rule, row.paper_macs)
    return [OPERATORS[row.upsampler].label, *costs, numbers]


def _costs(
    count: ParameterCount, paper_count: str | None, macs: Cost, by_paper: Cost, paper_macs: str | None
) -> list[str]:
    return [
        f"{count.all:,}",
        f"{count.weights_only:,}",
        paper_count or NOTHING,
        _giga(macs),
        _giga(by_paper),
        f"{paper_macs} G" if paper_macs else NOTHING,
    ]


def _giga(cost: Cost) -> str:
    return NOTHING if cost.value is None else f"{cost.value / GIGA:.3f} G"


def _notes(row: ComplexityRow) -> list[str]:
    """Return the notes on a row, with a reason that both rules share only once."""
    unknown = [f"No MACs: {cost.method}." for cost in (row.macs, row.macs_paper_rule) if cost.value is None]
    return list(dict.fromkeys([*unknown, *row.notes]))


def _sites(host: HostSpec) -> str:
    return ", ".join(f"{site.channels}×{site.height}×{site.width}" for site in host.sites)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
