"""The commands and their options. The function of a command is imported when it runs."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from dysample.cli.options import (
    BFLOAT16_HELP,
    DTYPES,
    IMPLEMENTATIONS,
    LAYOUTS,
    PAPER_SIZE,
    PRECISIONS,
    ablation_names,
    input_shape,
    map_size,
    operator_name,
    picture,
    positive,
    recipe_names,
    safetensors_file,
    seed,
    share,
    site,
    site_and_operator,
    upsampler_name,
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        summary: Line in the list of commands.
        add_options: Adds the options to the command's parser.
        function: Function that carries the command out, as module:function.
    """

    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    function: str

    def load(self) -> Callable[[argparse.Namespace], int]:
        """Import the function, which returns the exit status.

        Raises:
            MissingExtraError: The command needs a package that is not installed.
        """
        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command line."""
    parser = argparse.ArgumentParser(prog="dysample", description="Train, measure and swap upsamplers.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        command.add_options(commands.add_parser(name, help=command.summary))
    return parser


# --- Training ---


def train_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`."""
    _add_recipe(parser)
    _add_run(parser)
    add = parser.add_argument
    add("--stage", choices=["encoder", "heads", "both", "whole"], default="both")
    add(
        "--upsampler",
        nargs="+",
        type=upsampler_name,
        metavar="NAME",
        help="upsamplers to train, with options after an @ (default: all)",
    )
    precision = parser.add_mutually_exclusive_group()
    _add_precision(precision)
    precision.add_argument(
        "--bfloat16", action="store_const", dest="precision", const="bfloat16", help=BFLOAT16_HELP
    )


def evaluate_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `evaluate`."""
    _add_recipe(parser)
    _add_pretrained(parser, "folder of the shipped weights")
    add = parser.add_argument
    others = parser.add_mutually_exclusive_group()
    others.add_argument(
        "--runs", type=Path, help="score the finished runs of this folder instead, and summarise them"
    )
    others.add_argument(
        "--dataset",
        default="",
        metavar="NAME",
        help="score on another data set with such truth, for scores-NAME.json and the model card alone",
    )
    add("--split", default="", metavar="NAME", help="split of the other data set (default: the recipe's)")
    look = parser.add_argument_group(
        "a look", "scores that are only printed: those kept beside the weights are of all, in float32"
    )
    add = look.add_argument
    add("--upsampler", nargs="+", type=operator_name, metavar="NAME", help="score these heads alone")
    add("--first", type=positive, metavar="N", help="on the first N pictures alone")
    _add_precision(look, "bfloat16 on any device; auto: float32, but for a look on a GPU that has bfloat16")
    add("--json", type=Path, metavar="FILE", help="write the scores to this file")


def pack_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `pack`."""
    _add_recipe(parser)
    _add_run(parser)
    _add_pretrained(parser, "folder of the shipped weights")


def sweep_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `sweep`."""
    add = parser.add_argument
    add("recipe", nargs="?", help=f"name ({', '.join(recipe_names())}) or path; an ablation has its own")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--upsamplers", nargs="+", type=upsampler_name, metavar="NAME", help="default: all")
    chosen.add_argument("--ablation", choices=ablation_names(), help="table or figure of the paper to repeat")
    add("--seeds", nargs="+", type=seed, default=[0, 1, 2], metavar="K", help="default: 0 1 2")
    add("--stage", choices=["heads", "whole"], default="heads", help="default: heads, on one encoder")
    _add_data(parser)
    _add_runs(parser)
    _add_pretrained(
        parser, "folder of the shipped weights; runs whose scores are there are not trained again"
    )
    add("--device", help="cpu, cuda:1, ... (default: all CUDA devices, else the CPU)")
    add("--bfloat16", action="store_true", help=BFLOAT16_HELP)
    add("--per-device", type=positive, default=1, metavar="N", help="processes on each GPU (default: 1)")
    add("--workers", type=positive, default=1, metavar="N", help="processes on the CPU (default: 1)")
    add("--threads", type=positive, help="CPU threads per process (default: an even share; 1 on a cluster)")
    add(
        "--cluster",
        metavar="ADDRESS",
        help="run as tasks of the Ray cluster at this address, or of this node's (auto)",
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help=f"name ({', '.join(recipe_names())}) or path of a recipe")
    _add_data(parser)
    parser.add_argument("--device", help="cpu, cuda, ... (default: cuda if there is one)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")


def _add_precision(
    parser: argparse._ActionsContainer,  # pyright: ignore[reportPrivateUsage]
    words: str = "default: auto, which is bfloat16 on a GPU that computes in it, else float32",
) -> None:
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help=words)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", help="folder of the data sets (default: the variable DYSAMPLE_DATA)")


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_runs(parser)
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of weights, order and augmentation (default: 0)"
    )


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")


def _add_pretrained(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("--pretrained", type=Path, help=words)


# --- Using ---


def predict_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `predict`."""
    _add_pictures(parser, "of the answers")
    parser.add_argument(
        "--upsampler", required=True, type=operator_name, metavar="NAME", help="such as dysample+"
    )


