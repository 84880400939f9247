"""The engine: its server runs first, and is made a part of the API once it has something to tell."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from engines import pki
from engines.certificates import Pair, ensure_server
from engines.engine import Engine
from engines.errors import Trouble
from engines.kubernetes import client
from engines.kubernetes.containerd import ensure_image
from engines.kubernetes.network import NODE_NAME
from engines.metrics.manifests import API_VERSION, GROUP, HOST, NAME, NAMESPACE, render_api, render_certificate, render_server
from engines.metrics.recipes import IMAGE_NAME, LICENCE, PROGRAM, VERSION
from engines.site import Site


def define(site: Site) -> tuple[Engine, ...]:
    return (
        Engine(
            name=NAME,
            version=VERSION,
            licence=LICENCE,
            address=f"{API_VERSION}.{GROUP}",
            needs=(pki.NAME, "containerd", "scheduler", "controller-manager", "kubelet", "kube-proxy"),
            before=lambda: _install(site),
            # Some 20 s: it compares two looks, and the kubelet looks every ten. A group of the API that nobody answers for would
            # meanwhile be in the way of everybody who asks what there is: no namespace is deleted before that is known.
            answers=lambda: _is_available(site),
            after=lambda: client.apply(site, json.dumps(render_api(pki.authority(site).certificate.read_text()))),
            ready=lambda: has_measured(client.find(site, f"/apis/{GROUP}/{API_VERSION}/nodes"), NODE_NAME),
            clean=lambda: _unregister(site),
            ready_within=90,
        ),
    )


def certificate(site: Site) -> Pair:
    """Whether or not it is there yet."""
    return pki.certificate(site, NAME)


def has_measured(listed: dict[str, Any] | None, node: str) -> bool:
    """Whether the API, as it answered, knows what the node uses."""
    items = (listed or {}).get("items") or ()
    return any(item["metadata"]["name"] == node and item["usage"] for item in items)


def _install(site: Site) -> None:
    ensure_image(site, PROGRAM, NAME, IMAGE_NAME)
    pair = certificate(site)
    # For this name alone: pods of the cluster get the key, and the same authority speaks for servers at addresses of the machine.
    ensure_server(pair, pki.authority(site), NAME, (f"DNS:{HOST}",))
    client.apply(site, json.dumps(render_certificate(pair.certificate.read_text(), pair.key.read_text())))
    client.apply(site, render_server())


def _unregister(site: Site) -> None:
    """So that the next API server, with the same data, does not begin with a group that nobody answers for yet."""
    with suppress(Trouble):  # the API server may be away
        client.kubectl(site, "delete", f"apiservice/{API_VERSION}.{GROUP}", "--ignore-not-found", "--request-timeout=5s")


def _is_available(site: Site) -> bool:
    found = client.find(site, f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}") or {}
    status = found.get("status", {})
    return status.get("observedGeneration") == found.get("metadata", {}).get("generation") and bool(status.get("availableReplicas"))
