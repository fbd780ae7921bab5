"""Swap upsamplers in third-party networks, and tabulate the results.

python -m scripts.swap_zoo --out docs/swap-zoo.md
"""

import argparse
import copy
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dysample.markdown import to_table
from dysample.measure.macs import Cost
from dysample.ops.dysample import DySample
from dysample.swap import Site, SwapReport, swap_upsamplers
from dysample.swap.inputs import tensors_in
from dysample.trial.deploy import COMPILE, EXPORT, Try, attempt
from dysample.trial.plan import difference, outputs, zero_offsets
from scripts.swap_zoo_models import ZOO, ZooModel

INTRODUCTION = """# What a swap does to networks of other people

Small configurations with random weights. *Difference* is the largest of an output from the original
model's, in units of that output's largest value, where all offsets are zero: rounding where every
swapped site enlarges by 2; more where one is bilinear and enlarges by 4 or more, since repeated ×2
bilinear is not one-shot bilinear. *On request*: sites that `where` can choose, such as those with
`align_corners=True`, learned ones and the last enlargement of the prediction. Where nothing is swapped
unasked, a second row has the interpolations that can be, on request; their corners are no longer
aligned, which makes the difference.
*Trains*: every new weight gets a gradient. *Compiles*: `torch.compile(fullgraph=True)` gives the same
(its backend "aot_eager" captures the graphs and generates no code). *Exports*: `torch.export` does. Of
detectors the backbone with its feature pyramid is compared, compiled and exported.

Made by `python -m scripts.swap_zoo --out docs/swap-zoo.md`.
"""


@dataclass(frozen=True, slots=True)
class ZooRow:
    """Results of a swap in one network.

    Attributes:
        name: Name of the network.
        report: Report of the swap.
        difference: Difference of the output with zero offsets from the original's.
        trains: Whether every new weight gets a gradient.
        compiles: Whether it compiles, in words.
        exports: Whether it exports, in words.
    """

    name: str
    report: SwapReport
    difference: Cost
    trains: bool
    compiles: str
    exports: str


def main() -> None:
    """Try all networks, or those named on the command line, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", help="parts of names (default: all)")
    parser.add_argument("--details", action="store_true", help="print every site too")
    parser.add_argument("--out", type=Path, help="write the table to this file, as Markdown")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # libraries warn on every compilation
    rows = list[ZooRow]()
    for entry in ZOO:
        if options.model and not any(part in entry.name for part in options.model):
            continue
        print(f"{entry.name} ...", file=sys.stderr, flush=True)
        for row in _rows(entry):
            rows.append(row)
            if options.details:
                print(f"{row.name}\n{row.report}\n", flush=True)
            print(table([row]).splitlines()[-1], flush=True)
    if options.out:
        options.out.write_text(f"{INTRODUCTION}\n{table(rows)}\n", encoding="utf-8")
    print(table(rows))


def _rows(entry: ZooModel) -> Iterator[ZooRow]:
    """Swap by default and, if that swaps nothing, on request."""
    row = try_swap(entry)
    yield row
    if not row.report.swapped:
        requested = try_swap(entry, on_request)
        if requested.report.swapped:
            yield requested


def on_request(site: Site) -> bool:
    """Return whether a site is an interpolation that is swapped only on request."""
    return site.choice == "request" and site.kind in ("functional", "nn.Upsample")


def try_swap(entry: ZooModel, where: Callable[[Site], bool] | None = None) -> ZooRow:
    """Swap in one network, compare outputs, and try to train, compile and export it."""
    torch.manual_seed(0)
    model = entry.make().eval()
    swapped, report = swap_upsamplers(model, entry.inputs(), "dysample+", where=where)
    original, part = model.get_submodule(entry.part), swapped.get_submodule(entry.part)
    pictures = entry.pictures()
    unmoved = zero_offsets(copy.deepcopy(part))
    return ZooRow(
        f"{entry.name}, on request" if where else entry.name,
        report,
        difference(outputs(unmoved, pictures), outputs(original, pictures)),
        trains=_trains(part, pictures),
        compiles=_try(COMPILE, part, original, pictures),
        exports=_try(EXPORT, part, original, pictures),
    )


def _trains(part: nn.Module, pictures: Tensor) -> bool:
    tensors = [tensor for tensor in tensors_in(part(pictures)) if tensor.is_floating_point()]
    torch.stack([tensor.square().mean() for tensor in tensors]).sum().backward()
    new = [module.offset.weight for module in part.modules() if isinstance(module, DySample)]
    return all(weight.grad is not None and bool(weight.grad.any()) for weight in new)


def _try(item: Try, part: nn.Module, original: nn.Module, pictures: Tensor) -> str:
    """Return the outcome in words, and print the error of a failure."""
    with torch.no_grad():
        result = attempt(item, part, original, pictures)
    if result.outcome == "no":
        print(f"{item.name}: {result.words}", file=sys.stderr)
    if result.original not in (None, "yes"):
        return "not even the original"
    return "other values" if result.outcome == "differs" else result.outcome


def table(rows: list[ZooRow]) -> str:
    """Return the results as a Markdown table."""
    heads = ("model", "found", "swapped", "on request", "parameters added", "difference", "trains")
    heads = (*heads, "compiles", "exports")
    return to_table(heads, [_cells(row) for row in rows])


def _cells(row: ZooRow) -> tuple[str, ...]:
    report = row.report
    on_request = sum(site_row.site.choice == "request" for site_row in report.left_alone)
    counts = (str(len(report.rows)), str(len(report.swapped)), str(on_request), f"{report.parameters:,}")
    distance = row.difference.method if row.difference.value is None else f"{row.difference.value:.1e}"
    trains = ("yes" if row.trains else "no") if report.swapped else ""
    return (row.name, *counts, distance, trains, row.compiles, row.exports)


if __name__ == "__main__":
    main()
