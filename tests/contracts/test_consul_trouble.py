"""Consul when it does not do as it should, and writers that sleep at the wrong moment: over an agent of our own making, which can be
told what happens in between, and over a real one where that is up."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.adapters.consul import KEYS, ConsulCatalog, token_id
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.fences import Fence, Fenced
from chalicelib.ports.catalog import Entry
from tests.contracts.real_consul import Asking, cleared_catalog, consul_settings
from tests.contracts.scripted import Asked, Scripted, Told, scripted
from tests.contracts.signers import Authority


@dataclass
class Agent:
    """As much of an agent as the catalog uses: keys with `cas`, registrations without conditions."""

    keys: dict[str, tuple[int, str]] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens just before the next request of that beginning is done; once."""

    def answer(self, asked: Asked) -> Told:
        url = urlsplit(asked.path)
        path = url.path.removeprefix("/v1/")
        for beginning in [beginning for beginning in self.before if f"{asked.method} {path}".startswith(beginning)]:
            self.before.pop(beginning)()
        match asked.method, path.split("/", 1):
            case "GET", ["kv", key]:
                return self._get(key)
            case "PUT", ["kv", key]:
                return self._put(key, int(parse_qs(url.query)["cas"][0]), asked.body.decode())
            case "PUT", ["agent", "service/register"]:
                body = json.loads(asked.body)
                self.services[body["id"]] = body
            case "PUT", ["agent", service]:
                self.services.pop(service.rpartition("/")[2], None)
            case other:
                raise AssertionError(other)
        return Told()

    def _get(self, key: str) -> Told:
        if key not in self.keys:
            return Told(404, headers={"X-Consul-Index": "1"})
        index, value = self.keys[key]
        found = [{"Key": key, "ModifyIndex": index, "Value": base64.b64encode(value.encode()).decode()}]
        return Told(body=json.dumps(found), headers={"X-Consul-Index": str(index)})

    def _put(self, key: str, cas: int, value: str) -> Told:
        if self.keys.get(key, (0, ""))[0] != cas:
            return Told(body="false")
        self.keys[key] = (cas + 1, value)
        return Told(body="true")


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def server(agent: Agent) -> Iterator[Scripted]:
    with scripted(agent.answer) as serving:
        yield serving


@pytest.fixture
def catalog(server: Scripted) -> ConsulCatalog:
    return ConsulCatalog(f"http://{server.address}", ca=None, token_file=None)


def entry(port: int = 80, service_id: str = "s1") -> Entry:
    return Entry(service_id=service_id, name="api", address="127.0.0.1", port=port)


REGISTER = "PUT agent/service/register"
MOVE = f"PUT kv/{KEYS}s1"


def test_a_writer_that_sleeps_before_it_registers_leaves_the_later_entry(agent: Agent, catalog: ConsulCatalog) -> None:
    agent.before[REGISTER] = lambda: catalog.register(entry(8002), Fence("s1", 2))
    with pytest.raises(Fenced):
        catalog.register(entry(8001), Fence("s1", 1))
    assert agent.services["s1"]["port"] == 8002


def test_a_writer_that_sleeps_before_it_registers_brings_back_nothing_that_was_torn_down(agent: Agent, catalog: ConsulCatalog) -> None:
    agent.before[REGISTER] = lambda: catalog.deregister("s1", Fence("s1", 2), for_good=True)
    with pytest.raises(Fenced):
        catalog.register(entry(8001), Fence("s1", 1))
    assert agent.services == {}


def test_a_teardown_that_sleeps_takes_out_nothing_of_a_later_turn(agent: Agent, catalog: ConsulCatalog) -> None:
    catalog.register(entry(8001), Fence("s1", 1))
    agent.before["PUT agent/service/deregister"] = lambda: catalog.register(entry(8003), Fence("s1", 3))
    with pytest.raises(Fenced):
        catalog.deregister("s1", Fence("s1", 2))
    assert agent.services["s1"]["port"] == 8003


def test_a_writer_that_sleeps_before_it_moves_the_key_writes_nothing(agent: Agent, catalog: ConsulCatalog) -> None:
    agent.before[MOVE] = lambda: catalog.register(entry(8002), Fence("s1", 2))
    with pytest.raises(Fenced):
        catalog.register(entry(8001), Fence("s1", 1))
    assert agent.services["s1"]["port"] == 8002


def test_a_key_that_an_earlier_turn_moved_meanwhile_is_read_again(agent: Agent, catalog: ConsulCatalog) -> None:
    agent.before[MOVE] = lambda: catalog.register(entry(8001), Fence("s1", 1))
    catalog.register(entry(8002), Fence("s1", 2))
    assert agent.services["s1"]["port"] == 8002


def test_the_fence_moves_before_the_agent_is_told(agent: Agent, catalog: ConsulCatalog) -> None:
    def died() -> None:
        raise ConnectionError

    agent.before[REGISTER] = died
    with pytest.raises(Unavailable):
        catalog.register(entry(8002), Fence("s1", 2))
    with pytest.raises(Fenced):
        catalog.register(entry(8001), Fence("s1", 1))
    assert agent.services == {}
    catalog.register(entry(8002), Fence("s1", 2))
    assert agent.services["s1"]["port"] == 8002


