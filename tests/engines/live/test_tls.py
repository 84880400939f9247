"""Certificates that cert-manager gets from an ACME server, for Ingresses as Ancla renders them."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.manifests.shared import ACME_PORT
from chalicelib.manifests.surroundings import Neighbours
from engines import pebble
from engines.errors import Trouble
from engines.kubernetes.network import HOST_IP
from engines.pebble.settings import NAME_MANAGEMENT
from engines.site import Site
from tests.engines.live.secured import SURROUNDINGS, Secured, condition, renew, service_in, workspace
from tests.engines.live.workloads import Room, pod, wait_until

ISSUED_WITHIN = 60


@pytest.fixture
def walled(site: Site) -> Iterator[Room]:
    with workspace(site) as room:
        yield room


@pytest.fixture
def root(site: Site) -> str:
    return pebble.fetch_root(site)


def tell_name_server(verb: str, **body: object) -> None:
    connection = http.client.HTTPConnection(NAME_MANAGEMENT, timeout=5)
    connection.request("POST", f"/{verb}", json.dumps(body))
    assert connection.getresponse().status == http.client.OK
    connection.close()


@contextmanager
def elsewhere(host: str) -> Iterator[None]:
    """The name server says that the host is another machine."""
    tell_name_server("add-a", host=host, addresses=[HOST_IP])
    try:
        yield
    finally:
        tell_name_server("clear-a", host=host)


def what_is_missing(room: Room) -> str:
    """What cert-manager says of the challenges that are not met."""
    return " ".join(challenge.get("status", {}).get("reason", "") for challenge in room.get_all("challenges"))


@contextmanager
def visitor(service: Secured, root: str) -> Iterator[list[str]]:
    """Somebody who asks all the time; the list says what went wrong."""
    failures: list[str] = []
    over = threading.Event()

    def visit() -> None:
        while not over.wait(0.02):
            try:
                answer = service.fetch(root)
                if answer.status != http.client.OK:
                    failures.append(str(answer.status))
            except OSError as error:
                failures.append(repr(error))

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield failures
    finally:
        over.set()
        thread.join()


def test_a_service_is_reached_with_a_certificate_that_the_acme_server_signed_for_its_host(walled: Room, root: str) -> None:
    service = service_in(walled)
    service.deploy()
    wait_until(lambda: service.serves(root), within=ISSUED_WITHIN)
    answer = service.fetch(root)
    assert answer.certificate["subjectAltName"] == (("DNS", service.host),)
    assert f" GET {service.host} /" in answer.body
    wait_until(lambda: not [name for name in service.leftovers() if "acme-http-solver" in name or name.startswith("challenge")])


def test_a_renewed_certificate_is_shown_without_a_failed_request(walled: Room, root: str) -> None:
    service = service_in(walled)
    service.deploy()
    wait_until(lambda: service.serves(root), within=ISSUED_WITHIN)
    first = service.fetch(root).certificate["serialNumber"]
    with visitor(service, root) as failures:
        renew(walled, service.certificate)
        wait_until(lambda: service.fetch(root).certificate["serialNumber"] != first, within=ISSUED_WITHIN)
    assert failures == []


def test_a_service_that_is_deployed_again_keeps_its_certificate(walled: Room, root: str) -> None:
    service = service_in(walled)
    service.deploy(turn=1)
    wait_until(lambda: service.serves(root), within=ISSUED_WITHIN)
    first = service.fetch(root).certificate["serialNumber"]
    service.deploy(turn=2)
    service.remove(turn=1)
    wait_until(lambda: "turn-1." not in walled.kubectl("get", "configmap", "--output=name"))
    with visitor(service, root) as failures:
        wait_until(lambda: len(walled.get_all("pods")) == 1)
    assert service.fetch(root).certificate["serialNumber"] == first
    assert failures == []


def test_nothing_is_left_of_a_service_that_is_removed(walled: Room, root: str) -> None:
    before = service_in(walled).leftovers()
    service = service_in(walled)
    service.deploy()
    wait_until(lambda: service.serves(root), within=ISSUED_WITHIN)
    assert f"secret/{service.certificate}" in service.leftovers()
    service.remove()
    wait_until(lambda: service.leftovers() == before, within=30)
    with pytest.raises(ssl.SSLError):
        service.fetch(root)


def test_nothing_is_left_of_a_service_that_is_removed_before_it_has_a_certificate(walled: Room, root: str) -> None:
    before = service_in(walled).leftovers()
    service = service_in(walled)
    with elsewhere(service.host):
        service.deploy()
        wait_until(lambda: bool(walled.get_all("challenges")))
        service.remove()
        wait_until(lambda: service.leftovers() == before, within=30)


def test_a_host_that_leads_elsewhere_gets_a_certificate_only_when_it_leads_here(walled: Room, root: str) -> None:
    service = service_in(walled)
    with elsewhere(service.host):
        service.deploy()
        wait_until(lambda: "connection refused" in what_is_missing(walled), within=30)
        assert condition(walled.get("certificate", service.certificate), "Ready")["status"] == "False"
        assert not service.serves(root)
    wait_until(lambda: service.serves(root), within=ISSUED_WITHIN)


def test_pods_that_prove_a_host_are_reached_from_where_the_ingress_controller_is_and_at_that_port_alone(site: Site, room: Room) -> None:
    # The set's own controller runs on the node, which walls do not stop: here it is said to be in the room of the test.
    surroundings = replace(SURROUNDINGS, neighbours=Neighbours(ingress=room.namespace))
    room.apply(pod("controller", "sleep", "600"))
    with workspace(site, surroundings) as walled:
        served = {"solver": {"acme.cert-manager.io/http01-solver": "true"}, "other": {}}
        for name, labels in served.items():
            walled.apply(listener(name, labels))
        walled.wait("condition=Ready", *(f"pod/{name}" for name in served))
        room.wait("condition=Ready", "pod/controller")
        solver, other = (f"http://{walled.get('pod', name)['status']['podIP']}:{ACME_PORT}/" for name in served)
        wait_until(lambda: " GET " in room.runs("controller", "get", solver))
        with pytest.raises(Trouble, match="refused"):
            room.runs("controller", "get", other)


def listener(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    made = pod(name, labels=labels)
    (container,) = made["spec"]["containers"]
    container["env"] = [{"name": "PORT", "value": str(ACME_PORT)}]
    container["resources"] = {"limits": {"memory": "64Mi"}}
    container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": ACME_PORT}, "periodSeconds": 1}
    return made


def test_cert_manager_refuses_what_makes_no_sense(walled: Room) -> None:
    spec = {"secretName": "x", "dnsNames": ["x.example"], "duration": "1h", "renewBefore": "2h", "issuerRef": {"name": "letsencrypt"}}
    with pytest.raises(Trouble, match=r"webhook\.cert-manager\.io.*renewBefore"):
        walled.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "x"}, "spec": spec})
