"""Parameters and operations of every operator in every network of the paper, beside the paper's figures."""

import json
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version

import torch
from torch import nn

from dysample.measure.macs import PAPER, TRUE, UNIT, Cost, MacRule, count_macs
from dysample.models.encoder import Encoder
from dysample.models.host import SegmentationHost
from dysample.models.segformer_head import SegFormerHead
from dysample.ops.registry import OPERATORS, build, operator_spec
from dysample.scores.paper import PaperTable, known_difference, paper_table, prints_as


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """One enlargement by two in a network.

    Attributes:
        channels: Channels of the enlarged map.
        guide_channels: Channels of the high-res guide, twice as high and wide.
        height: Rows of the low-res map.
        width: Columns of the low-res map.
    """

    channels: int
    guide_channels: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class HostSpec:
    """The upsampling of a network of the paper.

    Attributes:
        label: Display name.
        picture: Height and width of the network's input, padding included.
        sites: Its enlargements, each with its own weights.
        table: Name of the paper's table of their costs, for `paper_table`; None if there is none.
        note: Explanation of the sites, in whole sentences.
    """

    label: str
    picture: tuple[int, int]
    sites: tuple[SiteSpec, ...]
    table: str | None
    note: str


def _pyramid(height: int, width: int, *, steps: int) -> tuple[SiteSpec, ...]:
    """Return the sites of a pyramid with 256 channels, guides included, from the coarsest map on."""
    return tuple(SiteSpec(256, 256, height << step, width << step) for step in range(steps))


# Three sites carry level 4 up, two carry level 3, one carries level 2 (the order of `SegFormerHead`).
_SEGFORMER = (*_pyramid(16, 16, steps=3), *_pyramid(32, 32, steps=2), *_pyramid(64, 64, steps=1))

_DEPTHFORMER = (
    SiteSpec(768, 384, 13, 17),
    SiteSpec(384, 192, 26, 34),
    SiteSpec(192, 96, 52, 68),
    SiteSpec(96, 64, 104, 136),
)

HOSTS: Mapping[str, HostSpec] = {
    "segformer-b1": HostSpec(
        "SegFormer-B1",
        (512, 512),
        _SEGFORMER,
        "table4",
        "Six upsamplers at 256 channels: the four maps of the encoder are projected to that width, then "
        "enlarged to stride 4 in three, two and one steps. The guide is the projected map of the output's "
        "size.",
    ),
    "maskformer": HostSpec(
        "MaskFormer, pixel decoder",
        (640, 640),
        _pyramid(20, 20, steps=3),
        None,
        "Three upsamplers of a feature pyramid with 256 channels. The paper gives no figures in a table; its "
        "introduction says that DySample needs 3 % of CARAFE's parameters and 20 % of its operations on "
        "MaskFormer, which is what DySample-S+ comes to here.",
    ),
    "faster-rcnn": HostSpec(
        "Faster R-CNN, feature pyramid",
        (832, 1344),
        _pyramid(13, 21, steps=4),
        "table6",
        "Four upsamplers at 256 channels: the pyramid has a level of stride 64, which is upsampled too. "
        "Pictures of 800×1333 are padded to multiples of 64.",
    ),
    "mask-rcnn": HostSpec(
        "Mask R-CNN, feature pyramid",
        (832, 1344),
        _pyramid(13, 21, steps=4),
        "table6",
        "The paper's Table 7 lists no parameters; its caption says that they increase as in Faster R-CNN "
        "(Table 6), so the sites are the same four. Its text speaks of three, which would not go together.",
    ),
    "panoptic-fpn": HostSpec(
        "Panoptic FPN, feature pyramid",
        (800, 1344),
        _pyramid(25, 42, steps=3),
        "table8",
        "Three upsamplers at 256 channels. Pictures of 800×1333 are padded to multiples of 32.",
    ),
    "depthformer": HostSpec(
        "DepthFormer (Swin-T), fusion head",
        (416, 544),
        _DEPTHFORMER,
        "table9",
        "Four upsamplers with 768, 384, 192 and 96 channels; the guides are the encoder's maps beside them, "
        "with 384, 192, 96 and 64.",
    ),
}


# --- Counts ---


