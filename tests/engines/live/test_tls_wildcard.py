"""HTTPS without cert-manager: one certificate of one's own for all hosts below the domain of the services."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engines.certificates import Pair, ensure_authority, ensure_server
from engines.kubernetes.client import apply, kubectl
from engines.kubernetes.workers import DEFAULT_CERTIFICATE
from engines.site import Site
from tests.engines.live.secured import Secured, service_in, workspace
from tests.engines.live.workloads import wait_until


@pytest.fixture
def authority(tmp_path: Path) -> Pair:
    """Somebody else's, whom neither cert-manager nor the ACME server knows."""
    made = Pair(tmp_path, "authority")
    ensure_authority(made, "somebody else")
    return made


@pytest.fixture
def service(site: Site) -> Iterator[Secured]:
    with workspace(site) as room:
        made = service_in(room, domain=f"{room.namespace}.example")
        made.deploy(issuer="")
        room.kubectl("rollout", "status", "deployment", "--timeout=50s")
        yield made


@contextmanager
def default_certificate(site: Site, pair: Pair) -> Iterator[None]:
    namespace, name = DEFAULT_CERTIFICATE
    data = {"tls.crt": pair.certificate, "tls.key": pair.key}
    encoded = {key: base64.b64encode(path.read_bytes()).decode() for key, path in data.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "type": "kubernetes.io/tls"}
    apply(site, json.dumps({**secret, "data": encoded}))
    try:
        yield
    finally:
        kubectl(site, "delete", "secret", f"--namespace={namespace}", name)


def test_every_host_below_a_domain_is_reached_with_the_wildcard_certificate(site: Site, service: Secured, authority: Pair) -> None:
    wildcard = Pair(authority.folder, "wildcard")
    ensure_server(wildcard, authority, "wildcard", (f"DNS:*.{service.domain}",))
    root = authority.certificate.read_text()
    with pytest.raises((ssl.SSLError, OSError)):
        service.fetch(root)
    with default_certificate(site, wildcard):
        wait_until(lambda: service.serves(root))
        assert service.fetch(root).certificate["subjectAltName"] == (("DNS", f"*.{service.domain}"),)
        assert [name for name in service.leftovers() if name.startswith(("certificate", "secret"))] == []


def test_a_wildcard_for_another_domain_is_shown_but_not_trusted(site: Site, service: Secured, authority: Pair) -> None:
    wildcard = Pair(authority.folder, "wildcard")
    ensure_server(wildcard, authority, "wildcard", (f"DNS:*.other-{service.domain}",))
    with default_certificate(site, wildcard), pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        service.fetch(authority.certificate.read_text())
