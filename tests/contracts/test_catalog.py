"""The catalog port: what is registered last by the latest holder counts, and health is what the check answers now."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.catalog import EmbeddedCatalog
from chalicelib.domain.fences import Fence, Fenced, Phase
from chalicelib.ports.catalog import Catalog, Entry
from tests.contracts.real_consul import cleared_catalog
from tests.contracts.signers import Authority

OURS = frozenset({"s1", "s2", "aaa", "b", "c", "good", "ill", "moved", "misrouted", "unchecked"})
"""The services of these tests. A real catalog may hold others."""
PATIENCE = 10.0
"""Seconds until a catalog that looks at its services by itself has looked."""


@pytest.fixture(params=["memory", "file", "consul"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    if request.param == "consul":
        with cleared_catalog(OURS) as real:
            yield real
        return
    made = EmbeddedCatalog(None if request.param == "memory" else tmp_path / "catalog.db")
    yield made
    made.close()


class _Service(BaseHTTPRequestHandler):
    """Healthy at /healthy for the host api.test, and not elsewhere."""

    def do_GET(self) -> None:
        healthy = self.path == "/healthy?deep=1" and self.headers.get_all("Host") == ["api.test"]
        self.send_response({"/moved": 302}.get(self.path, 200 if healthy else 503))
        self.send_header("Content-Length", "0")
        if self.path == "/moved":
            self.send_header("Location", "/healthy?deep=1")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def secured_port(tmp_path: Path) -> Iterator[int]:
    """The same service over HTTPS, by an authority that nobody knows, and for who asks for api.test alone."""
    pair = Authority(tmp_path / "unknown").issue("api")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    context.sni_callback = lambda _, name, __: None if name == "api.test" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    with ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def entry(service_id: str = "s1", *, port: int = 80, check: str = "", host: str = "api.test", scheme: str = "http") -> Entry:
    return Entry(
        service_id=service_id,
        name=f"api-{service_id}",
        address="127.0.0.1",
        port=port,
        tags=("ancla", "production"),
        meta={"build": "7"},
        check_url=f"{scheme}://127.0.0.1:{port}{check}" if check else "",
        check_host=host if check else "",
    )


def registered(catalog: Catalog) -> list[Entry]:
    return [registration.entry for registration in catalog.list_registrations() if registration.entry.service_id in OURS]


def passing(catalog: Catalog) -> dict[str, bool]:
    return {one.entry.service_id: one.passing for one in catalog.list_registrations() if one.entry.service_id in OURS}


def settled(look: Callable[[], dict[str, bool]], wanted: dict[str, bool]) -> dict[str, bool]:
    """What is seen in the end, once it is what is wanted, or patience is over."""
    end = time.monotonic() + PATIENCE
    while (seen := look()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    return seen


def test_an_entry_is_listed_as_it_was_registered(catalog: Catalog) -> None:
    assert registered(catalog) == []
    catalog.register(entry(), Fence("s1", 1))
    assert registered(catalog) == [entry()]


def test_entries_are_listed_by_name(catalog: Catalog) -> None:
    for service_id in ("c", "aaa", "b"):
        catalog.register(entry(service_id), Fence(service_id, 1))
    assert [listed.name for listed in registered(catalog)] == ["api-aaa", "api-b", "api-c"]


def test_registering_twice_is_registering_once(catalog: Catalog) -> None:
    for _ in range(2):
        catalog.register(entry(), Fence("s1", 1))
    assert registered(catalog) == [entry()]


def test_a_later_turn_replaces_the_entry(catalog: Catalog) -> None:
    catalog.register(entry(port=80), Fence("s1", 1))
    catalog.register(entry(port=81), Fence("s1", 2))
    assert registered(catalog) == [entry(port=81)]


def test_a_late_write_of_an_earlier_turn_changes_nothing(catalog: Catalog) -> None:
    catalog.register(entry(port=81), Fence("s1", 10))
    with pytest.raises(Fenced):
        catalog.register(entry(port=80), Fence("s1", 9))
    with pytest.raises(Fenced):
        catalog.deregister("s1", Fence("s1", 9))
    with pytest.raises(Fenced):
        catalog.deregister("s1", Fence("s1", 9), for_good=True)
    assert registered(catalog) == [entry(port=81)]


def test_a_revert_beats_the_roll_out_of_its_own_turn(catalog: Catalog) -> None:
    catalog.register(entry(port=81), Fence("s1", 3, Phase.REVERT))
    with pytest.raises(Fenced):
        catalog.register(entry(port=80), Fence("s1", 3, Phase.ROLL_OUT))
    assert registered(catalog) == [entry(port=81)]


def test_the_fence_stays_when_the_entry_goes(catalog: Catalog) -> None:
    catalog.register(entry(), Fence("s1", 1))
    catalog.deregister("s1", Fence("s1", 5))
    assert registered(catalog) == []
    with pytest.raises(Fenced):
        catalog.register(entry(), Fence("s1", 4))
    catalog.register(entry(), Fence("s1", 6))
    assert registered(catalog) == [entry()]


def test_removing_what_was_never_there_still_leaves_the_fence(catalog: Catalog) -> None:
    catalog.deregister("s1", Fence("s1", 5))
    with pytest.raises(Fenced):
        catalog.register(entry(), Fence("s1", 4))


def test_no_fence_passes_a_tombstone_and_a_teardown_may_come_twice(catalog: Catalog) -> None:
    catalog.register(entry(), Fence("s1", 1))
    for _ in range(2):
        catalog.deregister("s1", Fence("s1", 2), for_good=True)
    catalog.deregister("s1", Fence("s1", 3))
    with pytest.raises(Fenced):
        catalog.register(entry(), Fence("s1", 999))
    assert registered(catalog) == []


def test_services_do_not_meet_each_others_fences(catalog: Catalog) -> None:
    catalog.register(entry("s2"), Fence("s2", 1))
    catalog.deregister("s1", Fence("s1", 9), for_good=True)
    catalog.register(entry("s2", port=81), Fence("s2", 2))
    assert registered(catalog) == [entry("s2", port=81)]


def test_health_is_what_the_check_answers_under_its_host_name(catalog: Catalog, port: int) -> None:
    catalog.register(entry("good", port=port, check="/healthy?deep=1"), Fence("good", 1))
    catalog.register(entry("ill", port=port, check="/ill"), Fence("ill", 1))
    catalog.register(entry("moved", port=port, check="/moved"), Fence("moved", 1))
    catalog.register(entry("misrouted", port=port, check="/healthy?deep=1", host="other.test"), Fence("misrouted", 1))
    catalog.register(entry("unchecked"), Fence("unchecked", 1))
    wanted = {"good": True, "ill": False, "moved": False, "misrouted": False, "unchecked": True}
    assert settled(lambda: passing(catalog), wanted) == wanted


def test_health_is_asked_after_over_https_by_name_whoever_signed_the_certificate(catalog: Catalog, secured_port: int) -> None:
    check = "/healthy?deep=1"
    catalog.register(entry("good", port=secured_port, check=check, scheme="https"), Fence("good", 1))
    catalog.register(entry("ill", port=secured_port, check="/ill", scheme="https"), Fence("ill", 1))
    catalog.register(entry("misrouted", port=secured_port, check=check, host="other.test", scheme="https"), Fence("misrouted", 1))
    catalog.register(entry("moved", port=secured_port, check=check), Fence("moved", 1))
    wanted = {"good": True, "ill": False, "misrouted": False, "moved": False}
    assert settled(lambda: passing(catalog), wanted) == wanted
    # What is new is taken for healthy until somebody has looked: each is looked at once a second.
    time.sleep(2)
    assert passing(catalog) == wanted


def test_a_service_that_does_not_answer_is_not_healthy(catalog: Catalog) -> None:
    catalog.register(entry(port=1, check="/healthy"), Fence("s1", 1))
    assert settled(lambda: passing(catalog), {"s1": False}) == {"s1": False}


def test_a_service_that_loses_its_check_is_not_judged_by_the_old_one(catalog: Catalog) -> None:
    catalog.register(entry(port=1, check="/healthy"), Fence("s1", 1))
    assert settled(lambda: passing(catalog), {"s1": False}) == {"s1": False}
    catalog.register(entry(), Fence("s1", 2))
    assert passing(catalog) == {"s1": True}


def test_an_entry_may_change_its_name(catalog: Catalog) -> None:
    catalog.register(entry(), Fence("s1", 1))
    renamed = replace(entry(), name="renamed")
    catalog.register(renamed, Fence("s1", 2))
    assert registered(catalog) == [renamed]
    catalog.deregister("s1", Fence("s1", 3), for_good=True)
    assert registered(catalog) == []


def test_a_service_without_an_address_is_listed_as_such(catalog: Catalog) -> None:
    worker = Entry(service_id="s1", name="worker", address="", port=0)
    catalog.register(worker, Fence("s1", 1))
    assert registered(catalog) == [worker]


def test_of_many_turns_that_write_at_once_the_last_one_stays(catalog: Catalog) -> None:
    def attempt(turn: int) -> None:
        with suppress(Fenced):
            catalog.register(entry(port=8000 + turn), Fence("s1", turn))

    with ThreadPoolExecutor(max_workers=4) as threads:
        list(threads.map(attempt, (3, 1, 4, 2)))
    assert registered(catalog) == [entry(port=8004)]


# What only the embedded catalog promises.


def test_entries_and_tombstones_outlive_the_process(tmp_path: Path) -> None:
    before = EmbeddedCatalog(tmp_path / "catalog.db")
    before.register(entry("s1"), Fence("s1", 1))
    before.deregister("s2", Fence("s2", 1), for_good=True)
    before.close()
    after = EmbeddedCatalog(tmp_path / "catalog.db")
    assert registered(after) == [entry("s1")]
    with pytest.raises(Fenced):
        after.register(entry("s2"), Fence("s2", 2))
    after.close()
