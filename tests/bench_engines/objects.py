"""What Ancla applies to the cluster for a service, as plain objects that somebody else could apply."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.lanes import Lane
from chalicelib.manifests.names import account_of, resource_name
from chalicelib.manifests.shared import render_shared
from chalicelib.manifests.surroundings import surroundings_of
from chalicelib.pipeline.loads import load_snapshot
from chalicelib.pipeline.wanted import identity, service_set
from chalicelib.ports import Ports
from chalicelib.ports.cluster import Manifest
from chalicelib.ports.store import get_one
from chalicelib.settings import read_settings
from chalicelib.wiring import make_ports

Objects = Sequence[Manifest]


@dataclass(frozen=True, slots=True)
class Running:
    """What a service has running, read from Ancla's own records and engines."""

    ports: Ports
    address: Address
    service: Service
    lane: Lane

    @property
    def deployment(self) -> str:
        return resource_name(self.address, "web")

    @property
    def account(self) -> str:
        """The service account of its pods."""
        return account_of(self.address)

    @property
    def snapshot(self) -> str:
        """The hash of the active one."""
        assert self.lane.active is not None
        return self.lane.active.snapshot

    def objects(self) -> list[Manifest]:
        """All that a deploy of it makes sure of: what the workspace shares, who the service is, and what runs it."""
        assert self.lane.active is not None
        workspace = get_one(self.ports.store, keys.workspace(self.address.workspace))
        assert workspace is not None
        made = load_snapshot(self.ports, self.service.id, self.lane.active.snapshot)
        return [
            *render_shared(workspace, surroundings=surroundings_of(self.ports.settings)),
            *identity(self.ports, self.address, self.service.id, made),
            *service_set(self.ports, self.address, self.service.id, made, self.lane.active.counts),
        ]


def running(environ: Mapping[str, str], address: str) -> Running:
    """The service at that address of the Ancla with this environment."""
    ports, parsed = make_ports(read_settings(environ)), Address.parse(address)
    service = get_one(ports.store, keys.service(parsed))
    assert service is not None, f"there is no service {address}"
    lane = get_one(ports.store, keys.lane(service.id))
    assert lane is not None and lane.active is not None, f"{address} runs nothing"
    return Running(ports, parsed, service, lane)


def moved(objects: Objects, namespace: str) -> list[Manifest]:
    """The same objects in another namespace, reached under a host name of its own."""
    return [_moved(one, namespace) for one in objects]


def with_variable(objects: Objects, name: str, value: str) -> list[Manifest]:
    """The same objects with another value of a plain variable of their processes, which has to be there."""
    changed = copy.deepcopy(list(objects))
    entries = [entry for one in changed if one["kind"] == "Deployment" for entry in _variables(one) if entry["name"] == name]
    if not entries:
        raise ValueError(f"no process has a variable {name}")
    for entry in entries:
        entry["value"] = value
    return changed


def without_namespace(objects: Objects) -> list[Manifest]:
    return [one for one in objects if one["kind"] != "Namespace"]


def _moved(manifest: Manifest, namespace: str) -> Manifest:
    one: dict[str, Any] = copy.deepcopy(dict(manifest))
    if one["kind"] == "Namespace":
        one["metadata"]["name"] = namespace
    else:
        one["metadata"]["namespace"] = namespace
    for rule in one["spec"]["rules"] if one["kind"] == "Ingress" else ():
        rule["host"] = f"{namespace}-{rule['host']}"
    return one


def _variables(deployment: Manifest) -> list[dict[str, str]]:
    return [entry for container in deployment["spec"]["template"]["spec"]["containers"] for entry in container.get("env", ())]
