"""waitress, with its own refusals in the caller's words: each is answered, whatever the bytes were, and then the connection ends."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import BadRequest

TLS = b"\x16\x03"
"""How a TLS client begins. It waits for an answer before it says more, so that no end of the headers would ever come."""

Refused = Callable[[int, str], tuple[Mapping[str, str], bytes]]
"""Headers and body for a refusal, given its status and waitress' reason."""


def make_server(application: Any, refused: Refused, **adjustments: Any) -> Any:
    """A server that listens already; its `run` serves. Raises OSError where it cannot listen."""
    listeners: dict[int, Any] = {}
    server = create_server(application, map=listeners, **adjustments)
    for listener in listeners.values():
        if isinstance(listener, BaseWSGIServer):
            listener.channel_class = partial(_Channel, refused)  # type: ignore[assignment]
    return server


class _Parser(HTTPRequestParser):
    def received(self, data: bytes) -> int:
        if self.body_rcv is None and (self.header_plus + data).startswith(TLS):
            self.error = BadRequest("it is TLS")
            self.completed = True
            return len(data)
        consumed = super().received(data)
        if self.completed:
            self.expect_continue = False  # what is refused, or has no body, is answered at once
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # such as a length of 5,000 digits: waitress would hang up without a word
            raise ParsingError("the address or the Content-Length is invalid") from error


class _Refusal(ErrorTask):
    channel: _Channel

    def execute(self) -> None:
        error: Any = self.request.error  # type: ignore[attr-defined]
        headers, body = self.channel.refused(error.code, error.body)
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [*self.response_headers, *headers.items()]
        self.channel.parts = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    """One connection. After a refusal it takes leave before it closes: to close while the caller still sends would reset the
    connection, and the answer would be lost on the way."""

    parser_class = _Parser
    error_task_class = _Refusal
    parts = False
    """Something was refused: no more is served."""
    left = False
    """All is said; what still comes is thrown away, until the caller closes or the server's limit of silence is over."""

    def __init__(self, refused: Refused, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.refused = refused

    def handle_read(self) -> None:
        if self.left:
            self.recv(self.adj.recv_bytes)
        else:
            super().handle_read()

    def handle_close(self) -> None:
        if self.parts and not self.left and self.connected and self.socket:
            self.left, self.will_close = True, False
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                super().handle_close()
        else:
            super().handle_close()
