"""A sweep as tasks of a Ray cluster: two nodes on this machine, and failures."""

import argparse
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from dysample.cli import train
from dysample.cli.parser import sweep_options
from dysample.extras import MissingExtraError
from dysample.models.weights import new_encoder
from dysample.training.recipe import load_recipe
from dysample.training.runs import head_folder, save_checkpoint, whole_folder
from dysample.training.sweep import MENDABLE, Ending, TrainingJob
from dysample.training.workers import ClusterError, ClusterWorkers
from tests.training.datasets import make_data, make_recipe, make_start

# Ray's own threads and sockets outlive it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def address() -> Generator[str, None, None]:
    """Address of a cluster of two nodes with a CPU each."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # on a busy machine its workers would hardly get a turn
        cluster = Cluster(initialize_head=True, head_node_args=node)
        cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
        cluster.wait_for_nodes()
        yield str(cluster.address)
        cluster.shutdown()


@pytest.fixture
def workers(address: str) -> Generator[ClusterWorkers, None, None]:
    found = ClusterWorkers(address, threads=1, per_device=1)
    yield found
    found.close()


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    sweep_options(parser)
    return parser.parse_args(arguments)


def with_encoder(folder: Path) -> str:
    """Write data and a recipe whose encoder is trained already; return the recipe."""
    make_data(folder)
    make_start(folder)
    path = make_recipe(folder)
    recipe = load_recipe(path)
    encoder = new_encoder(recipe.task)
    module = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    state = {"epoch": recipe.encoder_stage.epochs, "module": module}
    save_checkpoint(state, whole_folder(recipe, folder / "runs", "bilinear", 0) / "checkpoint.pt")
    return path


@pytest.mark.slow
def test_a_sweep_runs_on_two_nodes_and_is_skipped_afterwards(
    tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = with_encoder(tmp_path)
    folders = ["--data", str(tmp_path), "--runs", str(tmp_path / "runs"), "--cluster", address]
    made = options(recipe, *folders, "--upsamplers", "nearest", "bilinear", "--seeds", "3")
    assert train.run_sweep(made) == 0
    printed = capsys.readouterr()
    assert "room for 2 jobs at a time" in printed.err
    assert "2 done" in printed.out
    for name in ("nearest", "bilinear"):
        folder = head_folder(load_recipe(recipe), tmp_path / "runs", name, 3)
        assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.pt", "lock", "log.jsonl"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["made-task"]
    assert train.run_sweep(made) == 0
    assert "2 skipped" in capsys.readouterr().out


def job(tmp_path: Path, seed: int, data: str = ".") -> TrainingJob:
    return TrainingJob("no-such-recipe", tmp_path / data, tmp_path, "heads", ("nearest",), seed)


@pytest.mark.slow
def test_a_folder_that_a_node_does_not_see_is_named(tmp_path: Path, workers: ClusterWorkers) -> None:
    ((_, ending),) = workers.run([job(tmp_path, 0, "elsewhere")])
    assert ending == Ending(
        MENDABLE, f"a node does not see {tmp_path / 'elsewhere'}: all nodes must share that folder"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_closing_stops_the_rest(tmp_path: Path, workers: ClusterWorkers) -> None:
    running = workers.run([job(tmp_path, k) for k in range(4)])
    _, ending = next(running)
    assert ending.status == MENDABLE
    assert "no recipe is called 'no-such-recipe'" in ending.reason
    running.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_cluster_without_room_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match="no node of the cluster has room for a job of 3 threads"):
        ClusterWorkers(address, threads=3, per_device=1)


def test_without_ray_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"needs ray: pip install 'dysample-lab\[cluster\]'"):
        ClusterWorkers("auto", threads=1, per_device=1)
