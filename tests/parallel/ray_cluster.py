"""A Ray cluster of two nodes of one core each, which ends with whatever holds its standard input.

    python -m tests.parallel.ray_cluster

It writes its address, and the process id of the second node.
"""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        node = cluster.add_node(**NODE)
        (raylet,) = node.all_processes["raylet"]
        sys.stdout.write(f"{cluster.address} {raylet.process.pid}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
