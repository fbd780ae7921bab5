"""What every operator costs in every network of the paper, ours beside the paper's figures, as one record."""

import json
import warnings
from dataclasses import asdict, dataclass
from importlib.metadata import version

import torch

from dysample.analysis.complexity.counting import (
    META,
    ParameterCount,
    added_macs,
    added_parameters,
    parameters,
)
from dysample.analysis.complexity.macs import PAPER, TRUE, count_macs
from dysample.analysis.complexity.sites import HOSTS, Host
from dysample.analysis.cost import Cost
from dysample.analysis.paper import PaperTable, known_difference, paper_table, prints_as
from dysample.models.encoder import Encoder
from dysample.models.host import SegmentationHost
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.registry import OPERATORS

GIGA = 10**9
ADE20K_CLASSES = 150
UNEXPLAINED = "The paper's figure is another, and the reason is not known."


@dataclass(frozen=True, slots=True)
class ComplexityRow:
    """One operator in one network; all sites together.

    Attributes:
        upsampler: Key in `OPERATORS`.
        parameters: Of the operator.
        paper_parameters: The paper's figure as printed; None where it has none.
        macs: Of the operator, for one image, as they are.
        macs_paper_rule: The same by the paper's rule.
        paper_macs: The paper's figure as printed, in thousand millions; None where it has none.
        notes: Why figures of the paper differ, in sentences.
    """

    upsampler: str
    parameters: ParameterCount
    paper_parameters: str | None
    macs: Cost
    macs_paper_rule: Cost
    paper_macs: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostComplexity:
    """One network.

    Attributes:
        host: Its sites.
        source: Title of the paper's table; None where no table has figures.
        rows: In the order of `OPERATORS`.
    """

    host: Host
    source: str | None
    rows: tuple[ComplexityRow, ...]


@dataclass(frozen=True, slots=True)
class WholeNetwork:
    """SegFormer-B1 with bilinear upsampling, built with all its layers and counted.

    Attributes:
        parameters: Of encoder and head.
        paper_parameters: The paper's figure as printed.
        macs: For one picture of 512 x 512, as they are.
        macs_paper_rule: The same by the paper's rule.
        paper_macs: The paper's figure as printed, in thousand millions.
    """

    parameters: ParameterCount
    paper_parameters: str
    macs: Cost
    macs_paper_rule: Cost
    paper_macs: str


@dataclass(frozen=True, slots=True)
class ComplexityReport:
    """All networks.

    Attributes:
        command: The command line that makes it again.
        dysample: Version of this package.
        torch: Version of PyTorch.
        whole: The one network that is built completely.
        hosts: Those of `HOSTS`.
    """

    command: str
    dysample: str
    torch: str
    whole: WholeNetwork
    hosts: tuple[HostComplexity, ...]


def complexity_report(command: str) -> ComplexityReport:
    """Count everything; takes a minute at most.

    Args:
        command: The command line that asked for it, to be written into the report.
    """
    return ComplexityReport(
        command=command,
        dysample=version("dysample-lab"),
        torch=torch.__version__,
        whole=whole_network(),
        hosts=tuple(host_complexity(host) for host in HOSTS.values()),
    )


def to_json(report: ComplexityReport) -> str:
    """Write a report for programs: every integer, every figure of the paper as printed."""
    return json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n"


def host_complexity(host: Host) -> HostComplexity:
    """Count every operator in one network."""
    table = paper_table(host.table) if host.table else None
    rows = tuple(_row(name, host, table) for name in OPERATORS)
    return HostComplexity(host, table.title if table else None, rows)


def segformer_b1() -> SegmentationHost:
    """The paper's SegFormer-B1 for ADE20K, with bilinear upsampling; without numbers, only to be counted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the encoder's package, about its own imports
        encoder = Encoder("mit_b1")
    return SegmentationHost(encoder, SegFormerHead(encoder.channels, classes=ADE20K_CLASSES)).eval().to(META)


def whole_network() -> WholeNetwork:
    """Count SegFormer-B1 with bilinear upsampling."""
    host, table = segformer_b1(), paper_table("table4").where("upsampler", "bilinear")
    picture = torch.empty(1, 3, *HOSTS["segformer-b1"].picture, device=META)
    return WholeNetwork(
        parameters=parameters(host),
        paper_parameters=table.column("params")[0],
        macs=count_macs(host, picture, rule=TRUE),
        macs_paper_rule=count_macs(host, picture, rule=PAPER),
        paper_macs=table.column("gflops")[0],
    )


def _row(upsampler: str, host: Host, table: PaperTable | None) -> ComplexityRow:
    count, by_paper = added_parameters(upsampler, host), added_macs(upsampler, host, rule=PAPER)
    parameters_printed, macs_printed = (
        _increase(table, column, upsampler) for column in ("params", "gflops")
    )
    notes: list[str] = []
    if parameters_printed and not prints_as(count.weights_only, parameters_printed):
        notes.append(_reason(host, "params", upsampler))
    if macs_printed and not (by_paper.value and prints_as(int(by_paper.value), macs_printed, magnitude=GIGA)):
        notes.append(_reason(host, "gflops", upsampler))
    return ComplexityRow(
        upsampler=upsampler,
        parameters=count,
        paper_parameters=parameters_printed,
        macs=added_macs(upsampler, host, rule=TRUE),
        macs_paper_rule=by_paper,
        paper_macs=macs_printed,
        notes=tuple(notes),
    )


def _increase(table: PaperTable | None, column: str, upsampler: str) -> str | None:
    """The printed increase over plain interpolation; rows of that have a total instead."""
    if table is None or column not in table.columns:
        return None
    cells = table.where("upsampler", upsampler).column(column)
    return cells[0] if cells and cells[0].startswith("+") else None


def _reason(host: Host, column: str, upsampler: str) -> str:
    known = known_difference(host.table or "", column, upsampler)
    return known.reason if known else UNEXPLAINED
