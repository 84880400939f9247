"""What there is outside of Ancla's own records, seen from beside it: through the embedded engines' own files, or as the administrator of
the real engines."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from chalicelib.adapters.consul import token_id
from chalicelib.adapters.embedded.node.objects import open_objects
from chalicelib.adapters.kubernetes.api import APPLY, Api
from chalicelib.adapters.kubernetes.kinds import collection, place_of
from chalicelib.adapters.kubernetes.writes import MANAGER
from chalicelib.manifests.names import SERVICE_LABEL, namespace_of
from chalicelib.manifests.vault import role_name, snapshot_prefix
from chalicelib.ports.cluster import Manifest
from engines.site import read_site
from engines.vault.operator import as_operator
from tests.contracts.real_consul import Asking, consul_settings
from tests.contracts.real_vault import vault_settings
from tests.journeys.ground import GROUND
from tests.journeys.harness import Ancla
from tests.journeys.processes import processes_of

NAMESPACE = namespace_of("acme")
DERIVED = {"Pod", "ReplicaSet", "Endpoints", "EndpointSlice"}
"""The kinds of what the cluster itself makes of what was applied."""
_COMPUTED = "metrics.k8s.io"
"""The API group whose objects are kept nowhere, but measured when they are asked for."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An object in the cluster."""

    kind: str
    name: str
    uid: str
    owner: str
    labels: Mapping[str, str]
    manifest: Manifest


class Observer(Protocol):
    grace: float
    """Seconds in which what belongs to nobody any more has to be gone."""

    def objects_of(self, service_id: str) -> list[Seen]:
        """All of the service's that is in the cluster."""

    def applied(self, manifest: Manifest) -> Manifest:
        """What would be there if the manifest was applied now: with what the cluster adds to it."""

    def running(self) -> list[str]:
        """All processes of services, a word for each."""

    def kept_of(self, service_id: str) -> dict[str, Sequence[str]]:
        """What there is of a service in the vault and beside its entry in the catalog."""


class EmbeddedObserver:
    grace = 0.0

    def __init__(self, home: Path) -> None:
        self._home = home

    def objects_of(self, service_id: str) -> list[Seen]:
        with open_objects(self._home) as objects:
            return [
                Seen(kind=one.kind, name=one.name, uid=one.uid, owner=one.owner, labels=one.labels, manifest=one.manifest)
                for one in objects.labelled(NAMESPACE, SERVICE_LABEL, service_id)
            ]

    def applied(self, manifest: Manifest) -> Manifest:
        return manifest

    def running(self) -> list[str]:
        return [command for command in processes_of(self._home).values() if command.startswith("/bin/sh -c python server.py")]

    def kept_of(self, service_id: str) -> dict[str, Sequence[str]]:
        with closing(sqlite3.connect(self._home / "vault" / "vault.db")) as vault:
            paths = [path for (path,) in vault.execute("SELECT path FROM entry") if path.startswith(snapshot_prefix(service_id))]
            rules = [rule for (rule,) in vault.execute("SELECT service_id FROM rule") if rule == service_id]
        return {"secrets": paths, "rules": rules}


class EnginesObserver:
    """With an administrator's rights: what Ancla itself may not see is seen too."""

    grace = 60.0

    def __init__(self, admin: Path) -> None:
        self._api = Api(admin)
        self._vault = as_operator(read_site())

    def objects_of(self, service_id: str) -> list[Seen]:
        found: list[Seen] = []
        for kind, path in self._kept.items():
            listed = self._api.get(path, labelSelector=f"{SERVICE_LABEL}={service_id}")
            # What each of them says of itself when it is asked for alone, the list says once for all.
            found += [_seen({"kind": kind, "apiVersion": listed["apiVersion"], **item}) for item in listed["items"]]
        return found

    def applied(self, manifest: Manifest) -> Manifest:
        query = {"fieldManager": MANAGER, "force": "true", "dryRun": "All"}
        return self._api.patch(place_of(manifest), manifest, APPLY, **query)

    def running(self) -> list[str]:
        pods = self._api.get(collection("Pod", NAMESPACE), fieldSelector="status.phase!=Succeeded,status.phase!=Failed")["items"]
        return [pod["metadata"]["name"] for pod in pods]

    def kept_of(self, service_id: str) -> dict[str, Sequence[str]]:
        name, chosen = role_name(service_id), vault_settings()
        listed = self._vault.ask("LIST", f"/v1/{chosen.mount}/metadata/{snapshot_prefix(service_id)}")
        rules = [f"/v1/auth/{chosen.kubernetes_auth}/role/{name}", f"/v1/sys/policies/acl/{name}"]
        token = Asking(consul_settings()).ask("GET", f"acl/token/{token_id(service_id)}")
        return {
            "secrets": [] if listed.status == 404 else listed.body["data"]["keys"],
            "rules": [path for path in rules if self._vault.answers(path)],
            "tokens": [token_id(service_id)] if token.ok else [],
        }

    @cached_property
    def _kept(self) -> dict[str, str]:
        """All kinds of objects that this cluster keeps in namespaces, with the path to those in ours."""
        groups = [group["preferredVersion"]["groupVersion"] for group in self._api.get("/apis")["groups"] if group["name"] != _COMPUTED]
        found: dict[str, str] = {}
        for root in ("/api/v1", *(f"/apis/{version}" for version in groups)):
            for resource in self._api.get(root)["resources"]:
                if resource["namespaced"] and "list" in resource["verbs"]:
                    found.setdefault(resource["kind"], f"{root}/namespaces/{NAMESPACE}/{resource['name']}")
        return found


def make_observer(ancla: Ancla) -> Observer:
    return EnginesObserver(GROUND.admin) if GROUND.admin else EmbeddedObserver(ancla.home)


def _seen(item: Manifest) -> Seen:
    metadata = item["metadata"]
    owners = [owner["uid"] for owner in metadata.get("ownerReferences", [])]
    labels = metadata.get("labels", {})
    return Seen(kind=item["kind"], name=metadata["name"], uid=metadata["uid"], owner=",".join(owners), labels=labels, manifest=item)
