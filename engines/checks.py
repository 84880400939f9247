"""Questions that engines answer, for their readiness. None of them raises for an engine that does not answer."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from engines.engine import Check

PATIENCE = 5.0
DISCARD_PORT = 9
"""Where hardly anybody listens."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A client certificate and its key."""

    certificate: Path
    key: Path


def https_answers(
    host: str, port: int, path: str, *, ca: Path, identity: Identity | None = None, statuses: Collection[int] = (200,)
) -> Check:
    """Whether GET answers one of these statuses, with a certificate of that authority."""

    def check() -> bool:
        try:
            context = ssl.create_default_context(cafile=str(ca))
            if identity is not None:
                context.load_cert_chain(identity.certificate, identity.key)
            return _status(http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context), path) in statuses
        except (OSError, http.client.HTTPException):
            return False

    return check


def http_answers(host: str, port: int, path: str, *, statuses: Collection[int] = (200,)) -> Check:
    """Whether GET answers one of these statuses."""

    def check() -> bool:
        try:
            return _status(http.client.HTTPConnection(host, port, timeout=PATIENCE), path) in statuses
        except (OSError, http.client.HTTPException):
            return False

    return check


def accepts(host: str, port: int) -> Check:
    """Whether somebody takes connections there. Enough for `answers`, too little for `ready`."""

    def check() -> bool:
        try:
            with socket.create_connection((host, port), timeout=PATIENCE):
                return True
        except OSError:
            return False

    return check


def reachable(host: str) -> Check:
    """Whether packets get there and back: a refusal is an answer as well."""

    def check() -> bool:
        try:
            with socket.create_connection((host, DISCARD_PORT), timeout=1):
                return True
        except ConnectionRefusedError:
            return True
        except OSError:
            return False

    return check


def name_resolves(server: str, name: str, address: str) -> Check:
    """Whether a DNS server has the IPv4 address among its answers for the name."""
    identifier = 0x414E
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    # One question, recursion desired: name, type A, class IN.
    question = struct.pack(">HHHHHH", identifier, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)

    def check() -> bool:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
                connection.settimeout(1)
                connection.connect((server, 53))
                connection.send(question)
                answer = connection.recv(4096)
        except OSError:
            return False
        # An A record's data is four bytes long, and the length stands in front of it.
        return answer[:2] == question[:2] and b"\0\4" + socket.inet_aton(address) in answer[len(question) :]

    return check


def _status(connection: http.client.HTTPConnection, path: str) -> int:
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
