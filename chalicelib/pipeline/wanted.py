"""What a snapshot wants outside: the objects in the cluster and the entry in the catalog."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.addresses import Address
from chalicelib.domain.fences import Fence
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests.catalog import render_entry
from chalicelib.manifests.kubernetes import render_identity, render_set, with_counts
from chalicelib.manifests.surroundings import surroundings_of
from chalicelib.ports import Ports
from chalicelib.ports.cluster import Manifest


def identity(ports: Ports, address: Address, service_id: str, made: Snapshot) -> list[Manifest]:
    """The service account, with new credentials to pull the one image."""
    grant = ports.registry.grant_pull(service_id, made.image.repository, now=ports.clock.now())
    return list(render_identity(address, service_id, grant))


def service_set(ports: Ports, address: Address, service_id: str, made: Snapshot, counts: Mapping[str, int]) -> list[Manifest]:
    """Everything that runs this snapshot, with counts on the outside."""
    settings = ports.settings
    rendered = render_set(
        address,
        service_id,
        made,
        snapshot_hash=made.hash,
        apps_domain=settings.apps_domain,
        tls=settings.tls,
        surroundings=surroundings_of(settings),
    )
    return with_counts(rendered, counts)


def put_into_catalog(ports: Ports, address: Address, service_id: str, made: Snapshot, fence: Fence) -> None:
    settings = ports.settings
    entry = render_entry(
        address,
        service_id,
        made,
        apps_domain=settings.apps_domain,
        tls=settings.tls,
        router=settings.router_host,
        port=settings.router_port,
    )
    ports.catalog.register(entry, fence)