def test_a_key_that_others_move_all_the_time_is_given_up(agent: Agent, server: Scripted, catalog: ConsulCatalog) -> None:
    def answer(asked: Asked) -> Told:
        return Told(body="false") if asked.method == "PUT" else agent.answer(asked)

    server.answer = answer
    with pytest.raises(Unavailable, match="all the time") as caught:
        catalog.register(entry(), Fence("s1", 1))
    assert caught.value.code == "catalog_unavailable"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (403, "Permission denied: token lacks permission 'key:read'", "catalog_denied"),
        (401, "ACL support disabled", "catalog_denied"),
        (500, "No cluster leader", "catalog_unavailable"),
        (503, "", "catalog_unavailable"),
        (429, "too many", "catalog_unavailable"),
        (200, "<html>", "catalog_unavailable"),
    ],
)
def test_an_answer_that_is_no_good_is_ours_and_in_consuls_words(
    server: Scripted, catalog: ConsulCatalog, status: int, body: str, code: str
) -> None:
    server.answer = lambda asked: Told(status, body, {"X-Consul-Index": "1"})
    calls: list[Callable[[], None]] = [
        lambda: catalog.register(entry(), Fence("s1", 1)),
        lambda: catalog.deregister("s1", Fence("s1", 1)),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == code
        assert body in caught.value.message
        assert caught.value.hint


def test_a_consul_that_is_away_is_named() -> None:
    with pytest.raises(Unavailable, match="http://127.0.0.1:1 could not list the services") as caught:
        ConsulCatalog("http://127.0.0.1:1", ca=None, token_file=None).list_registrations()
    assert caught.value.code == "catalog_unavailable"


def test_a_certificate_of_another_authority_is_said_to_be_that(tmp_path: Path) -> None:
    mine, another = Authority(tmp_path / "mine"), Authority(tmp_path / "another")
    with scripted(lambda asked: Told(), mine.issue("server")) as server:
        catalog = ConsulCatalog(f"https://{server.address}", ca=another.certificate, token_file=None)
        with pytest.raises(Unavailable, match="certificate that cannot be trusted") as caught:
            catalog.list_registrations()
        assert server.asked == []
    assert caught.value.code == "catalog_untrusted"


def test_a_token_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="token for Consul cannot be read") as caught:
        ConsulCatalog("http://127.0.0.1:1", ca=None, token_file=tmp_path / "gone").list_registrations()
    assert caught.value.code == "catalog_denied"


def test_a_token_of_the_environment_does_not_take_the_place_of_ours(
    agent: Agent, server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "of somebody else")
    (tmp_path / "token").write_text("ours\n")
    server.answer = lambda asked: Told(body="{}", headers={"X-Consul-Index": "1"})
    ConsulCatalog(f"http://{server.address}", ca=None, token_file=tmp_path / "token").list_registrations()
    assert {asked.headers["x-consul-token"] for asked in server.asked} == {"ours"}


# A real Consul, with its access control.


@pytest.fixture
def service() -> str:
    return str(uuid.uuid4())


def test_each_service_has_a_token_of_its_own_that_registers_nothing_else(service: str) -> None:
    other = str(uuid.uuid4())
    with cleared_catalog([service, other]) as catalog:
        catalog.register(entry(8001, service), Fence(service, 1))
        asking = Asking(consul_settings())
        token = asking.ask("GET", f"acl/token/{token_id(service)}").json()
        assert token["ServiceIdentities"] == [{"ServiceName": "api"}]
        assert "Policies" not in token
        own, others = ({"ID": other, "Name": name} for name in ("api", "another"))
        assert asking.ask("PUT", "agent/service/register", token=token["SecretID"], body=own).status_code == 200
        assert asking.ask("PUT", "agent/service/register", token=token["SecretID"], body=others).status_code == 403
        assert asking.ask("GET", f"kv/{KEYS}{service}", token=token["SecretID"]).status_code == 403


def test_a_token_is_made_once_and_goes_with_its_service(service: str) -> None:
    with cleared_catalog([service]) as catalog:
        asking = Asking(consul_settings())
        secrets = []
        for turn in (1, 2):
            catalog.register(entry(8000 + turn, service), Fence(service, turn))
            secrets.append(asking.ask("GET", f"acl/token/{token_id(service)}").json()["SecretID"])
        assert secrets[0] == secrets[1]
        catalog.deregister(service, Fence(service, 3))
        assert asking.ask("GET", f"acl/token/{token_id(service)}").status_code == 200
        catalog.deregister(service, Fence(service, 4), for_good=True)
        assert asking.ask("GET", f"acl/token/{token_id(service)}").status_code != 200


@pytest.mark.parametrize("token", ["", "00000000-0000-4000-8000-00000000dead"])
def test_a_token_that_may_not_is_refused_in_consuls_words(token: str, tmp_path: Path) -> None:
    settings = consul_settings()
    (tmp_path / "token").write_text(token)
    catalog = ConsulCatalog(settings.address, ca=settings.ca, token_file=tmp_path / "token")
    with pytest.raises(Unavailable, match="does not let Ancla register 'api': (Permission denied|ACL not found)") as caught:
        catalog.register(entry(), Fence("s1", 1))
    assert caught.value.code == "catalog_denied"