def compare_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `compare`."""
    _add_pictures(parser, "of the sheets")
    add = parser.add_argument
    add(
        "--upsampler",
        nargs="+",
        required=True,
        type=operator_name,
        metavar="NAME",
        help="two or more, such as bilinear carafe dysample+; the others are compared with the first",
    )
    add("--opacity", type=share, default=0.6, help="of the answers over the photograph (default: 0.6)")


def _add_pictures(parser: argparse.ArgumentParser, what: str) -> None:
    add = parser.add_argument
    add("picture", nargs="+", type=Path, metavar="PICTURE", help="JPEG, PNG, WebP, ... or a folder of them")
    add("--task", required=True, metavar="NAME", help="a trained network, such as street-segmentation")
    add(
        "--out",
        type=Path,
        default=Path("answers"),
        metavar="FOLDER",
        help=f"folder {what} (default: answers)",
    )
    add("--overwrite", action="store_true", help="replace files that are there already")
    add("--longer-side", type=positive, metavar="N", help="reduce larger pictures to N pixels (default: not)")
    add("--threshold", type=share, default=0.5, help="least score of an object (default: 0.5)")
    add("--device", help="cpu, cuda, ... (default: cuda if there is one)")
    _add_precision(parser)


# --- Measuring ---


def bench_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `bench`."""
    add = parser.add_argument
    add("--upsampler", nargs="+", type=operator_name, metavar="NAME", help="default: all")
    sizes = parser.add_mutually_exclusive_group()
    size_help = f"or BxCxHxW; default: {PAPER_SIZE}"
    sizes.add_argument("--size", nargs="+", type=map_size, metavar="CxHxW", help=size_help)
    sizes.add_argument(
        "--paper", action="store_true", help=f"as in Figure 8: {PAPER_SIZE}, scale 2, float32, nchw"
    )
    add("--scale", type=positive, default=2, help="enlargement (default: 2)")
    add("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    add("--dtype", nargs="+", choices=DTYPES, default=["float32"], help="default: float32")
    add("--layout", nargs="+", choices=LAYOUTS, default=["nchw"], help="default: nchw")
    add(
        "--implementation",
        nargs="+",
        choices=IMPLEMENTATIONS,
        help="how DySample reads at points (default: DYSAMPLE_KERNEL, else auto)",
    )
    add("--compiled", action="store_true", help="also measure every operator through torch.compile")
    add("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    add("--rounds", type=positive, default=9, help="samples of each operator (default: 9)")
    add("--backward", action="store_true", help="also time forward and backward together")
    add(
        "--no-memory",
        action="store_true",
        help="do not measure memory, which takes a process for each operator",
    )
    add("--progress", action="store_true", help="report progress on stderr as JSON, one line per step")
    add("--json", type=Path, metavar="FILE", help="write the figures to this file")
    add("--out", type=Path, metavar="FILE.md", help="write the table to this file")


def profile_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `profile`."""
    add = parser.add_argument
    add("--upsampler", nargs="+", type=operator_name, metavar="NAME", help="default: all")
    add("--size", type=map_size, default=PAPER_SIZE, metavar="CxHxW", help=f"default: {PAPER_SIZE}")
    add("--layout", choices=LAYOUTS, default="nchw", help="of maps in memory (default: nchw)")
    add("--json", type=Path, metavar="FILE", help="write the figures to this file")


def share_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `share`."""
    add = parser.add_argument
    add("picture", nargs="+", type=picture, metavar="TASK:HxW", help="network and size of a picture")
    add("--upsampler", nargs="+", type=operator_name, default=["bilinear", "dysample+"], metavar="NAME")
    add("--implementation", nargs="+", choices=IMPLEMENTATIONS, default=["plain", "auto"])
    add("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    add("--rounds", type=positive, default=9, help="samples of each (default: 9)")
    add("--json", type=Path, metavar="FILE", help="write the figures to this file")


def complexity_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `complexity`."""
    add = parser.add_argument
    add("--out", type=Path, metavar="FILE.md", help="write the page to this file, not to the screen")
    add("--json", type=Path, metavar="FILE", help="write every integer to this file")


# --- Models of the user ---


def audit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `audit`, which `swap` and `trial` share."""
    add = parser.add_argument
    add(
        "--model",
        required=True,
        metavar="PACKAGE.MODULE:FUNCTION",
        help="function that makes the model, a name such as smp:Unet:resnet18, or for audit alone a file "
        "(.pt2 of torch.export, .onnx), in which nothing is run",
    )
    add("--weights", type=Path, metavar="FILE", help="safetensors, or a pickled state_dict")
    add(
        "--input",
        type=input_shape,
        default=(1, 3, 256, 256),
        metavar="SHAPE",
        help="shape of the input (default: 1x3x256x256)",
    )
    add("--list", action="store_true", help="pass the model a list of pictures, as detectors expect")


def swap_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `swap`."""
    audit_options(parser)
    add = parser.add_argument
    add("--to", type=upsampler_name, default="dysample+", help="upsampler (default: dysample+)")
    add(
        "--where", nargs="+", type=site, metavar="SITE", help="names or numbers of sites, as printed by audit"
    )
    add("--out", type=safetensors_file, metavar="FILE", help="write the weights to this file")


def trial_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `trial`."""
    audit_options(parser)
    add = parser.add_argument
    add("--to", type=upsampler_name, default="dysample+", help="upsampler (default: dysample+)")
    add(
        "--at",
        nargs="+",
        type=site_and_operator,
        default=[],
        metavar="SITE=OPERATOR",
        help="another upsampler at a site, by name or number; SITE= leaves it alone",
    )
    add("--start", action="store_true", help="compare outputs before training, also with all offsets at zero")
    add("--time", action="store_true", help="time both models in turns")
    add("--rounds", type=positive, default=9, help="samples of each model (default: 9)")
    add("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    add("--deploy", action="store_true", help="try training, torch.compile, torch.export and ONNX")
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the report to this file; - prints it in place of the table",
    )


def decide_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `decide`."""
    audit_options(parser)
    add = parser.add_argument
    add(
        "--where",
        nargs="+",
        type=site,
        metavar="SITE",
        help="names or numbers of sites, as printed by audit (default: those that are swapped by default)",
    )
    add("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    add(
        "--seconds",
        type=positive,
        default=100,
        metavar="N",
        help="begin nothing new after so many seconds (default: 100)",
    )
    add("--progress", action="store_true", help="report rows on stderr as JSON, one line for each change")
    add("--csv", type=Path, metavar="FILE", help="write all numbers to this file, a row for each upsampler")
    add("--json", type=Path, metavar="FILE", help="write the report to this file")


COMMANDS = {
    "predict": Command(
        "what a trained network says of pictures, as files",
        predict_options,
        "dysample.cli.predict:run_predict",
    ),
    "compare": Command(
        "several upsamplers on pictures, side by side on a sheet to print",
        compare_options,
        "dysample.cli.compare:run_compare",
    ),
    "train": Command("train the encoder, or heads on it", train_options, "dysample.cli.train:run_train"),
    "evaluate": Command("score weights or runs", evaluate_options, "dysample.cli.train:run_evaluate"),
    "sweep": Command(
        "train upsamplers x seeds, resuming where it stopped", sweep_options, "dysample.cli.train:run_sweep"
    ),
    "pack": Command("ship a finished run and score it", pack_options, "dysample.cli.train:run_pack"),
    "bench": Command(
        "time and memory of upsamplers beside bilinear interpolation",
        bench_options,
        "dysample.cli.bench:run_bench",
    ),
    "profile": Command(
        "where the time of each upsampler's forward call goes",
        profile_options,
        "dysample.cli.bench:run_profile",
    ),
    "share": Command(
        "how much of trained networks' time upsampling takes", share_options, "dysample.cli.bench:run_share"
    ),
    "complexity": Command(
        "parameters and operations of upsamplers beside the paper's",
        complexity_options,
        "dysample.cli.bench:run_complexity",
    ),
    "audit": Command("where a model enlarges maps", audit_options, "dysample.cli.swap:run_audit"),
    "swap": Command("put upsamplers into a model", swap_options, "dysample.cli.swap:run_swap"),
    "trial": Command(
        "what a swap changes in a model, what it costs, and what still works",
        trial_options,
        "dysample.cli.trial:run_trial",
    ),
    "decide": Command(
        "all upsamplers in a model beside each other, and which one to take",
        decide_options,
        "dysample.cli.decide:run_decide",
    ),
}
