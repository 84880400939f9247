"""The addresses of the one-node cluster. All of them exist on this machine alone, and only while the engines are up.

    machine                         node's network namespace
    10.199.0.1  ancla-node ══════ eth0  10.199.0.2 ── cni0 ── pods 10.244.0.0/24
    routes to services and pods ──►     kube-proxy: services 10.96.0.0/16

The machine reaches the node, services and pods; these reach the machine at 10.199.0.1. No route leads further out from the node.
"""

from __future__ import annotations

import os

HOST_IP = "10.199.0.1"
NODE_IP = "10.199.0.2"
LINK_PREFIX = 30
POD_CIDR = "10.244.0.0/24"
CLUSTER_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
DNS_SERVICE_IP = "10.96.0.10"

LINK = "ancla-node"
"""The machine's end of the link to the node (15 characters at most)."""
CGROUP = os.environ.get("ANCLA_ENGINES_CGROUP") or "ancla-node"
"""Where the pods' cgroups are. A second set, in a network namespace of its own, needs another one."""
NODE_NAME = "ancla"
API_PORT = 6443
API_URL = f"https://{NODE_IP}:{API_PORT}"
CLUSTER_DOMAIN = "cluster.local"
