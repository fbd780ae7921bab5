"""What learns in a run: a module, its optimiser, and where both are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.training.checkpoint import CHECKPOINT, LOG, append_log, load_checkpoint, save_checkpoint
from dysample.training.distributed import is_first, process_count, sum_gradients, wait

_WEIGHT_DECAY = 0.01
_GRADIENT_NORM = 5.0


@dataclass(frozen=True, slots=True)
class Learner:
    """A module, the optimiser of its parameters, and its folder.

    Attributes:
        name: What it is called in messages.
        module: What learns.
        optimiser: Of the module's parameters; every group holds its peak rate as "peak".
        folder: Checkpoint and log go there.
    """

    name: str
    module: nn.Module
    optimiser: torch.optim.Optimizer
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """Where it is kept after every epoch."""
        return self.folder / CHECKPOINT

    def resume(self) -> int:
        """Go on from the checkpoint, if there is one; gives the epochs that are done."""
        state = load_checkpoint(self.checkpoint)
        if state is None:
            return 0
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        return int(state["epoch"])

    def keep(self, epoch: int, entry: dict[str, Any]) -> None:
        """Save that `epoch` epochs are done, and log the last one.

        Raises:
            DiskError: There is no room; the checkpoint before is whole.
        """
        if is_first():
            state = {"module": self.module.state_dict(), "optimiser": self.optimiser.state_dict()}
            save_checkpoint({"epoch": epoch} | state, self.checkpoint)
            append_log(self.folder / LOG, {"epoch": epoch} | entry)
        wait()  # what is read after this is there

    def update(self, loss: Float[Tensor, ""], factor: float) -> None:
        """One step down the loss's slope, at `factor` of the peak rates."""
        for group in self.optimiser.param_groups:
            group["lr"] = factor * group["peak"]
        self.optimiser.zero_grad(set_to_none=True)
        # Every process holds the same loss of the whole batch, and gradients are summed.
        (loss / process_count()).backward()  # pyright: ignore[reportUnknownMemberType]
        sum_gradients(self.module)
        nn.utils.clip_grad_norm_(self.module.parameters(), _GRADIENT_NORM)
        self.optimiser.step()


def learner(name: str, module: nn.Module, groups: Sequence[tuple[nn.Module, float]], folder: Path) -> Learner:
    """AdamW over parts of a module, each with its own peak learning rate."""
    parts = [
        {"params": list(part.parameters()), "lr": rate, "peak": rate} for part, rate in groups if rate > 0
    ]
    return Learner(name, module, torch.optim.AdamW(parts, weight_decay=_WEIGHT_DECAY), folder)
