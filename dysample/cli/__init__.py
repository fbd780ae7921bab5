"""The command line, `python -m dysample`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dysample.cli import bench, swap, trial
from dysample.cli import train as sweep_command
from dysample.models.manifest import pretrained_folder
from dysample.ops.registry import OPERATORS
from dysample.training.recipe import recipe_names

_ALONE = {
    "bench": bench.run_bench,
    "profile": bench.run_profile,
    "share": bench.run_share,
    "complexity": bench.run_complexity,
    "audit": swap.run_audit,
    "swap": swap.run_swap,
    "trial": trial.run,
    "sweep": sweep_command.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status, 2 for what the user can mend."""
    options = _parser().parse_args(arguments)
    # Imported here, so that --help answers at once.
    import torch

    from dysample.cli import train as commands
    from dysample.files import DiskError
    from dysample.models.manifest import WeightsError
    from dysample.training.data import DataError, data_folder
    from dysample.training.loop import TrainingError
    from dysample.training.workers import ClusterError

    try:
        if options.command in _ALONE:
            return _ALONE[options.command](options)
        if options.threads:
            torch.set_num_threads(options.threads)
        run = {"train": commands.train, "evaluate": commands.evaluate, "pack": commands.pack}[options.command]
        run(options, data_folder(options.data))
    except (ClusterError, DataError, DiskError, TrainingError, WeightsError, ValueError) as error:
        print(f"dysample: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("dysample: interrupted; the same command goes on after the last whole epoch", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    description = "Train, measure and swap upsamplers."
    parser = argparse.ArgumentParser(prog="python -m dysample", description=description)
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("recipe", help=f"name ({', '.join(recipe_names())}) or path of a recipe")
    common.add_argument("--data", help="folder of the data sets (default: the variable DYSAMPLE_DATA)")
    common.add_argument("--device", default=None, help="cpu, cuda, ... (default: cuda if there is one)")
    common.add_argument("--threads", type=int, default=None, help="CPU threads (default: all)")
    runs = argparse.ArgumentParser(add_help=False)
    runs.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    runs.add_argument("--seed", type=int, default=0, help="start, order and augmentation (default: 0)")
    weights = argparse.ArgumentParser(add_help=False)
    weights.add_argument(
        "--pretrained", type=Path, default=pretrained_folder(), help="folder of the shipped weights"
    )
    train = commands.add_parser("train", parents=[common, runs], help="train the encoder, or heads on it")
    train.add_argument("--stage", choices=["encoder", "heads", "both", "whole"], default="both")
    train.add_argument(
        "--upsampler",
        nargs="+",
        type=sweep_command.upsampler_name,
        default=list(OPERATORS),
        metavar="NAME",
        help=f"heads to train, options after an @ (default: {' '.join(OPERATORS)})",
    )
    train.add_argument("--bfloat16", action="store_true", help=sweep_command.BFLOAT16_HELP)
    evaluate = commands.add_parser("evaluate", parents=[common, weights], help="score weights, or runs")
    evaluate.add_argument(
        "--runs", type=Path, default=None, help="score finished runs of this folder instead, and sum them up"
    )
    sweep_command.add_options(
        commands.add_parser("sweep", help="train upsamplers x seeds, going on where it stopped")
    )
    commands.add_parser("pack", parents=[common, runs, weights], help="ship a finished run, and score it")
    bench.bench_options(
        commands.add_parser("bench", help="time and memory of upsamplers beside bilinear interpolation")
    )
    bench.profile_options(
        commands.add_parser("profile", help="where the time of a forward call of each upsampler goes")
    )
    bench.share_options(
        commands.add_parser("share", help="how much of trained networks' time upsampling takes")
    )
    bench.complexity_options(
        commands.add_parser("complexity", help="parameters and operations of upsamplers beside the paper's")
    )
    swap.add_audit_options(commands.add_parser("audit", help="what a model enlarges, and where"))
    swap.add_swap_options(commands.add_parser("swap", help="put upsamplers into a model"))
    trial.add_options(
        commands.add_parser("trial", help="what a swap changes in a model, what it costs, what still works")
    )
    return parser
