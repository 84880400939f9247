"""Requests to one git server: with its login, redirected a few times at most, and never read without a limit."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import quote, urljoin, urlsplit

from chalicelib.adapters.git.connections import Deadline, NoAnswer, NotAllowed, Reach, connect
from chalicelib.adapters.git.credentials import Logins, origin_of

CHUNK = 64 * 1024
MAX_REDIRECTS = 3
MAX_LOCATION = 2000
AGENT = "git/ancla"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class TooMuch(Exception):
    """The answer is longer than is taken."""


class Answer:
    """An answer whose body is still to be read; `url` is where it came from in the end."""

    def __init__(self, response: HTTPResponse, url: str, deadline: Deadline, limit: int) -> None:
        self._response = response
        self._deadline = deadline
        self._left = limit
        self._rest = b""
        self.url = url

    @property
    def status(self) -> int:
        return self._response.status

    def header(self, name: str) -> str:
        return self._response.headers.get(name) or ""

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes, fewer only at the end."""
        while len(self._rest) < count and (chunk := self._chunk()):
            self._rest += chunk
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def finish(self) -> None:
        """Reads what is left, so that the connection serves again."""
        while self._chunk():
            pass

    def _chunk(self) -> bytes:
        self._deadline.left()
        with self._deadline.held():
            chunk = self._response.read1(CHUNK)
        if not chunk:
            self._end()
        self._left -= len(chunk)
        if self._left < 0:
            raise TooMuch
        return chunk

    def _end(self) -> None:
        self._deadline.left()  # which ends connections in the middle of an answer
        if self._response.length:
            raise NoAnswer("the server hung up in the middle of its answer")
        self._response.close()  # read1 does not do so by itself, and the connection would not serve again


class HttpClient:
    """Keeps one connection, for requests that come one after the other."""

    def __init__(self, reach: Reach, logins: Logins, deadline: Deadline) -> None:
        self._reach = reach
        self._logins = logins
        self._deadline = deadline
        self._connection: HTTPConnection | None = None
        self._response: HTTPResponse | None = None
        self._origin = ""

    def get(self, url: str, headers: Mapping[str, str], *, limit: int) -> Answer:
        """Follows redirects, each of which is checked as the first address was."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send("GET", url, headers, b"", limit)
            if answer.status not in _REDIRECTS:
                return answer
            answer.finish()
            url = _followed(url, answer.header("Location"))
        raise NotAllowed(f"it redirects more than {MAX_REDIRECTS} times")

    def post(self, url: str, headers: Mapping[str, str], body: bytes, *, limit: int) -> Answer:
        return self._send("POST", url, headers, body, limit)

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        if self._connection is not None:
            self._connection.close()
        self._response = self._connection = None

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, limit: int) -> Answer:
        login = self._logins.get(origin_of(url))
        everything = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
        if login is not None:
            everything["Authorization"] = login.header().reveal()
        kept = self._connection is not None and self._origin == origin_of(url)
        try:
            return self._asked(method, url, everything, body, limit)
        except NoAnswer:
            if not kept:
                raise
            self.close()  # it may have been closed for being idle
            return self._asked(method, url, everything, body, limit)

    def _asked(self, method: str, url: str, headers: Mapping[str, str], body: bytes, limit: int) -> Answer:
        parts = urlsplit(url)
        connection = self._connected(url)
        target = quote(parts.path, safe="/%:@!$&'()*+,;=~") + (f"?{quote(parts.query, safe='%:@!$&()*+,;=~/?')}" if parts.query else "")
        with self._deadline.held():
            connection.sock.settimeout(self._deadline.left())
            connection.request(method, target, body or None, headers)
            self._response = connection.getresponse()
        self._deadline.left()  # an answer whose head was cut off may look whole
        return Answer(self._response, url, self._deadline, limit)

    def _connected(self, url: str) -> HTTPConnection:
        if self._connection is not None and self._origin == origin_of(url) and self._connection.sock is not None:
            return self._connection
        self.close()
        parts = urlsplit(url)
        host, tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        connection = HTTPConnection(host if port == (443 if tls else 80) else f"{_bracketed(host)}:{port}")
        connection.sock = connect(host, port, self._deadline, self._reach, tls=tls)
        self._connection, self._origin = connection, origin_of(url)
        return connection


def _followed(url: str, location: str) -> str:
    """Where a redirect leads."""
    if not location or len(location) > MAX_LOCATION or not location.isprintable() or " " in location:
        raise NotAllowed("it redirects to what is no address")
    try:
        target = urljoin(url, location)
        parts, _ = urlsplit(target), origin_of(target)
    except ValueError as error:
        raise NotAllowed("it redirects to what is no address") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise NotAllowed(f"it redirects to an address with the scheme {parts.scheme[:20]!r}, or with a login in it")
    if urlsplit(url).scheme == "https" and parts.scheme != "https":
        raise NotAllowed("it redirects from https to http")
    return target


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
