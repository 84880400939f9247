"""Consul does nothing without a token, and with one what its policy says."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from engines.consul.settings import files
from engines.consul.setup import as_manager, server
from engines.kubernetes.network import HOST_IP
from engines.pki.https import Server
from engines.site import Site

CHECKED_WITHIN = 10.0


@pytest.fixture
def ancla(site: Site) -> Server:
    return server(site, files(site).ancla_token.read_text())


@pytest.fixture
def name(site: Site) -> Iterator[str]:
    found = f"suite-{uuid.uuid4().hex[:8]}"
    yield found
    as_manager(site).ask("PUT", f"/v1/agent/service/deregister/{found}")


@pytest.fixture
def own_token(site: Site, ancla: Server, name: str) -> Iterator[Server]:
    """A token that Ancla made for this one service."""
    made = ancla.call("PUT", "/v1/acl/token", {"ServiceIdentities": [{"ServiceName": name}]})
    yield server(site, made["SecretID"])
    # First: without its token, the agent could not take the service out of the catalog, and would try without end.
    ancla.ask("PUT", f"/v1/agent/service/deregister/{name}")
    ancla.call("DELETE", f"/v1/acl/token/{made['AccessorID']}")


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test says what matters."""


@pytest.fixture
def healthy() -> Iterator[ThreadingHTTPServer]:
    listening = ThreadingHTTPServer((HOST_IP, 0), Healthy)
    Thread(target=listening.serve_forever, daemon=True).start()
    yield listening
    listening.shutdown()
    listening.server_close()


def service(name: str, port: int = 9) -> dict[str, object]:
    check = {"HTTP": f"http://{HOST_IP}:{port}/", "Interval": "1s", "Timeout": "1s"}
    return {"ID": name, "Name": name, "Address": HOST_IP, "Port": port, "Check": check}


def passing(consul: Server, name: str) -> bool:
    return bool(consul.call("GET", f"/v1/health/service/{name}?passing"))


def becomes(consul: Server, name: str, wanted: bool) -> bool:
    end = time.monotonic() + CHECKED_WITHIN
    while passing(consul, name) is not wanted:
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def test_the_token_of_a_service_registers_that_one_and_no_other(own_token: Server, name: str) -> None:
    assert own_token.ask("PUT", "/v1/agent/service/register", service(name)).status == 200
    assert own_token.ask("PUT", "/v1/agent/service/register", service("somebody-else")).status == 403


def test_nobody_registers_without_a_token(site: Site, name: str) -> None:
    assert server(site, "").ask("PUT", "/v1/agent/service/register", service(name)).status == 403


def test_a_check_follows_the_health_of_the_service(site: Site, ancla: Server, name: str, healthy: ThreadingHTTPServer) -> None:
    ancla.call("PUT", "/v1/agent/service/register", service(name, healthy.server_port))
    clients = as_manager(site)  # who looks services up reads nodes too, which Ancla itself has no business with
    assert becomes(clients, name, True)
    healthy.shutdown()
    healthy.server_close()
    assert becomes(clients, name, False)


def test_a_key_moves_by_the_index_that_was_read(ancla: Server, name: str) -> None:
    key = f"/v1/kv/ancla/{name}"
    assert ancla.call("PUT", f"{key}?cas=0", "one") is True
    assert ancla.call("PUT", f"{key}?cas=0", "two") is False
    index = ancla.call("GET", key)[0]["ModifyIndex"]
    assert ancla.call("PUT", f"{key}?cas={index}", "two") is True
    assert ancla.call("PUT", f"{key}?cas={index}", "three") is False
    ancla.call("DELETE", key)


def test_keys_of_others_are_refused(ancla: Server) -> None:
    assert ancla.ask("PUT", "/v1/kv/somebody-else", "one").status == 403
