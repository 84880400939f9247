from __future__ import annotations

import socket
import threading
import tomllib
from pathlib import Path

import httpx
import pytest
from ancla_sdk import (
    VERSION,
    AnclaError,
    AuthenticationError,
    Client,
    ConflictError,
    ConnectionProblem,
    NotFoundError,
    PermissionDenied,
    RateLimited,
    ServerError,
    UnexpectedAnswer,
    ValidationError,
)
from ancla_sdk.transport import Transport

from tests.sdk.fake_server import FakeServer, FakeTime, answer, refusal

LIST = "GET /workspaces"
CREATE = "POST /workspaces"


def client_of(server: FakeServer, time: FakeTime | None = None, *, retries: int = 3, url: str = "http://ancla.test") -> Client:
    return Client(url, "ancla_key", transport=server.transport, sleep=(time or FakeTime()).sleep, retries=retries)


@pytest.mark.parametrize("url", [":::", "http://", "ancla.test", "ftp://ancla.test", "http://ancla.test:port"])
def test_what_can_be_no_address_of_a_server_is_told_at_once(url: str) -> None:
    with pytest.raises(ConnectionProblem) as caught:
        Client(url, "ancla_key")
    assert caught.value.code == "server_invalid"
    assert repr(url) in caught.value.message


@pytest.mark.parametrize("key", ["ancla_kéy", "ancla_key\nX-Other: 1"])
def test_a_key_that_could_not_be_sent_is_told_at_once_and_not_repeated(key: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        Client("http://ancla.test", key)
    assert caught.value.code == "key_malformed"
    assert key not in caught.value.message


def test_every_call_carries_the_key_and_says_who_is_calling() -> None:
    server = FakeServer().on(LIST, answer([]))
    client_of(server).workspaces.list()
    sent = server.requests[0].headers
    assert sent["x-api-key"] == "ancla_key"
    assert sent["user-agent"] == f"ancla-sdk-python/{VERSION}"


def test_a_prefix_of_the_servers_address_is_kept() -> None:
    server = FakeServer().on("GET /compat/sdk/api/v1/workspaces", answer([]))
    client_of(server, url="http://ancla.test/compat/sdk/").workspaces.list()
    assert str(server.requests[0].url) == "http://ancla.test/compat/sdk/api/v1/workspaces"


def test_a_read_carries_no_idempotency_key_and_each_mutation_its_own() -> None:
    server = FakeServer().on(LIST, answer([])).on(CREATE, answer({"slug": "a"}, 201))
    client = client_of(server)
    client.workspaces.list()
    client.workspaces.create(name="A")
    client.workspaces.create(name="A")
    keys = [request.headers.get("idempotency-key") for request in server.requests]
    assert keys[0] is None
    assert keys[1] and keys[2] and keys[1] != keys[2]


@pytest.mark.parametrize("hiccup", [httpx.ConnectError("refused"), httpx.ReadTimeout("late"), answer(status=502), refusal(503, "x", "x")])
def test_a_mutation_is_tried_again_under_the_same_key(hiccup: httpx.Response | Exception) -> None:
    server = FakeServer().on(CREATE, hiccup, hiccup, answer({"slug": "a"}, 201))
    time = FakeTime()
    assert client_of(server, time).workspaces.create(name="A").slug == "a"
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1
    assert time.pauses == [0.2, 0.4]


def test_the_pause_that_the_server_asks_for_is_kept() -> None:
    server = FakeServer().on(LIST, refusal(429, "rate_limited", "slow down", headers={"Retry-After": "7"}), answer([]))
    time = FakeTime()
    assert client_of(server, time).workspaces.list() == []
    assert time.pauses == [7.0]


def test_a_first_try_that_is_still_worked_on_is_waited_for() -> None:
    server = FakeServer().on(CREATE, answer(status=504), refusal(409, "idempotency_in_progress", "wait"), answer({"slug": "a"}, 201))
    assert client_of(server).workspaces.create(name="A").slug == "a"


def test_another_conflict_is_not_tried_again() -> None:
    server = FakeServer().on(CREATE, refusal(409, "slug_taken", "taken"))
    with pytest.raises(ConflictError):
        client_of(server).workspaces.create(name="A")
    assert len(server.requests) == 1


def test_when_no_try_is_answered_the_error_names_the_server() -> None:
    server = FakeServer().on(LIST, httpx.ConnectError("refused"))
    with pytest.raises(ConnectionProblem) as caught:
        client_of(server, retries=2).workspaces.list()
    assert len(server.requests) == 3
    assert (caught.value.code, caught.value.message) == ("unreachable", "http://ancla.test cannot be reached")
    assert caught.value.hint


def test_a_server_that_does_not_speak_tls_is_asked_for_at_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        threading.Thread(target=_answer_in_plain_text, args=(plain,), daemon=True).start()
        with httpx.Client(trust_env=False) as http, pytest.raises(ConnectionProblem) as caught:
            Transport(http, server=f"https://127.0.0.1:{plain.getsockname()[1]}", retries=0).get("/workspaces")
    assert (caught.value.code, "over TLS" in caught.value.message) == ("unreachable", True)
    assert caught.value.hint.endswith("is at http://")


def _answer_in_plain_text(server: socket.socket) -> None:
    with server.accept()[0] as caller:
        caller.recv(4096)
        caller.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ValidationError),
        (401, AuthenticationError),
        (403, PermissionDenied),
        (404, NotFoundError),
        (409, ConflictError),
        (412, ConflictError),
        (418, AnclaError),
        (422, ValidationError),
        (429, RateLimited),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_each_status_has_its_error_with_all_that_the_server_said(status: int, kind: type[AnclaError]) -> None:
    server = FakeServer().on(LIST, refusal(status, "some_code", "what happened", "what to do"))
    with pytest.raises(AnclaError) as caught:
        client_of(server, retries=0).workspaces.list()
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.hint, error.request_id) == (
        status,
        "some_code",
        "what happened",
        "what to do",
        "req-1",
    )


def test_an_error_page_of_somebody_else_still_makes_an_error() -> None:
    server = FakeServer().on(LIST, httpx.Response(403, text="<h1>no</h1>", headers={"X-Request-Id": "gw-9"}))
    with pytest.raises(PermissionDenied) as caught:
        client_of(server).workspaces.list()
    assert (caught.value.code, caught.value.message, caught.value.request_id) == ("http_403", "the server answered with status 403", "gw-9")
    assert caught.value.hint == "check that the server's address is that of Ancla"


@pytest.mark.parametrize(
    "response", [httpx.Response(200, text="<h1>hello</h1>"), httpx.Response(302, headers={"Location": "http://elsewhere.test/"})]
)
def test_what_is_not_an_answer_of_ancla_is_an_error(response: httpx.Response) -> None:
    server = FakeServer().on(LIST, response)
    with pytest.raises(UnexpectedAnswer):
        client_of(server).workspaces.list()
    assert len(server.requests) == 1


def test_a_redirect_is_never_taken_for_success() -> None:
    server = FakeServer().on("DELETE /workspaces/acme", answer(status=302, headers={"Location": "http://elsewhere.test/"}))
    with pytest.raises(UnexpectedAnswer):
        client_of(server).workspaces.delete("acme")
    assert len(server.requests) == 1


def test_an_empty_answer_to_a_deletion_is_fine() -> None:
    server = FakeServer().on("DELETE /workspaces/acme", answer(status=204))
    client_of(server).workspaces.delete("acme")
    assert server.calls == ["DELETE /workspaces/acme"]


def test_code_and_packaging_agree_on_the_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "sdks/python/pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
