"""Surveys and costs of swaps in known networks, counted from shapes alone, and the check of factories."""

import os
import re
from pathlib import Path

import torch
from torch import nn

from app.settings import ModelChoice, SwapChoice
from app.shared.cache import cached
from dysample.measure.complexity import META
from dysample.models.manifest import pretrained_folder
from dysample.models.smp import smp_model
from dysample.scores.gains import TaskGain
from dysample.scores.gains import task_gains as gains_of
from dysample.trial.plan import Plan, planned
from dysample.trial.survey import Survey, SwapCosts, audit_of, swap_costs
from dysample.trial.survey import survey as survey_of

_FACTORIES = "DYSAMPLE_FACTORIES"
_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def factories() -> tuple[str, ...]:
    """Return the modules and packages in `DYSAMPLE_FACTORIES`, whose factories visitors may name."""
    return tuple(filter(None, re.split(r"[\s,]+", os.environ.get(_FACTORIES, ""))))


def check_factory(name: str) -> None:
    """Check that a factory may be called here.

    Raises:
        ValueError: If it is not named as ``package.module:function``, or its module is not allowed.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"A factory must be named as in package.module:function, got {name!r}.")
    module = name.partition(":")[0]
    if not any(module == allowed or module.startswith(f"{allowed}.") for allowed in factories()):
        raise ValueError(
            f"This server does not allow factories of {module}; it allows those of {', '.join(factories())}."
        )


@cached
def survey(choice: ModelChoice) -> Survey:
    """Survey a network as it is: its sites and costs.

    Raises:
        ValueError: If there is no such network, or it does not take pictures of this size.
    """
    model, picture = _shapes(choice)
    try:
        return survey_of(model, picture)
    except (RuntimeError, TypeError, IndexError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"This network does not take pictures of {choice.height}×{choice.width} pixels: {reason}"
        ) from error


@cached
def costs(choice: ModelChoice, plan: Plan) -> SwapCosts:
    """Count what a network costs after a swap.

    Raises:
        ValueError: If an operator cannot be at its site.
    """
    return swap_costs(*_shapes(choice), plan)


def task_gains() -> tuple[TaskGain, ...]:
    """Return what every upsampler gained in our tasks.

    Raises:
        EvidenceError: A file of evidence is damaged.
    """
    folder = pretrained_folder()
    files = sorted(folder.glob("*/evidence.json"))
    return _task_gains(folder, tuple((file, os.stat(file).st_mtime_ns) for file in files))


@cached
def _task_gains(folder: Path, changed: tuple[tuple[Path, int], ...]) -> tuple[TaskGain, ...]:
    """Read the files once for each of their versions."""
    return gains_of(folder)


def plan_of(survey: Survey, swap: SwapChoice) -> Plan:
    """Return which operator goes to which site."""
    return planned(audit_of(survey), swap.to, swap.exceptions)


def _shapes(choice: ModelChoice) -> tuple[nn.Module, torch.Tensor]:
    """Return the network and a picture on the meta device."""
    try:
        with META:
            model = smp_model(choice.name)
    except RuntimeError:  # some encoders read values of tensors in their constructors
        model = smp_model(choice.name).to(META)
    return model.eval(), torch.empty(1, 3, choice.height, choice.width, device=META)
