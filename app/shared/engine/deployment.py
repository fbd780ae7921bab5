"""What runs on a Ray cluster: `serve deploy deploy/cluster.yaml`. It alone imports Ray Serve at once."""

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import ray
import torch
from ray import serve

from app.shared.cache import budget
from app.shared.engine.parcels import Buffers
from app.shared.engine.replica import Replica

GPU_SHARE = 0.25  # of a GPU for a replica: four take turns to feed it
_PICTURES = 64  # whose maps a replica is believed to hold


@serve.deployment(
    name="Networks",
    max_ongoing_requests=2,  # one computes while the other's picture or answer travels
    max_queued_requests=128,
    autoscaling_config={"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": 1.5},
    health_check_period_s=10,
    health_check_timeout_s=60,  # a processor with one thread may be busy with a large picture meanwhile
)
class ServedReplica:
    """A replica: networks on a share of a GPU, or on processors."""

    def __init__(self) -> None:
        """Take the device that was assigned, and do a tiny job on it."""
        if not ray.get_runtime_context().get_accelerator_ids().get("GPU"):
            os.environ.setdefault("DYSAMPLE_DEVICE", "cpu")
        self._replica = Replica(budget())
        self._checks = ThreadPoolExecutor(1)  # jobs that wait for the device must not keep a check waiting

    async def ask(self, method: str, body: bytes, buffers: Sequence[np.ndarray]) -> tuple[bytes, Buffers]:
        """Do a packed job."""
        await cast(Any, self).keep(serve.get_multiplexed_model_id())
        given_up = threading.Event()
        try:
            return await asyncio.to_thread(self._replica.do, method, body, buffers, given_up)
        except torch.AcceleratorError:
            os._exit(1)  # nothing runs on the device any more in this process: Serve starts another
        finally:
            given_up.set()

    @serve.multiplexed(max_num_models_per_replica=_PICTURES)
    async def keep(self, picture: str) -> str:
        """Have further requests about a picture come to this replica, whose cache has the encoder's maps."""
        return picture

    async def check_health(self) -> None:
        """Do a tiny job; Serve replaces a replica that fails."""
        await asyncio.get_running_loop().run_in_executor(self._checks, self._replica.check)


def application(arguments: dict[str, Any]) -> serve.Application:
    """Return what is to be deployed.

    Args:
        arguments: `gpu`, the share of a GPU that a replica takes (default: a quarter if the cluster has GPUs,
            else none); `cpus`, its processors (default: 1); `cache`, the bytes that its networks and maps may
            take (default: 1G).

    Raises:
        ValueError: There is another argument.
    """
    known = {"gpu", "cpus", "cache"}
    if unknown := arguments.keys() - known:
        raise ValueError(f"arguments are {', '.join(sorted(known))}, got {', '.join(sorted(unknown))}")
    usual = GPU_SHARE if ray.cluster_resources().get("GPU") else 0.0
    options = {
        "num_cpus": float(arguments.get("cpus", 1)),
        "num_gpus": float(arguments.get("gpu", usual)),
        "runtime_env": {"env_vars": {"DYSAMPLE_CACHE": str(arguments.get("cache", "1G"))}},
    }
    return ServedReplica.options(ray_actor_options=options).bind()
