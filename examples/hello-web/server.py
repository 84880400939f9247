"""A tiny web service: says its version, its greeting, and that its secret arrived (by its hash, never by itself)."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = Path(__file__).with_name("VERSION").read_text(encoding="utf-8").strip()
HEALTH_CHECK = "/_health/"


class Handler(BaseHTTPRequestHandler):
    timeout = 5
    """Seconds: a connection on which nothing is asked must not hold up the end."""

    def do_GET(self) -> None:
        if self.path == HEALTH_CHECK:
            self.answer({"status": "ok"})
        elif self.path == "/":
            self.answer(hello(os.environ.get("GREETING", "hello"), os.environ.get("TOKEN", "")))
        else:
            self.answer({"error": f"there is nothing at {self.path}"}, status=404)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Good answers are not worth a line each."""
        if int(code) >= 400:
            super().log_request(code, size)

    def answer(self, content: dict[str, str], status: int = 200) -> None:
        body = f"{json.dumps(content)}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = False
    """Requests in flight are finished before the process ends."""
    request_queue_size = 128


def hello(greeting: str, token: str) -> dict[str, str]:
    """What is answered at `/`."""
    return {"version": VERSION, "greeting": greeting, "token_sha256": hashlib.sha256(token.encode()).hexdigest() if token else ""}


def main() -> None:
    server = Server((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8000"))), Handler)
    # shutdown() waits for the loop that this thread runs, so another one has to call it.
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=server.shutdown).start())
    print(f"hello-web version {VERSION} listens on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    print("stopped: all requests are answered", flush=True)


if __name__ == "__main__":
    main()
