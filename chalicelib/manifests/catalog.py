"""A service as others find it in service discovery."""

from __future__ import annotations

from chalicelib.domain.addresses import Address
from chalicelib.domain.procfile import WEB
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests.names import host_of
from chalicelib.ports.catalog import Entry


def render_entry(
    address: Address,
    service_id: str,
    snapshot: Snapshot,
    *,
    apps_domain: str,
    tls: bool = False,
    router: str = "127.0.0.1",
    port: int = 80,
) -> Entry:
    """The service's entry: it is reached, and checked, through the router (or ingress) at `router`:`port` by its host name. One
    without a web process is listed and has no check."""
    serves = WEB in snapshot.processes
    scheme = "https" if tls else "http"
    host = host_of(address, apps_domain)
    return Entry(
        service_id=service_id,
        name=host.split(".", 1)[0],
        address=router if serves else "",
        port=port if serves else 0,
        tags=("ancla", f"project-{address.project}", f"environment-{address.environment}"),
        meta={"ancla-address": str(address), "ancla-build": str(snapshot.build), "ancla-commit": snapshot.commit},
        check_url=f"{scheme}://{router}:{port}{snapshot.health_check_path}" if serves else "",
        check_host=host if serves else "",
    )
