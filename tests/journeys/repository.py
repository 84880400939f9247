"""Git repositories on this machine, with a web service to deploy from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.journeys.ground import GROUND
from tests.machine import git

BRANCH = "main"

SERVER = """
import json, os, signal, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = Path("VERSION").read_text().strip()
NAMES = ("GREETING", "TOKEN")


class Handler(BaseHTTPRequestHandler):
    timeout = 5

    def do_GET(self):
        body = json.dumps({"version": VERSION, **{name: os.environ[name] for name in NAMES if name in os.environ}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *line):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


server = Server(("0.0.0.0" if "KUBERNETES_SERVICE_HOST" in os.environ else "127.0.0.1", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
server.server_close()
"""
"""A web service that says its version, and which of two variables it got."""
HUNGRY_SERVER = f"held = b'x' * (700 << 20)\n{SERVER}"
"""The same, with more memory than it may take."""


class Repository:
    """A git repository on this machine; `location` is what a service names as its source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        git(self.folder, "init", "--quiet", "--initial-branch", BRANCH)

    @property
    def location(self) -> str:
        """How a service names it."""
        return GROUND.location(self.folder)

    def commit(self, files: Mapping[str, str]) -> str:
        """Writes `files`, commits all there is, and returns the commit."""
        for name, text in {**GROUND.files, **files}.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", "a change")
        return self.head()

    def head(self) -> str:
        """The newest commit."""
        return git(self.folder, "rev-parse", "HEAD")

    def commit_version(self, version: str, **procfile: str) -> str:
        """Commits a web service that answers with `version`, with more process types if wanted; returns the commit."""
        lines = {"web": "python server.py", **procfile}
        return self.commit({"server.py": SERVER, "VERSION": version, "Procfile": "".join(f"{k}: {v}\n" for k, v in lines.items())})
