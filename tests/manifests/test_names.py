"""Names: valid for Kubernetes and DNS, readable where they can be, and never the same for two addresses."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator

import pytest

from chalicelib.domain.addresses import Address, is_slug
from chalicelib.domain.fences import Phase
from chalicelib.manifests import names
from tests.manifests.samples import AWKWARD, SERVICE_ID, SHOP

LETTER_FIRST_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
REPOSITORY = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*(?:/[a-z0-9]+(?:-+[a-z0-9]+)*)*")

SLUGS = ("a", "b", "ab", "a-b", "b-a", "a--b", "7", "web", "a" * 63)


def every_small_address() -> list[Address]:
    return [Address(*parts) for parts in itertools.product(SLUGS, repeat=4)]


def random_addresses(count: int) -> Iterator[Address]:
    chance = random.Random(20260102)
    while count:
        slugs = ["".join(chance.choices("ab1-", k=chance.choice((1, 2, 3, 20, 62, 63)))) for _ in range(4)]
        if all(map(is_slug, slugs)):
            count -= 1
            yield Address(*slugs)


def all_addresses() -> list[Address]:
    return list(dict.fromkeys([*every_small_address(), *random_addresses(500)]))


def assert_distinct(name: Callable[[Address], str], *parts: str) -> None:
    """`name` differs wherever one of these parts of the address does."""
    meant: dict[str, tuple[str, ...]] = {}
    for address in all_addresses():
        wanted = tuple(getattr(address, part) for part in parts)
        assert meant.setdefault(name(address), wanted) == wanted


def test_plain_addresses_read_as_they_are_written() -> None:
    assert names.namespace_of("acme") == "ancla-acme"
    assert names.resource_name(SHOP) == "api-production-shop"
    assert names.resource_name(SHOP, "web") == "api-production-shop-web"
    assert names.host_of(SHOP, "apps.test") == "api-production-shop-acme.apps.test"
    assert names.anchor_name(SHOP, SERVICE_ID, 3, Phase.ROLL_OUT) == "api-production-shop.5b0c3f0e.turn-3.roll-out"
    assert names.release_pod_name(SHOP, SERVICE_ID, 3) == "api-production-shop-release3x5b0c3f0e"


def test_awkward_addresses_end_in_a_hash() -> None:
    assert re.fullmatch(r"s9-lives-.*--[a-z2-7]{12}", names.resource_name(AWKWARD))
    assert re.fullmatch(r"9-lives-.*--[a-z2-7]{12}\.apps\.test", names.host_of(AWKWARD, "apps.test"))
    assert re.fullmatch(r"ancla-acme-inc--[a-z2-7]{12}", names.namespace_of("acme-inc"))


def test_two_addresses_never_share_a_host_name() -> None:
    assert_distinct(lambda address: names.host_of(address, "apps.test"), "workspace", "project", "environment", "service")


def test_two_addresses_of_a_workspace_never_share_a_resource_name() -> None:
    assert_distinct(names.resource_name, "project", "environment", "service")
    assert_distinct(lambda address: names.release_pod_name(address, SERVICE_ID, 1), "project", "environment", "service")
    assert_distinct(lambda address: names.anchor_name(address, SERVICE_ID, 1, Phase.REVERT), "project", "environment", "service")


def test_two_workspaces_never_share_a_namespace() -> None:
    assert_distinct(lambda address: names.namespace_of(address.workspace), "workspace")


def test_a_slug_cannot_be_chosen_to_take_a_hashed_name() -> None:
    """The hash is no secret: somebody may well call a workspace after it."""
    victim = Address("acme", "web-shop", "prod", "api")
    readable, digest = names.host_of(victim, "apps.test").removesuffix(".apps.test").split("--")
    service, environment, rest = readable.split("-", 2)
    thief = Address(digest, rest.replace("-", ""), environment, service)
    assert names.host_of(thief, "apps.test") != names.host_of(victim, "apps.test")
    assert "--" not in names.host_of(thief, "apps.test")


def test_processes_of_one_service_never_share_a_name() -> None:
    found = {names.resource_name(SHOP, process) for process in ("", "web", "worker", "web-2", "web2", "release")}
    assert len(found) == 6


def test_a_process_cannot_take_the_name_of_another_service() -> None:
    nested = Address("acme", "shop-web", "production", "api")
    assert names.resource_name(nested) != names.resource_name(SHOP, "web")


@pytest.mark.parametrize("address", [SHOP, AWKWARD, Address("7", "7", "7", "7"), Address("xn--a", "b", "c", "xn--d")])
def test_names_are_what_kubernetes_takes(address: Address) -> None:
    for label in (
        names.namespace_of(address.workspace),
        names.resource_name(address),
        names.resource_name(address, "a" * 32),
        names.account_of(address),
        names.release_pod_name(address, SERVICE_ID, 12345),
    ):
        assert LETTER_FIRST_LABEL.fullmatch(label), label
    for subdomain in (
        names.anchor_name(address, SERVICE_ID, 12345, Phase.ROLL_OUT),
        names.envconsul_name(address, "web", "0f" * 32),
        names.pull_secret_name(address),
        names.tls_secret_name(address),
        names.host_of(address, "apps.test"),
    ):
        assert SUBDOMAIN.fullmatch(subdomain), subdomain
        assert len(subdomain) <= 253
    for value in names.labels_of(address, SERVICE_ID, "web").values():
        assert LABEL_VALUE.fullmatch(value), value


def test_no_host_name_reads_as_an_encoded_international_one() -> None:
    assert all(names.host_of(address, "test")[2:4] != "--" for address in all_addresses())
    assert names.host_of(Address("a", "b", "c", "xn--d"), "test")[2:4] != "--"


def test_a_repository_is_a_valid_reference_and_never_a_predecessors() -> None:
    for address in (SHOP, AWKWARD, Address("a" * 63, "a" * 63, "a" * 63, "b-" * 31 + "b")):
        first, second = names.repository_of(address, SERVICE_ID), names.repository_of(address, SERVICE_ID.replace("5b", "6c"))
        assert REPOSITORY.fullmatch(first)
        assert len(first) <= 201
        assert first != second


def test_each_turn_and_phase_has_an_anchor_of_its_own() -> None:
    found = {names.anchor_name(SHOP, SERVICE_ID, turn, phase) for turn in (1, 11, 111) for phase in Phase}
    assert len(found) == 6


def test_only_objects_of_a_process_carry_its_label() -> None:
    assert names.PROCESS_LABEL not in names.labels_of(SHOP, SERVICE_ID)
    assert names.labels_of(SHOP, SERVICE_ID, "web").items() >= names.selector_of(SERVICE_ID, "web").items()
