"""Real git repositories for the contract suites of source and builder, and servers that do not let anybody in."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chalicelib.domain.hierarchy import Source
from tests.machine import git


class Repository:
    """A repository with a working tree, on the branch `main`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    @property
    def source(self) -> Source:
        return Source(location=str(self.path))

    def git(self, *arguments: str) -> str:
        return git(self.path, *arguments)

    def commit(self, files: Mapping[str, str | bytes] | None = None, message: str = "A change") -> str:
        """Writes the files, commits all there is and returns the commit's hash."""
        for name, content in (files or {}).items():
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "--all")
        return self.committed(message)

    def committed(self, message: str = "A change") -> str:
        """Commits what is in the index and returns the commit's hash."""
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


class _Closed(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="private"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing: the tests' output is for the tests."""


@contextmanager
def server_that_wants_a_password() -> Iterator[str]:
    """The address of a repository that answers 401 to all."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Closed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/owner/private.git"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def server_that_hangs() -> Iterator[str]:
    """The address of a repository whose server takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/owner/slow.git"


@contextmanager
def no_server() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}/owner/gone.git"
