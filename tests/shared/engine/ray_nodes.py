"""A Ray cluster of two nodes on this machine, at two given ports, until standard input is closed."""

import sys

from ray.cluster_utils import Cluster

if __name__ == "__main__":
    port, client_port = map(int, sys.argv[1:])
    node = {"num_cpus": 2, "object_store_memory": 200_000_000, "include_dashboard": False}
    cluster = Cluster(
        initialize_head=True,
        head_node_args={**node, "gcs_server_port": port, "ray_client_server_port": client_port},
    )
    cluster.add_node(**node)
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()
