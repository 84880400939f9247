"""What is told of the nodes where a pod gets none."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.adapters.kubernetes.nodes import node_troubles


def node(name: str, *, closed: bool = False, **conditions: str) -> dict[str, Any]:
    told = [{"type": kind, "status": status} for kind, status in {"Ready": "True", **conditions}.items()]
    return {"metadata": {"name": name}, "spec": {"unschedulable": True} if closed else {}, "status": {"conditions": told}}


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([], ""),
        ([node("a")], ""),
        ([node("a", DiskPressure="True"), node("b", DiskPressure="False")], "node a: DiskPressure"),
        ([node("a", closed=True, Ready="Unknown")], "node a: closed to new pods, not ready"),
        (
            [node(name, MemoryPressure="True") for name in "abcde"],
            "; ".join(f"node {name}: MemoryPressure" for name in "abc") + "; 2 more nodes take none either",
        ),
    ],
)
def test_the_nodes_that_take_no_pods_are_named_with_what_is_wrong(nodes: list[dict[str, Any]], words: str) -> None:
    assert node_troubles(nodes) == words
