"""The same functions on one machine: HTTP, queues and schedules, all read off the Chalice app, so that nothing is declared twice.

python local.py      serves until SIGINT or SIGTERM, which end the node and its services too; `kill -9` leaves them running
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.parse import quote

from chalice.app import Chalice, ScheduledEventConfig, SQSEventConfig
from chalice.config import Config
from chalice.local import ForbiddenError, LambdaContext, LocalGateway

from app import app, ports
from chalicelib.adapters.embedded.disk import OWNER_ONLY, write_whole
from chalicelib.adapters.embedded.http_server import make_server
from chalicelib.adapters.embedded.node.control import ensure_node
from chalicelib.adapters.embedded.node.keeper import keep_node
from chalicelib.adapters.embedded.queue import SqliteQueue
from chalicelib.api.http import unknown_path
from chalicelib.api.triggers import TIME, sweep_now
from chalicelib.api.unread import MAX_HEADERS, MAX_REQUEST, headers_of, unread
from chalicelib.domain.errors import AnclaError, Conflict
from chalicelib.ports import Ports
from chalicelib.ports.queue import Received, Work
from chalicelib.settings import Settings, read_settings
from chalicelib.usecases.bootstrap import ensure_admin, new_admin_key

QUEUE_PREFIX = "ancla-"
HTTP_THREADS = 16
CONNECTIONS = 600
"""So many may be open at once: some callers that send half a request and wait keep nobody out. select() takes 1024 descriptors in all."""
SILENCE = 20
"""Seconds after which a connection is closed on which nothing is said and nothing is asked."""

log = logging.getLogger("ancla.local")


def main(chalice_app: Chalice, make_ports: Callable[[], Ports]) -> int:
    """Serves the app's routes, queues and schedules over these ports, which are those that its functions use. Returns the exit code."""
    os.umask(OWNER_ONLY)
    logging.basicConfig(level=os.environ.get("ANCLA_LOG", "WARNING"), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of every request that waits for a thread
    try:
        settings = read_settings()
        made = make_ports()
        with closing(_locked(settings)) as lock:
            _serve(chalice_app, settings, made, lock)
    except AnclaError as error:
        print(f"ancla: {error.message}\n  {error.hint}".rstrip(), file=sys.stderr)
        return 1
    return 0


def _serve(chalice_app: Chalice, settings: Settings, made: Ports, lock: IO[str]) -> None:
    stopping = threading.Event()
    ended = os.eventfd(0)

    def stop(*_: object) -> None:
        stopping.set()
        os.eventfd_write(ended, 1)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server = _http_server(chalice_app, settings)
    embedded = settings.kubernetes is None
    if embedded:
        ensure_node(settings)
    key_file = _admin_key(settings, made)
    _take_over(made)
    loops = [*_queue_loops(chalice_app, made, stopping), *_schedule_loops(chalice_app, stopping)]
    for thread in (*loops, threading.Thread(target=server.run, daemon=True)):
        thread.start()
    print(f"Ancla serves at {settings.public_url}, its services at port {settings.router_port}; {_engines_of(settings)}")
    print(f"the key of the user admin is in {key_file}", flush=True)
    if embedded:
        keep_node(settings, until=ended)
    else:
        stopping.wait()
    _end_all(settings, lock)


def _engines_of(settings: Settings) -> str:
    if settings.kubernetes is None:
        return f"embedded engines, all in {settings.home}"
    return f"real engines, and Ancla's own records in {settings.home}"


def _end_all(settings: Settings, lock: IO[str]) -> NoReturn:
    """Becomes the process that ends the services, the builds and the node. What this one has in hand is dropped, as by any death, and
    comes again at the next start: no deploy of its sees the services end, and draws conclusions."""
    os.set_inheritable(lock.fileno(), True)
    os.chdir(Path(__file__).parent)
    os.execv(sys.executable, [sys.executable, "-m", "chalicelib.adapters.embedded.stop", str(settings.home)])


def _locked(settings: Settings) -> IO[str]:
    """The exclusive lock on the home: one consumer of its queues at a time."""
    handle = (settings.home / "local.lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise Conflict(
            f"another Ancla serves from {settings.home}", code="home_in_use", hint="stop it, or set ANCLA_HOME to another folder"
        ) from None
    return handle


def _admin_key(settings: Settings, made: Ports) -> str:
    """The file with the admin's key, written when the admin is made, or when it is not there: whoever lost the key removes what is
    left of the file, and has a new one at the next start."""
    path = settings.home / "admin.key"
    key = ensure_admin(made)
    if key is None and not path.exists():
        key = new_admin_key(made)
    if key is not None:
        write_whole(path, f"{key}\n".encode(), mode=0o600)
    return str(path)


def _take_over(made: Ports) -> None:
    """This process is the only consumer now: what its predecessor had in hand comes again at once."""
    with closing(SqliteQueue(made.settings.home / "queue.db", made.clock)) as queue:
        queue.release_leases()
    sweep_now(made, ahead=TIME)  # whatever was in hand is due within a function's time


def _queue_loops(chalice_app: Chalice, made: Ports, stopping: threading.Event) -> Iterable[threading.Thread]:
    for source in chalice_app.event_sources:
        if isinstance(source, SQSEventConfig) and source.queue:
            work = Work(source.queue.removeprefix(QUEUE_PREFIX))
            handler = chalice_app.handler_map[source.name]
            arguments = (made, work, handler, source.maximum_concurrency or 2, stopping)
            yield threading.Thread(target=_consume, args=arguments, name=source.queue, daemon=True)


def _consume(made: Ports, work: Work, handler: Callable[[Any, Any], Any], concurrency: int, stopping: threading.Event) -> None:
    """Hands the messages of one queue to its function, so many at a time; those that raise come again."""
    free = threading.Semaphore(concurrency)

    def handle(message: Received) -> None:
        attributes = {"ApproximateReceiveCount": str(message.receive_count)}
        record = {"body": json.dumps(message.body), "receiptHandle": message.receipt, "attributes": attributes}
        try:
            handler({"Records": [record]}, LambdaContext(work.value, 1769, max_runtime_ms=int(TIME * 1000)))
            made.queue.acknowledge(work, message.receipt)
        except Exception:  # noqa: BLE001  (what Lambda does with a function that raises: it is logged, and the message comes again)
            log.exception("a message of %s could not be worked on", work.value)
        finally:
            free.release()

    while not stopping.is_set():
        free.acquire()
        message = _next_message(made, work, stopping)
        if message is None:
            free.release()
        else:
            threading.Thread(target=handle, args=(message,), name=work.value, daemon=True).start()


def _next_message(made: Ports, work: Work, stopping: threading.Event) -> Received | None:
    """The next message, if one comes soon. A queue that cannot be read, such as on a full disk, is asked again later."""
    try:
        return made.queue.receive(work, wait=1.0)
    except AnclaError as error:
        log.error("the queue %s cannot be read: %s", work.value, error.message)
        stopping.wait(1.0)
        return None


def _schedule_loops(chalice_app: Chalice, stopping: threading.Event) -> Iterable[threading.Thread]:
    for source in chalice_app.event_sources:
        if isinstance(source, ScheduledEventConfig):
            handler = chalice_app.handler_map[source.name]
            yield threading.Thread(target=_tick, args=(handler, source, stopping), name=source.name, daemon=True)


def _tick(handler: Callable[[Any, Any], Any], source: ScheduledEventConfig, stopping: threading.Event) -> None:
    event = dict.fromkeys(("account", "region", "detail", "detail-type", "source", "time", "id"), "") | {"version": "0", "resources": []}
    while not stopping.wait(_seconds(str(source.schedule_expression))):
        try:
            handler(event, LambdaContext(source.name, 256, max_runtime_ms=int(TIME * 1000)))
        except AnclaError as error:
            log.error("the schedule %s failed: %s", source.name, error.message)


def _seconds(expression: str) -> float:
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if match is None:
        raise ValueError(f"{expression!r} is not a rate")
    return float(match[1]) * {"minute": 60, "hour": 3600, "day": 86400}[match[2]]


def _http_server(chalice_app: Chalice, settings: Settings) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gateway = LocalGateway(chalice_app, Config())
    try:
        return make_server(
            _wsgi(gateway),
            _refused,
            host=settings.host,
            port=settings.port,
            threads=HTTP_THREADS,
            max_request_body_size=MAX_REQUEST,
            max_request_header_size=MAX_HEADERS,
            connection_limit=CONNECTIONS,
            channel_timeout=SILENCE,
            cleanup_interval=SILENCE // 4,
            ident="ancla",
            clear_untrusted_proxy_headers=True,
        )
    except OSError as error:
        raise Conflict(
            f"port {settings.port} on {settings.host} cannot be used: {error.strerror}",
            code="port_in_use",
            hint="stop what listens there, or set ANCLA_PORT",
        ) from None


def _refused(status: int, reason: str) -> tuple[Mapping[str, str], bytes]:
    """What waitress answers where it cannot read a request."""
    sent = unread(status, reason, LambdaContext("http", 256).aws_request_id)
    log.info("refused with %s what could not be read", status)
    return sent.headers, sent.body.encode()


def _wsgi(gateway: LocalGateway) -> Callable[..., list[bytes]]:
    """A WSGI application that asks the Chalice app as API Gateway would."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        path = quote(environ["PATH_INFO"].encode("latin-1"), safe="/%:@!$&'()*+,;=~-._")
        if environ.get("QUERY_STRING"):
            path += f"?{environ['QUERY_STRING']}"
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        body = environ["wsgi.input"].read()
        try:
            answer = gateway.handle_request(environ["REQUEST_METHOD"], path, headers, body)
            status, sent, text = answer["statusCode"], dict(answer["headers"]), answer["body"] or ""
        except ForbiddenError as error:
            request_id = str(error.headers.get("x-amzn-RequestId", ""))
            unknown = unknown_path(request_id)
            status, sent, text = unknown.status, headers_of(request_id), unknown.body
        data = text if isinstance(text, bytes) else text.encode()
        if status != 204:
            sent["Content-Length"] = str(len(data))
        start_response(f"{status} {HTTPStatus(status).phrase}", [(name, str(value)) for name, value in sent.items()])
        return [data] if environ["REQUEST_METHOD"] != "HEAD" else []

    return serve


if __name__ == "__main__":
    sys.exit(main(app, ports))
