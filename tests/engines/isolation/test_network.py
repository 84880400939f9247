"""Where pods of a service get to, and where they do not. That each of the places can be reached at all is seen from a namespace whose
policies were taken away."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from chalicelib.manifests.names import resource_name
from chalicelib.manifests.pods import PORT
from engines.kubernetes.client import kubectl
from engines.kubernetes.network import API_PORT, API_SERVICE_IP, NODE_IP
from engines.registry.settings import ADDRESS as REGISTRY
from tests.contracts.engines_home import engine_environment
from tests.engines.isolation import metadata
from tests.engines.isolation.conftest import Streets
from tests.engines.isolation.metadata import metadata_server
from tests.engines.isolation.town import APPS_DOMAIN, Service, Town
from tests.engines.live.workloads import Room, wait_until

KUBELET_PORT = 10250
NAME = """
import socket, sys
print(socket.getaddrinfo(sys.argv[1], 80)[0][4][0])
"""


@dataclass(frozen=True)
class Place:
    """Somewhere a pod has no business, as `walls` and as `field` know it."""

    from_walls: Callable[[Streets], tuple[str, int]]
    from_field: Callable[[Streets], tuple[str, int]]


def everywhere(host: str, port: int) -> Place:
    return Place(lambda streets: (host, port), lambda streets: (host, port))


REGISTRY_HOST, _, REGISTRY_PORT = REGISTRY.partition(":")
PLACES: Mapping[str, Place] = {
    "another project": Place(lambda streets: (streets.another_project.ip, PORT), lambda streets: (streets.field_beside.ip, PORT)),
    "another environment": Place(lambda streets: (streets.another_environment.ip, PORT), lambda streets: (streets.field_beside.ip, PORT)),
    "another workspace": Place(lambda streets: (streets.field.ip, PORT), lambda streets: (streets.field_beside.ip, PORT)),
    "the API server by its service": everywhere(API_SERVICE_IP, 443),
    "the API server itself": everywhere(NODE_IP, API_PORT),
    "the kubelet": everywhere(NODE_IP, KUBELET_PORT),
    "the registry": everywhere(REGISTRY_HOST, int(REGISTRY_PORT)),
    "the metadata address": everywhere(metadata.ADDRESS, metadata.PORT),
}


@pytest.fixture(scope="session", autouse=True)
def metadata_address(town: Town) -> Iterator[None]:
    room = Room(town.site, f"metadata-{town.mark}")
    kubectl(town.site, "create", "namespace", room.namespace)
    wait_until(lambda: bool(room.get("serviceaccount", "default")))
    with metadata_server(room, engine_environment()["ANCLA_TEST_IMAGE"]):
        yield
    kubectl(town.site, "delete", "namespace", room.namespace, "--wait=false")


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_pod_does_not_get_to(streets: Streets, place: Place) -> None:
    assert not streets.home.reaches(*place.from_walls(streets))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_without_the_policies_a_pod_would_get_to(streets: Streets, place: Place) -> None:
    wait_until(lambda: streets.field.reaches(*place.from_field(streets)))


def test_a_pod_is_not_reached_from_another_workspace_whatever_that_allows(streets: Streets) -> None:
    wait_until(lambda: streets.field.reaches(streets.field_beside.ip, PORT))
    assert not streets.field.reaches(streets.home.ip, PORT)


def test_pods_of_the_same_environment_reach_each_other_by_name(streets: Streets) -> None:
    for one, other in ((streets.home, streets.same_environment), (streets.same_environment, streets.home)):
        assert one.reaches(name_of(other), 80)
        assert one.reaches(other.ip, PORT)


def test_names_are_resolved_and_also_those_of_services_that_are_not_reached(streets: Streets) -> None:
    assert streets.home.python(NAME, "kubernetes.default.svc.cluster.local") == API_SERVICE_IP
    assert not streets.home.reaches(name_of(streets.another_project), 80)


@pytest.mark.parametrize("who", ["home", "same_environment", "another_environment", "another_project"])
def test_each_service_is_reached_through_the_ingress(streets: Streets, who: str) -> None:
    service: Service = getattr(streets, who)
    wait_until(lambda: status_of(service.host) == 200)


def name_of(service: Service) -> str:
    return f"{resource_name(service.address)}.{service.room.namespace}.svc.cluster.local"


def status_of(host: str) -> int:
    assert host.endswith(APPS_DOMAIN)
    address, _, port = engine_environment()["ANCLA_INGRESS_ADDRESS"].rpartition(":")
    connection = http.client.HTTPConnection(address, int(port), timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()
