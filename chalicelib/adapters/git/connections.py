"""A connection to a server that anybody may name: only to an address that may be reached, and held to one deadline.

The address that was checked is the one that is connected to, so a name that means something else the next moment leads nowhere else.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from chalicelib.adapters.git.addresses import Network, may_be_reached


class TimeIsUp(Exception):
    """The deadline came first."""


class NoAnswer(Exception):
    """The server cannot be reached, is not to be trusted, or hung up: what happened, in words."""


class NotAllowed(Exception):
    """The address is one that Ancla does not ask: why, in words."""


def system_lookup(host: str, port: int) -> Sequence[str]:
    """The addresses of a name. Raises OSError or UnicodeError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which private networks servers may be in beside the world, whose certificates count (None: those the system knows), and who knows
    the addresses of names."""

    networks: Sequence[Network] = ()
    ca: Path | None = None
    lookup: Callable[[str, int], Sequence[str]] = system_lookup


class Deadline:
    """A moment at which all connections that are held to it end, whatever they are in the middle of."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def left(self) -> float:
        """Seconds. Raises TimeIsUp when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeIsUp
        return left

    def hold(self, one: socket.socket) -> None:
        with self._lock:
            self._sockets.append(one)

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            for one in self._sockets:
                one.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Says what it means that a connection fails: that time is up, or that the server is at fault."""
        try:
            yield
        except (OSError, HTTPException) as error:
            self.left()
            raise NoAnswer(_in_words(error)) from error

    def _end(self) -> None:
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def connect(host: str, port: int, deadline: Deadline, reach: Reach, *, tls: bool) -> socket.socket:
    """The connection, with the server's certificate checked. Raises NotAllowed, NoAnswer or TimeIsUp."""
    addresses = _Question(reach.lookup, host, port).answer(deadline.left())
    allowed = [address for address in addresses if may_be_reached(address, reach.networks)]
    if not allowed:
        raise NotAllowed(f"{host} is at {addresses[0]}, an address of a private network or of the server's own machine")
    with deadline.held():
        plain = _first_of(allowed, port, deadline)
        if not tls:
            deadline.hold(plain)
            return plain
        # The handshake is a step of its own, so that the deadline holds for it too.
        wrapped = _context(reach).wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        deadline.hold(wrapped)
        wrapped.do_handshake()
        return wrapped


def _first_of(addresses: Sequence[str], port: int, deadline: Deadline) -> socket.socket:
    """Tries one after the other; the first ones get a part of the time only."""
    for number, address in enumerate(addresses, start=1):
        try:
            found = socket.create_connection((address, port), deadline.left() / (1 + len(addresses) - number))
        except OSError:
            if number == len(addresses):
                raise
        else:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body of a request go out at once
            return found
    raise OSError("there is no address")


def _context(reach: Reach) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if reach.ca is None else str(reach.ca))


@dataclass(slots=True)
class _Question:
    """Asks for a name's addresses in a thread: the system knows no limit of time for it."""

    lookup: Callable[[str, int], Sequence[str]]
    host: str
    port: int
    _found: Sequence[str] = ()
    _problem: str = "it has no address"

    def answer(self, seconds: float) -> Sequence[str]:
        thread = threading.Thread(target=self._ask, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            raise TimeIsUp
        if not self._found:
            raise NoAnswer(f"the name {self.host} leads nowhere ({self._problem})")
        return self._found

    def _ask(self) -> None:
        try:
            self._found = self.lookup(self.host, self.port)
        except (OSError, UnicodeError) as error:
            self._problem = _in_words(error)


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())[:200]
