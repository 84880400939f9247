"""The router and callers that nobody invited: which host they mean, and what they cannot do."""

from __future__ import annotations

import time

import pytest

from chalicelib.adapters.embedded.node.router import Router, router_session
from tests.node.routing import HOST, answered, echo, listening, routed, serving, told


@pytest.mark.parametrize("host", [HOST.upper(), f"{HOST}.", f"{HOST}:8701", f"{HOST}.:8701"])
def test_a_host_name_is_known_however_it_is_written(host: str) -> None:
    async def story() -> None:
        async with serving(echo) as port, routed(one=port) as (_, client), client.get("/", headers={"Host": host}) as response:
            assert response.status == 200

    told(story())


def test_a_caller_cannot_take_the_host_or_the_length_away() -> None:
    async def story() -> None:
        async with serving(echo) as port, routed(one=port) as (_, client):
            headers = {"Connection": "Host, Content-Length, X-Forwarded-For, close"}
            async with client.post("/", data="body", headers=headers) as response:
                answer = await response.json()
        seen = dict(answer["headers"])
        assert (seen["Host"], seen["Content-Length"], answer["body"]) == (HOST, "4", "body")
        assert seen["X-Forwarded-For"] == "127.0.0.1"

    told(story())


NO_HTTP = {
    "two hosts": f"GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: elsewhere\r\n\r\n",
    "a length and chunks": f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
    "two encodings": f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a folded line": f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX-A: b\r\n c\r\n\r\n",
    "a password in no header": f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Password hunter2\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_a_request_that_could_mean_two_is_refused_and_not_written_down(name: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with serving(echo) as pod, router_session() as session, listening(Router(session), one=pod) as port:
            assert (await answered(port, NO_HTTP[name])).startswith("HTTP/1.0 400")

    told(story())
    assert not caplog.records


def test_the_router_is_no_proxy_to_elsewhere() -> None:
    async def story() -> None:
        async with serving(echo) as pod, router_session() as session, listening(Router(session), one=pod) as port:
            assert (await answered(port, f"CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).startswith("HTTP/1.1 405")

    told(story())


@pytest.mark.parametrize("begun", ["", f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Half: "])
def test_a_connection_that_brings_no_request_is_closed(begun: str) -> None:
    async def story() -> None:
        async with serving(echo) as pod, router_session() as session, listening(Router(session), one=pod, silence=0.2) as port:
            began = time.monotonic()
            assert await answered(port, begun) == ""
            assert time.monotonic() - began < 2

    told(story())
