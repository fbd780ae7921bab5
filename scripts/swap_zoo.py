"""Swap upsamplers in networks of other people, and write down what happens.

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
from dysample.ops.dysample import DySample
from dysample.swap import Site, SwapReport, swap_upsamplers
from dysample.swap.flow import tensors_in
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
class Outcome:
    """What became of one network.

    Attributes:
        name: Its name.
        report: Site by site.
        difference: Largest of an output, relative to the largest output.
        trains: Whether every new weight gets a gradient.
        compiles: In words.
        exports: In words.
    """

    name: str
    report: SwapReport
    difference: float
    trains: bool
    compiles: str
    exports: str


def zero_offsets(model: nn.Module) -> nn.Module:
    """Let all DySample operators of a model start on their grids exactly, in place."""
    for module in model.modules():
        if isinstance(module, DySample):
            nn.init.zeros_(module.offset.weight)
    return model


def outputs(model: Callable[[Tensor], object], pictures: Tensor) -> list[Tensor]:
    """All floating-point tensors that a model gives, whatever they lie in."""
    return [tensor for tensor in tensors_in(model(pictures)) if tensor.is_floating_point()]


def difference(one: list[Tensor], other: list[Tensor]) -> float:
    """The largest difference, relative to the largest value of each tensor."""
    return max(
        ((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item() for a, b in zip(one, other, strict=True)
    )


def on_request(site: Site) -> bool:
    """Whether an interpolation can be swapped, but not unasked."""
    return site.choice == "request" and site.kind in ("functional", "nn.Upsample")


def try_swap(entry: ZooModel, where: Callable[[Site], bool] | None = None) -> Outcome:
    """Swap in one network and try what people do with networks."""
    torch.manual_seed(0)
    model = entry.make().eval()
    swapped, report = swap_upsamplers(model, entry.inputs(), "dysample+", where=where)
    original, part = model.get_submodule(entry.part), swapped.get_submodule(entry.part)
    pictures = entry.pictures()
    with torch.no_grad():
        wanted = outputs(original, pictures)
        moved = difference(outputs(zero_offsets(copy.deepcopy(part)), pictures), wanted)
    return Outcome(
        f"{entry.name}, on request" if where else entry.name,
        report,
        moved,
        trains=_trains(part, pictures),
        compiles=_words(_compiles, part, original, pictures),
        exports=_words(_exports, part, original, pictures),
    )


def _trains(part: nn.Module, pictures: Tensor) -> bool:
    torch.stack([tensor.square().mean() for tensor in outputs(part, pictures)]).sum().backward()
    new = [module.offset.weight for module in part.modules() if isinstance(module, DySample)]
    return all(weight.grad is not None and bool(weight.grad.any()) for weight in new)


def _words(
    attempt: Callable[[nn.Module, Tensor], str], part: nn.Module, original: nn.Module, pictures: Tensor
) -> str:
    said = attempt(part, pictures)
    if said == "yes" or attempt(original, pictures) == "yes":
        return said
    return "not even the original"


def _compiles(model: nn.Module, pictures: Tensor) -> str:
    torch.compiler.reset()
    with torch.no_grad():
        try:
            compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
            return _same(outputs(compiled, pictures), model, pictures)
        except Exception as error:  # whatever a compiler raises is the finding
            print(f"compile: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            return "no"


def _exports(model: nn.Module, pictures: Tensor) -> str:
    with torch.no_grad():
        try:
            exported = torch.export.export(model, (pictures,))
            return _same(outputs(exported.module(), pictures), model, pictures)
        except Exception as error:
            print(f"export: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            return "no"


def _same(found: list[Tensor], model: nn.Module, pictures: Tensor) -> str:
    return "yes" if difference(found, outputs(model, pictures)) < 1e-4 else "other values"


def table(done: list[Outcome]) -> str:
    """The outcomes as Markdown."""
    heads = ("model", "found", "swapped", "on request", "parameters added", "difference", "trains")
    heads = (*heads, "compiles", "exports")
    return to_table(heads, [_row(outcome) for outcome in done])


def _row(outcome: Outcome) -> tuple[str, ...]:
    report = outcome.report
    asked = [row for row in report.left_alone if row.site.choice == "request"]
    counts = (str(len(report.rows)), str(len(report.swapped)), str(len(asked)), f"{report.parameters:,}")
    trains = ("yes" if outcome.trains else "no") if report.swapped else ""
    return (outcome.name, *counts, f"{outcome.difference:.1e}", trains, outcome.compiles, outcome.exports)


def _tried(entry: ZooModel) -> Iterator[Outcome]:
    """One swap, and where that finds nothing to do, one more of what it would do if asked."""
    unasked = try_swap(entry)
    yield unasked
    if not unasked.report.swapped:
        asked = try_swap(entry, on_request)
        if asked.report.swapped:
            yield asked


def main() -> None:
    """Try all networks, or those named, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", help="parts of names (default: all)")
    parser.add_argument("--details", action="store_true", help="print every site, too")
    parser.add_argument("--out", type=Path, help="write the table there, as Markdown")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of the libraries, on every compilation
    done = list[Outcome]()
    for entry in ZOO:
        if options.model and not any(part in entry.name for part in options.model):
            continue
        print(f"{entry.name} ...", file=sys.stderr, flush=True)
        for outcome in _tried(entry):
            done.append(outcome)
            if options.details:
                print(f"{outcome.name}\n{outcome.report}\n", flush=True)
            print(table(done[-1:]).splitlines()[-1], flush=True)
    if options.out:
        options.out.write_text(f"{INTRODUCTION}\n{table(done)}\n", encoding="utf-8")
    print(table(done))


if __name__ == "__main__":
    main()
