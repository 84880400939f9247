"""Git servers on loopback: git's own behind HTTP, of several generations, and such as mean no good."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chalicelib.adapters.git.addresses import parse_networks
from chalicelib.adapters.git.connections import Reach
from chalicelib.adapters.git.credentials import Logins
from chalicelib.adapters.git.source import GitSource
from tests.contracts.repositories import Repository


@dataclass(frozen=True)
class Generation:
    """What a server knows: protocol 2 or 0, and whether it leaves out what a client does not want."""

    protocol: int = 2
    filters: bool = True


@dataclass
class GitServer:
    """Serves all repositories below `root`. With `authorization` it lets nobody in who does not send that header."""

    root: Path
    generation: Generation = Generation()
    authorization: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """Method and path of each request, with what was sent as `Authorization` in front, if anything was."""
    sent: int = 0
    """Bytes of all answers."""

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def location(self, repository: Repository) -> str:
        return f"{self.address}/{repository.path.relative_to(self.root)}"


def loopback_source(logins: Logins | None = None, *, seconds: float = 10) -> GitSource:
    """A source host that reads from servers on loopback, which it does not by itself."""
    return GitSource(Reach(networks=parse_networks(["127.0.0.0/8"])), logins, seconds=seconds)


@contextmanager
def git_server(
    root: Path, generation: Generation | None = None, *, authorization: str = "", host: str = "127.0.0.1", port: int = 0
) -> Iterator[GitServer]:
    served = GitServer(root, generation or Generation(), authorization, host, port)
    with _serving(_backend(served), host, port) as chosen:
        served.port = chosen
        yield served


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the client has had enough
            return

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@contextmanager
def server_that(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The address of a repository whose server answers GET and POST as it is told."""

    class Handler(_Handler):
        def do_GET(self) -> None:
            self.close_connection = True
            answer(self)

        do_POST = do_GET

    with _serving(Handler, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}/owner/name.git"


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler], host: str, port: int) -> Iterator[int]:
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _backend(served: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        wbufsize = 64 * 1024

        def do_GET(self) -> None:
            login = self.headers.get("Authorization", "")
            served.asked.append(" ".join(filter(None, (login, self.command, self.path))))
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if served.authorization and login != served.authorization:
                reply(self, 401, WWW_Authenticate='Basic realm="private"')
                return
            status, headers, content = _asked(served, self, body)
            served.sent += len(content)
            reply(self, status, content, **headers)

        do_POST = do_GET

    return Handler


def _asked(served: GitServer, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """What git's own CGI program answers."""
    path, _, query = request.path.partition("?")
    name, suffix, rest = path.partition(".git/")
    if suffix and not (served.root / f"{name.strip('/')}.git").exists():
        path = f"{name}/{rest}"  # with or without the ending, as the large hosts take it
    variables = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C",
        "GIT_PROJECT_ROOT": str(served.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": request.command,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **_settings(served.generation),
    }
    if served.generation.protocol:
        variables["GIT_PROTOCOL"] = request.headers.get("Git-Protocol", "")
    done = subprocess.run([_program()], input=body, env=variables, capture_output=True, timeout=30)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    pairs = [line.partition(": ") for line in head.decode().splitlines()]
    headers = {name: value for name, _, value in pairs}
    return int(headers.pop("Status", "200").split()[0]), headers, content


def _settings(generation: Generation) -> dict[str, str]:
    filters = "true" if generation.filters else "false"
    chosen = {"safe.directory": "*", "uploadpack.allowFilter": filters, "uploadpack.allowReachableSHA1InWant": "true"}
    keys = {f"GIT_CONFIG_KEY_{number}": name for number, name in enumerate(chosen)}
    values = {f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(chosen.values())}
    return {"GIT_CONFIG_COUNT": str(len(chosen)), **keys, **values}


@cache
def _program() -> str:
    folder = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    return str(Path(folder) / "git-http-backend")
