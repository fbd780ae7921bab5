"""Training shared by several processes of torchrun, with the results that a single process would have.

Every process takes its part of each batch. Whatever is defined over the whole batch (normalisation
statistics, the mean in a loss, gradients) is summed over all processes; so the loss is the same number in
every process, and counts once.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@contextmanager
def joined(device: torch.device) -> Generator[torch.device, None, None]:
    """Join the processes that torchrun started, if any: by NCCL on CUDA, else by Gloo.

    Args:
        device: Device to compute on; with CUDA, each process of a machine takes a device of its own.

    Raises:
        ValueError: The machine has fewer CUDA devices than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield device
        return
    if device.type == "cuda":
        own = int(os.environ["LOCAL_RANK"])
        if own >= torch.cuda.device_count():
            raise ValueError(f"process {own + 1} of this machine needs a CUDA device of its own: start fewer")
        device = torch.device("cuda", own)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    yield device
    # Not after an error: this process would wait for others that wait for it. torchrun ends them.
    dist.destroy_process_group()


def process_count() -> int:
    """Return the number of processes that share the run; 1 without torchrun."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first() -> bool:
    """Return whether this process is the one that writes files and reports."""
    return process_count() == 1 or dist.get_rank() == 0


def wait() -> None:
    """Wait until all processes have reached this call."""
    if process_count() > 1:
        dist.barrier()


def share(batch: int) -> slice:
    """Return this process's part of a batch.

    Raises:
        ValueError: The batch cannot be split evenly.
    """
    count = process_count()
    if count == 1:
        return slice(None)
    if batch % count:
        raise ValueError(f"batch={batch} cannot be split evenly among {count} processes")
    return slice(dist.get_rank() * batch // count, (dist.get_rank() + 1) * batch // count)


def total(values: Tensor) -> Tensor:
    """Return the sum over all processes; gradients flow back to every process."""
    return values if process_count() == 1 else _Total.apply(values)


def mean(values: Tensor) -> Tensor:
    """Return the mean over the values of all processes."""
    if process_count() == 1:
        return values.mean()
    return total(values.sum()) / total(values.new_tensor(values.numel()))


def same_start(module: nn.Module) -> None:
    """Copy the weights of the first process to all others."""
    if process_count() > 1:
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, src=0)


def sum_gradients(module: nn.Module) -> None:
    """Replace every gradient by its sum over all processes."""
    if process_count() == 1:
        return
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])  # one message instead of hundreds
    dist.all_reduce(flat)
    for gradient, part in zip(
        gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True
    ):
        gradient.copy_(part.view_as(gradient))


def over_whole_batch(module: nn.Module) -> None:
    """Replace layers that depend on the whole batch, in place, by ones that span all processes.

    Call this before moving the module or passing its parameters to an optimiser.

    Raises:
        ValueError: The module has a batch normalisation of an unsupported kind.
    """
    if process_count() == 1:
        return
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, _WholeBatchNorm2d.like(child))
            elif type(child) is nn.Dropout2d:
                setattr(parent, name, _WholeDropout2d(child.p))
            elif isinstance(child, nn.BatchNorm2d):
                raise ValueError(
                    f"{type(child).__name__} layers cannot be shared by {process_count()} processes"
                )


class _Total(torch.autograd.Function):
    """Sum over all processes, whose gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Total.forward(ctx, gradients[0])


class _WholeBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over all processes; torch's SyncBatchNorm supports CUDA only."""

    @classmethod
    def like(cls, norm: nn.BatchNorm2d) -> "_WholeBatchNorm2d":
        copy = cls(norm.num_features, eps=norm.eps, momentum=norm.momentum).to(norm.weight)
        copy.load_state_dict(norm.state_dict())
        return copy.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        count = process_count() * x.numel() // x.shape[1]
        average = total(x.sum(dim=(0, 2, 3), keepdim=True)) / count
        variance = total((x - average).square().sum(dim=(0, 2, 3), keepdim=True)) / count
        self._remember(average.detach(), (variance * count / (count - 1)).detach())
        scaled = (x - average) * torch.rsqrt(variance + self.eps)
        return (scaled * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)).to(input.dtype)

    def _remember(self, average: Tensor, variance: Tensor) -> None:
        """Update the running statistics, which the layer uses in eval mode."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        for running, current in ((self.running_mean, average), (self.running_var, variance)):
            running.lerp_(current.flatten().to(running.dtype), self.momentum or 0.0)


class _WholeDropout2d(nn.Dropout2d):
    """Dropout of the channels that a single process with the whole batch and the same seed would drop."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        batch = process_count() * input.shape[0]
        kept = input.new_empty(batch, input.shape[1], 1, 1).bernoulli_(1 - self.p).div_(1 - self.p)
        return input * kept[share(batch)]