META = torch.device("meta")  # shapes alone: nothing is stored or computed


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Number of trainable parameters.

    Attributes:
        all: All parameters.
        weights_only: Those in tensors of two or more dimensions: without biases and the factors and
            shifts of normalisation. The paper's figures are such counts, except `KNOWN_DIFFERENCES`.
    """

    all: int
    weights_only: int

    def __add__(self, other: "ParameterCount") -> "ParameterCount":
        return ParameterCount(self.all + other.all, self.weights_only + other.weights_only)

    def __mul__(self, times: int) -> "ParameterCount":
        return ParameterCount(self.all * times, self.weights_only * times)


NO_PARAMETERS = ParameterCount(0, 0)


def parameters(module: nn.Module) -> ParameterCount:
    """Count the parameters of a module; shared ones count once."""
    sizes = [(parameter.ndim, parameter.numel()) for parameter in module.parameters()]
    return ParameterCount(
        all=sum(count for _, count in sizes),
        weights_only=sum(count for dimensions, count in sizes if dimensions >= 2),
    )


def site_parameters(operator: str, site: SiteSpec) -> ParameterCount:
    """Count the parameters of an operator at a site.

    Raises:
        ValueError: The operator is unknown, or cannot have the channels of the site.
    """
    return parameters(_made_for(operator, site))


@cache  # hosts have sites in common
def site_macs(operator: str, site: SiteSpec, *, rule: MacRule = TRUE) -> Cost:
    """Count the multiply-accumulates of an operator at a site, for one image.

    Raises:
        ValueError: The operator is unknown, or cannot have the channels of the site.
    """
    spec = operator_spec(operator)
    x = torch.empty(1, site.channels, site.height, site.width, device=META)
    guide = torch.empty(1, site.guide_channels, 2 * site.height, 2 * site.width, device=META)
    return count_macs(_made_for(operator, site), *spec.inputs(x, guide), rule=rule)


def added_parameters(operator: str, host: HostSpec) -> ParameterCount:
    """Count the parameters that an operator adds at all sites of a host."""
    return sum((site_parameters(operator, site) for site in host.sites), start=NO_PARAMETERS)


def added_macs(operator: str, host: HostSpec, *, rule: MacRule = TRUE) -> Cost:
    """Count the multiply-accumulates of an operator at all sites of a host, for one image.

    The interpolation that it replaces is not subtracted; `added_macs("bilinear", host)` has its cost.
    """
    total = 0
    for site, times in Counter(host.sites).items():
        cost = site_macs(operator, site, rule=rule)
        if cost.value is None:
            return cost
        total += int(cost.value) * times
    return Cost(total, UNIT, rule.method)


def _made_for(operator: str, site: SiteSpec) -> nn.Module:
    with META:
        return build(operator, site.channels, scale=2, guide_channels=site.guide_channels).eval()


GIGA = 10**9
ADE20K_CLASSES = 150
UNEXPLAINED = "The paper's figure is another, and the reason is not known."


@dataclass(frozen=True, slots=True)
class ComplexityRow:
    """One operator at all sites of one network.

    Attributes:
        upsampler: Key in `OPERATORS`.
        parameters: Parameters of the operator.
        paper_parameters: The paper's figure as printed; None if it has none.
        macs: True MACs of the operator for one image.
        macs_paper_rule: MACs by the paper's rule.
        paper_macs: The paper's figure as printed, in thousand millions; None if it has none.
        notes: Why the paper's figures differ, in sentences.
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
    """All operators in one network.

    Attributes:
        host: The network's sites.
        source: Title of the paper's table; None if no table has figures.
        rows: One row per operator, in the order of `OPERATORS`.
    """

    host: HostSpec
    source: str | None
    rows: tuple[ComplexityRow, ...]


@dataclass(frozen=True, slots=True)
class WholeNetwork:
    """Counts of SegFormer-B1 with bilinear upsampling, built with all its layers.

    Attributes:
        parameters: Parameters of encoder and head.
        paper_parameters: The paper's figure as printed.
        macs: True MACs for one picture of 512 x 512.
        macs_paper_rule: MACs by the paper's rule.
        paper_macs: The paper's figure as printed, in thousand millions.
    """

    parameters: ParameterCount
    paper_parameters: str
    macs: Cost
    macs_paper_rule: Cost
    paper_macs: str


@dataclass(frozen=True, slots=True)
class ComplexityReport:
    """Counts of all networks.

    Attributes:
        command: Command line that repeats the report.
        dysample: Version of this package.
        torch: Version of PyTorch.
        whole: The one network that is built completely.
        hosts: The networks of `HOSTS`.
    """

    command: str
    dysample: str
    torch: str
    whole: WholeNetwork
    hosts: tuple[HostComplexity, ...]


def complexity_report(command: str) -> ComplexityReport:
    """Count everything, which takes at most a minute.

    Args:
        command: Command line that repeats the report, to be written into it.
    """
    return ComplexityReport(
        command=command,
        dysample=version("dysample-lab"),
        torch=torch.__version__,
        whole=whole_network(),
        hosts=tuple(host_complexity(host) for host in HOSTS.values()),
    )


def to_json(report: ComplexityReport) -> str:
    """Return a report as JSON, with every integer and every figure of the paper as printed."""
    return json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n"


def host_complexity(host: HostSpec) -> HostComplexity:
    """Count every operator in one network."""
    table = paper_table(host.table) if host.table else None
    rows = tuple(_row(name, host, table) for name in OPERATORS)
    return HostComplexity(host, table.title if table else None, rows)


def segformer_b1() -> SegmentationHost:
    """Build the paper's SegFormer-B1 for ADE20K with bilinear upsampling on the meta device."""
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


def _row(upsampler: str, host: HostSpec, table: PaperTable | None) -> ComplexityRow:
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
    """Return the printed increase over plain interpolation, whose own rows print a total instead."""
    if table is None or column not in table.columns:
        return None
    cells = table.where("upsampler", upsampler).column(column)
    return cells[0] if cells and cells[0].startswith("+") else None


def _reason(host: HostSpec, column: str, upsampler: str) -> str:
    known = known_difference(host.table or "", column, upsampler)
    return known.reason if known else UNEXPLAINED
