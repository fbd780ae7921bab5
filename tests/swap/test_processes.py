"""A swapped model can be sent to other processes and trained with DistributedDataParallel."""

import copy
import socket
from pathlib import Path

import pytest
import torch
import torch.distributed
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from dysample import swap_upsamplers
from tests.swap.networks import Nested, picture

pytestmark = pytest.mark.slow


def _train(model: nn.Module, pictures: Tensor) -> None:
    """Train two steps on the pictures."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(2):
        optimiser.zero_grad()
        model(pictures).square().mean().backward()
        optimiser.step()


def _work(rank: int, port: int, folder: Path, swapped: nn.Module, pictures: Tensor) -> None:
    """Train the model in one of two processes on half of the pictures."""
    where = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", init_method=where, rank=rank, world_size=2)
    # What is passed to a process lies in memory that both share.
    parallel = DistributedDataParallel(copy.deepcopy(swapped))
    _train(parallel, pictures[rank : rank + 1])
    torch.save(parallel.module.state_dict(), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def _work_as_second(_: int, port: int, folder: Path, swapped: nn.Module, pictures: Tensor) -> None:
    torch.set_num_threads(1)
    _work(1, port, folder, swapped, pictures)


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    swapped, report = swap_upsamplers(Nested().double(), picture(8, 12).double())
    for name, weight in swapped.named_parameters():
        if name.endswith("scope.weight"):  # zero at first, where it learns nothing before the offsets do
            nn.init.normal_(weight, std=0.1)
    pictures = torch.cat([picture(8, 12), picture(9, 12)[:, :, :8]]).double()
    before = {name: weight.clone() for name, weight in swapped.state_dict().items()}
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    # The other process unpickles the model.
    other = spawn(_work_as_second, (port, tmp_path, swapped, pictures), nprocs=1, join=False)
    _work(0, port, tmp_path, swapped, pictures)
    while not other.join():
        pass
    _train(swapped, pictures)
    wanted = swapped.state_dict()
    for rank in range(2):
        states = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(states, dict(wanted), atol=1e-12, rtol=1e-9)
    new = [name for name in wanted if "swapped_upsamplers" in name]
    assert len(new) == 3 * len(report.swapped)
    assert not any(torch.equal(wanted[name], before[name]) for name in new)
