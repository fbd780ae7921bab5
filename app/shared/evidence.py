"""Evidence beside the weights, for the page about it and for pages that point to it."""

import os
from dataclasses import dataclass
from pathlib import Path

from app.shared.cache import cached
from app.shared.literal import plain
from dysample.models.manifest import pretrained_folder
from dysample.scores.evidence import Evidence, EvidenceError, read_evidence
from dysample.training.recipe import ablation, load_recipe


@dataclass(frozen=True, slots=True)
class Missing:
    """The reason for a missing number.

    Attributes:
        reason: A sentence or two.
        commands: Command lines that produce it; none if nothing does.
        damaged: Whether there is a file that cannot be read.
    """

    reason: str
    commands: tuple[str, ...] = ()
    damaged: bool = False


def evidence_of(task: str, part: str = "") -> Evidence | Missing | None:
    """Return the evidence on a task, or on an ablation of it; None where there is none beside the weights."""
    path = pretrained_folder() / task / (f"evidence-{part}.json" if part else "evidence.json")
    if not path.is_file():
        return None
    try:
        return _read(path, os.stat(path).st_mtime_ns)
    except (EvidenceError, OSError) as error:
        return Missing(f"The evidence cannot be read: {plain(str(error))}.", damaged=True)


def evidence(task: str, part: str = "") -> Evidence | Missing:
    """Return the evidence on a task that can be trained by name, or on an ablation of it."""
    known = evidence_of(task, part)
    if known is not None:
        return known
    made = load_recipe(task).task
    subject = f"This ablation of {made.title}" if part else made.title
    sweep = f"--ablation {part}" if part else made.owner
    commands = (f"python -m dysample sweep {sweep}", f"python -m dysample evaluate {task} --runs runs")
    offered = not part or ablated(part) == task
    file = f"evidence-{part}.json" if part else "evidence.json"
    reason = f"{subject} is not measured yet: there is no `{task}/{file}` among the weights."
    return Missing(reason, commands if offered else ())


def ablated(name: str) -> str:
    """Return the task that the package repeats an ablation of the paper with."""
    return ablation(name).recipe


@cached
def _read(path: Path, changed: int) -> Evidence:
    """Read a file once for each of its versions."""
    return read_evidence(path)
