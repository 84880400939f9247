"""Which host name leads to which pods: read off Ingress and Service objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chalicelib.adapters.embedded.node.objects import Object


@dataclass(frozen=True, slots=True)
class Target:
    """The pods of a namespace that have all these labels."""

    namespace: str
    selector: Mapping[str, str]

    def takes(self, namespace: str, labels: Mapping[str, str]) -> bool:
        return namespace == self.namespace and self.selector.items() <= labels.items()


def targets(objects: Iterable[Object]) -> dict[str, Target]:
    """By host name in lower case. A host whose Service is missing leads nowhere but is known."""
    everything = list(objects)
    selectors = {(item.namespace, item.name): item.manifest["spec"].get("selector", {}) for item in everything if item.kind == "Service"}
    found: dict[str, Target] = {}
    for item in everything:
        if item.kind == "Ingress":
            for rule in item.manifest["spec"].get("rules", ()):
                service = rule["http"]["paths"][0]["backend"]["service"]["name"]
                selector = selectors.get((item.namespace, service), {"": "no such service"})
                found.setdefault(rule["host"].lower(), Target(item.namespace, selector))
    return found
