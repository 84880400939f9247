"""The embedded family put together: rendered manifests, the node as it ships, images from the registry, secrets from the vault."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.embedded.cluster import EmbeddedCluster
from chalicelib.adapters.embedded.node.control import ensure_node, stop_node
from chalicelib.adapters.embedded.registry import EmbeddedRegistry
from chalicelib.adapters.embedded.vault import EmbeddedVault
from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.builds import Image
from chalicelib.domain.errors import AnclaError
from chalicelib.domain.fences import Fence, Phase
from chalicelib.domain.hierarchy import Workspace
from chalicelib.domain.secrets import Secret
from chalicelib.domain.snapshots import FrozenVariable, Snapshot
from chalicelib.manifests.identity import render_identity
from chalicelib.manifests.kubernetes import render_anchor, render_set, with_counts
from chalicelib.manifests.names import account_of, host_of, namespace_of, repository_of, resource_name
from chalicelib.manifests.shared import render_shared
from chalicelib.manifests.vault import snapshot_path, snapshot_prefix
from chalicelib.ports.cluster import Manifest, ProcessStatus
from chalicelib.ports.vault import Workload
from chalicelib.settings import Settings, read_settings
from tests.machine import free_port

API = Address("acme", "shop", "prod", "api")
SERVICE_ID = "5b0c3f0e-8a54-4d0e-9a2b-0a6f4f3c2d10"
NOW = datetime.now(UTC)
APP = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({name: os.environ.get(name) for name in ("GREETING", "TOKEN")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = read_settings({"ANCLA_HOME": str(tmp_path / "home"), "ANCLA_ROUTER_PORT": str(free_port())})
    ensure_node(settings)
    yield settings
    stop_node(settings.home)


@pytest.fixture
def snapshot(settings: Settings, tmp_path: Path) -> Snapshot:
    """Of an image that is in the registry, with one plain variable and one secret."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "app.py").write_text(APP)
    repository = repository_of(API, SERVICE_ID)
    digest = EmbeddedRegistry(settings.home).put(tree, repository, 1)
    variable = FrozenVariable(value="cost: $$5 $(NOW) $HOME", owner="acme", level=Level.WORKSPACE)
    secret = FrozenVariable(secret=True, scope_id="scope", vault_version=1, owner="acme", level=Level.WORKSPACE)
    return Snapshot(
        image=Image(repository=repository, digest=digest, processes={"web": "python3 app.py"}),
        build=1,
        commit="4f2d" * 10,
        config={"GREETING": variable, "TOKEN": secret},
        health_check_path="/_health/",
        deployment_timeout=60,
    )


def allow(settings: Settings, snapshot: Snapshot) -> None:
    workload = Workload(service_id=SERVICE_ID, namespace=namespace_of("acme"), account=account_of(API))
    with closing(EmbeddedVault(settings.home)) as vault:
        vault.write(snapshot_path(SERVICE_ID, snapshot.hash), {"TOKEN": Secret("from the vault")}, cas=0)
        vault.allow(workload, snapshot_prefix(SERVICE_ID))


def roll_out(settings: Settings, snapshot: Snapshot) -> ProcessStatus:
    cluster, fence = EmbeddedCluster(settings.home, SystemClock()), Fence(SERVICE_ID, 1)
    grant = EmbeddedRegistry(settings.home).grant_pull(SERVICE_ID, snapshot.image.repository, now=NOW)
    cluster.ensure_shared(render_shared(Workspace(id="w", slug="acme", name="Acme", created=NOW, updated=NOW)), version=1)
    owner = cluster.ensure_anchor(render_anchor(API, SERVICE_ID, 1, Phase.ROLL_OUT), fence)
    cluster.apply(render_identity(API, SERVICE_ID, grant), owner=owner, fence=fence)
    cluster.apply(rendered(snapshot), owner=owner, fence=fence)
    return cluster.watch(namespace_of("acme"), [resource_name(API, "web")], seconds=10)[0]


def rendered(snapshot: Snapshot) -> list[Manifest]:
    manifests = render_set(API, SERVICE_ID, snapshot, snapshot_hash=snapshot.hash, apps_domain="localhost", tls=False)
    return with_counts(manifests, {"web": 1})


def test_a_rendered_service_runs_with_its_image_its_variables_and_its_secrets(settings: Settings, snapshot: Snapshot) -> None:
    allow(settings, snapshot)

    assert roll_out(settings, snapshot).settled

    connection = http.client.HTTPConnection("127.0.0.1", settings.router_port, timeout=10)
    with closing(connection):
        connection.request("GET", "/", headers={"Host": host_of(API, "localhost")})
        answer = json.loads(connection.getresponse().read())
    assert answer == {"GREETING": "cost: $$5 $(NOW) $HOME", "TOKEN": "from the vault"}


def test_a_service_that_the_vault_denies_fails(settings: Settings, snapshot: Snapshot) -> None:
    status = roll_out(settings, snapshot)

    assert status.failure == "process_exited"


def test_an_image_that_is_not_in_the_registry_is_told(settings: Settings, snapshot: Snapshot) -> None:
    allow(settings, snapshot)
    missing = replace(snapshot, image=replace(snapshot.image, digest="sha256:" + "00" * 32))

    status = roll_out(settings, missing)

    assert status.failure == "image_unavailable"
    assert "is not in the registry" in status.message


def test_no_secret_is_in_any_file_of_the_cluster(settings: Settings, snapshot: Snapshot) -> None:
    allow(settings, snapshot)
    assert roll_out(settings, snapshot).settled

    holding = [path for path in settings.home.rglob("*") if path.is_file() and b"from the vault" in path.read_bytes()]

    assert holding == []


def test_the_embedded_cluster_does_not_start_on_lambda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "roll-out")

    with pytest.raises(AnclaError, match="does not run on Lambda"):
        EmbeddedCluster(tmp_path, SystemClock())
