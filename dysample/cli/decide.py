"""The command `decide`."""

import argparse
import shlex
import sys
from datetime import UTC, datetime

import torch

from dysample.cli.swap import REFUSALS, failure, prepared
from dysample.files import write_text
from dysample.markdown import to_table
from dysample.models.manifest import pretrained_folder
from dysample.ops.registry import OPERATORS
from dysample.scores.gains import paper_gains, task_gains
from dysample.trial.advice import RULE, advise, as_csv, columns, gain_columns
from dysample.trial.decision import Decision, Question, decide, to_json, to_line

SEED = 0
STEPS = 100  # of the progress on stderr, which is a share


def run_decide(options: argparse.Namespace) -> int:
    """Compare all upsamplers in a model, print the table and the advice; return the exit status.

    Raises:
        ValueError: The model cannot be made, loaded or run, nothing in it can be swapped, or a file cannot be
            written.
    """
    torch.manual_seed(SEED)
    _announce("Making the model", 0.0)
    model, inputs = prepared(options)
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    question = Question(
        model=options.model,
        where=None if options.where is None else tuple(options.where),
        command=_command(options),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        threads=options.threads,
        budget_s=options.seconds,
    )
    report = _print_line if options.progress else _ignore
    try:
        decision = decide(model.eval(), inputs, question, announce=_announce, report=report)
    except REFUSALS as error:
        raise failure(model, inputs, options, error) from error
    finally:
        torch.set_num_threads(before)
    print(to_markdown(decision))
    if options.json:
        write_text(options.json, to_json(decision))
    if options.csv:
        write_text(options.csv, as_csv(decision, paper_gains(), task_gains(pretrained_folder())))
    return 0


def to_markdown(decision: Decision) -> str:
    """Return a comparison as a page of Markdown: advice, table, gains in full, and how it was measured."""
    ours = task_gains(pretrained_folder())
    table, full = columns(decision, paper_gains(), ours), gain_columns(ours)
    shape = "×".join(map(str, decision.input))
    notes = [f"- {OPERATORS[row.operator].label}: {row.reason}" for row in decision.rows if row.reason]
    layout = "channels last" if decision.layout == "channels_last" else "NCHW"
    parts = [
        f"# {decision.model}: which upsampler at {len(decision.sites)} sites?",
        advise(decision, ours).words,
        to_table(tuple(table), list(zip(*table.values(), strict=True))),
        "\n".join(notes),
        f"With a picture of {shape}. Times: CPU time against the model as it is, medians of "
        f"up to {decision.rounds} rounds in turns, quartiles in brackets; {layout}, threads: "
        f"{decision.threads}. Machine: {decision.machine.processor}, {decision.machine.cores} cores; PyTorch "
        f"{decision.machine.torch}. Made on {decision.date} by `{decision.command}`. {RULE}",
        "## Our gains in full" if full else "",
        to_table(tuple(full), list(zip(*full.values(), strict=True))) if full else "",
    ]
    return "\n\n".join(filter(None, parts))


def _announce(words: str, share: float) -> None:
    print(f"{1 + int(share * STEPS)}/{STEPS} {words}", file=sys.stderr, flush=True)


def _print_line(decision: Decision, operator: str) -> None:
    print(to_line(decision, operator), file=sys.stderr, flush=True)


def _ignore(decision: Decision, operator: str) -> None:
    pass


def _command(options: argparse.Namespace) -> str:
    """Return the command line that repeats the comparison."""
    words = ["python", "-m", "dysample", "decide", "--model", options.model]
    words += ["--weights", str(options.weights)] if options.weights else []
    words += ["--input", "x".join(map(str, options.input))]
    words += ["--list"] if options.list else []
    words += ["--where", *map(str, options.where)] if options.where else []
    return shlex.join([*words, "--threads", str(options.threads), "--seconds", str(options.seconds)])
