"""An API server that answers what a test tells it to, over real HTTP on the loopback interface."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Answering = Callable[[Asked], tuple[int, Any]]


@dataclass
class Server:
    port: int
    answer: Answering
    asked: list[Asked] = field(default_factory=list)

    def kubeconfig(self, folder: Path, *, token: str = "first") -> Path:
        return write_kubeconfig(folder, f"http://127.0.0.1:{self.port}", token=token)


def write_kubeconfig(folder: Path, server: str, *, authority: Path | None = None, token: str = "first") -> Path:
    path = folder / "kubeconfig"
    cluster = {"server": server} | ({"certificate-authority": str(authority)} if authority else {})
    content = {
        "clusters": [{"name": "one", "cluster": cluster}],
        "users": [{"name": "me", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me"}}],
        "current-context": "here",
    }
    path.write_text(yaml.safe_dump(content))
    return path


def refusal(status: int, reason: str, message: str, *causes: str) -> tuple[int, Any]:
    """As Kubernetes refuses."""
    details = {"causes": [{"reason": cause} for cause in causes]}
    return status, {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status, "details": details}


@contextmanager
def serving(answer: Answering) -> Iterator[Server]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda asked: server.answer(asked), lambda asked: server.asked.append(asked)))
    server = Server(http.server_address[1], answer)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _handler(answer: Answering, note: Callable[[Asked], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _all(self) -> None:
            url = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked = Asked(
                self.command, url.path, dict(parse_qsl(url.query)), dict(self.headers.items()), json.loads(text) if text else None
            )
            note(asked)
            status, content = answer(asked)
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _all

        def log_message(self, *args: object) -> None:
            """Nothing."""

    return Handler
