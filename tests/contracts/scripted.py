"""A server on loopback that answers as it is told, with TLS or without, and keeps what it was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.contracts.signers import Pair


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Told:
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[Asked], Told]


@dataclass
class Scripted:
    """`answer` may be replaced while it serves."""

    answer: Script
    address: str = ""
    """Host and port."""
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def scripted(answer: Script, pair: Pair | None = None) -> Iterator[Scripted]:
    script = Scripted(answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(script)) as server:
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        script.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:  # else a test that fails would leave a thread behind that keeps pytest from ending
            server.shutdown()
            thread.join()


def _handler(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ssl.SSLError, ConnectionError):  # a client that does not trust us hangs up
                self.close_connection = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            script.asked.append(asked)
            told = script.answer(asked)
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.body.encode())

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_LIST = do_PATCH = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
