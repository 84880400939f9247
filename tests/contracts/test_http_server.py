"""waitress as Ancla sets it up: how it answers for an application that breaks, and how it leaves callers that it has refused."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chalicelib.adapters.embedded.http_server import make_server
from tests.machine import free_port

REFUSED = b"GET / HTTP/1.1\r\nno colon\r\n\r\n"
SILENCE = 1


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server whose application breaks, and that gives silent callers one second."""
    port = free_port()
    adjustments: dict[str, Any] = {"host": "127.0.0.1", "port": port, "threads": 2, "channel_timeout": SILENCE, "cleanup_interval": 1}
    server = make_server(_breaks, _told, **adjustments)
    thread = threading.Thread(target=_run, args=(server,), daemon=True)
    thread.start()
    yield port
    server.task_dispatcher.shutdown()
    server.asyncore.close_all(server._map)
    thread.join(5)


def test_an_application_that_breaks_is_answered_for_in_our_words(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "waitress"), _caller(port) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer = _rest(caller)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"X-Told: 500\r\n" in answer


def test_who_was_refused_reads_the_answer_after_sending_on(port: int) -> None:
    with _caller(port) as caller:
        caller.sendall(REFUSED)
        for _ in range(50):
            caller.sendall(b"x" * 100_000)
        assert b"X-Told: 400\r\n" in _rest(caller)


def test_who_was_refused_and_never_stops_sending_is_cut_off(port: int) -> None:
    began = time.monotonic()
    with _caller(port) as caller, pytest.raises(ConnectionError):
        caller.sendall(REFUSED)
        while time.monotonic() < began + 10 * SILENCE:
            caller.sendall(b"x")
            time.sleep(0.01)
    assert time.monotonic() > began + SILENCE


def _breaks(environ: Mapping[str, Any], start_response: Any) -> list[bytes]:
    raise RuntimeError("broken")


def _told(status: int, reason: str) -> tuple[Mapping[str, str], bytes]:
    return {"X-Told": str(status)}, reason.encode()


def _run(server: Any) -> None:
    try:
        server.run()
    except OSError:
        pass  # its sockets were closed under it: the end of the tests


def _caller(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def _rest(caller: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    return b"".join(iter(lambda: caller.recv(65536), b""))
