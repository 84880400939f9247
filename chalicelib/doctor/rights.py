"""What Ancla's account in the cluster has to be allowed: exactly what the adapters ask, and what `engines/cluster` gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.manifests.shared import WORKSPACE_ROLE

RBAC = "rbac.authorization.k8s.io"
BINDING = "ancla"
"""The name of the role binding in each workspace's namespace."""


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource (`pods/log` is one); with a name: on the object of that name alone."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        where = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {where}{f' {self.name}' if self.name else ''}"

    def attributes(self, namespace: str) -> dict[str, str]:
        """As a SelfSubjectAccessReview asks for it; without a namespace: in all of them."""
        resource, _, subresource = self.resource.partition("/")
        asked = {"group": self.group, "resource": resource, "subresource": subresource, "verb": self.verb, "name": self.name}
        return {"namespace": namespace, **asked}


def _rights(group: str, resource: str, verbs: str, name: str = "") -> tuple[Right, ...]:
    return tuple(Right(group, resource, verb, name) for verb in verbs.split())


NAMESPACES = _rights("", "namespaces", "get create patch")
HANDING_OUT = (
    *_rights(RBAC, "rolebindings", "create"),
    *_rights(RBAC, "rolebindings", "get patch", BINDING),
    *_rights(RBAC, "clusterroles", "bind", WORKSPACE_ROLE),
)
"""What an account needs that gives itself its rights in each workspace."""
LOOKING = (
    *_rights(RBAC, "clusterroles", "get", WORKSPACE_ROLE),
    *_rights("networking.k8s.io", "ingressclasses", "get"),
    *_rights("", "nodes", "list"),
)
"""What the doctor asks for, and what a failure card says more with. Without it less is told, and nothing fails."""
WORKSPACE = (
    *_rights("", "configmaps", "get list create patch delete"),
    *_rights("", "limitranges", "get create patch"),
    *_rights("", "resourcequotas", "get create patch"),
    *_rights("", "secrets", "get list create patch"),
    *_rights("", "serviceaccounts", "get list create patch"),
    *_rights("", "serviceaccounts/token", "create"),
    *_rights("", "services", "get list create patch"),
    *_rights("apps", "deployments", "get list watch create patch"),
    *_rights("apps", "replicasets", "list watch"),
    *_rights("networking.k8s.io", "ingresses", "get list create patch"),
    *_rights("networking.k8s.io", "networkpolicies", "get list create patch"),
    *_rights("", "pods", "get list watch create patch delete"),
    *_rights("", "pods/log", "get"),
    *_rights("", "events", "list"),
    *_rights("metrics.k8s.io", "pods", "list"),
)
BUILDS = (
    *_rights("batch", "jobs", "get create patch delete"),
    *_rights("", "secrets", "get create delete"),
    *_rights("", "pods", "list"),
    *_rights("", "pods/log", "get"),
)


def rights_of(rules: Iterable[Mapping[str, Any]]) -> Iterator[Right]:
    """All that a role's rules give, one by one."""
    for rule in rules:
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                for verb in rule.get("verbs") or ():
                    yield from (Right(group, resource, verb, name) for name in rule.get("resourceNames") or ("",))


def not_given(wanted: Sequence[Right], rules: Iterable[Mapping[str, Any]]) -> list[Right]:
    """Those of the rights that no rule gives."""
    given = set(rights_of(rules))
    return [right for right in wanted if not given & _givers(right)]


def _givers(right: Right) -> set[Right]:
    """The rights that this one is, or is a part of: `*` stands for every group, resource or verb."""
    groups, resources, verbs, names = ((part, "*") for part in (right.group, right.resource, right.verb, right.name))
    return {
        Right(group, resource, verb, "" if name == "*" else name)
        for group in groups
        for resource in resources
        for verb in verbs
        for name in names
    }
