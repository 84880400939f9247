"""What keeps nodes from taking a pod. The scheduler counts them by kind of reason, and says neither which taint nor which node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.pods import condition
from chalicelib.adapters.kubernetes.refusals import Refusal

NODES = "/api/v1/nodes"
LOOKED_AT = 100
NAMED = 3
"""Nodes that are told of; how many more there are is said too."""
PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable")
"""Node conditions that are true when something is wrong: https://kubernetes.io/docs/reference/node/node-status/#condition"""


def with_node_troubles(api: Api, said: str) -> str:
    """What the scheduler said, and what is wrong with which node; as it was where Ancla's account may not look at nodes."""
    try:
        nodes: Sequence[Answer] = api.get(NODES, limit=str(LOOKED_AT))["items"]
    except Refusal:
        return said
    return "; ".join(filter(None, (said, node_troubles(nodes))))


def node_troubles(nodes: Sequence[Mapping[str, Any]]) -> str:
    """In words; empty when each of them takes pods."""
    told = [f"node {node['metadata']['name']}: {', '.join(troubles)}" for node in nodes if (troubles := list(_troubles(node)))]
    more = [f"{len(told) - NAMED} more nodes take none either"] if len(told) > NAMED else []
    return "; ".join([*told[:NAMED], *more])


def _troubles(node: Mapping[str, Any]) -> Iterator[str]:
    if node["spec"].get("unschedulable"):
        yield "closed to new pods"
    if condition(node, "Ready").get("status") != "True":
        yield "not ready"
    for pressure in PRESSURES:
        if condition(node, pressure).get("status") == "True":
            yield pressure
