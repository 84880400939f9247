"""JSON over HTTPS with servers whose certificate the engines' own authority signed."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from pathlib import Path
from typing import Any

from engines.errors import Trouble

PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    """What the JSON says; None for an empty body, the text where it is no JSON."""
    headers: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    name: str
    """For messages."""
    host: str
    port: int
    ca: Path
    headers: Mapping[str, str] = field(default_factory=dict)
    """Go with each request: the token, as a rule."""

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """What it answers, whatever the status. Raises OSError, of which some are ssl.SSLError, where it does not."""
        context = ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=PATIENCE, context=context)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **self.headers})
            response = connection.getresponse()
            return Answer(response.status, _parsed(response.read()), response.headers)
        except http.client.HTTPException as error:
            raise OSError(f"{self.name} broke off its answer: {error!r}") from error
        finally:
            connection.close()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """What it answers with a status of 2xx. Raises Trouble for any other, and where it does not answer."""
        try:
            answer = self.ask(method, path, body)
        except OSError as error:
            raise Trouble(f"{self.name} does not answer {method} {path}: {error}", "make engines-status") from error
        if not 200 <= answer.status < 300:
            raise Trouble(f"{self.name} answers {answer.status} to {method} {path}: {str(answer.body)[:400]}")
        return answer.body

    def accepting(self, media_type: str) -> Server:
        """The same server, asked for another form of its answers."""
        return replace(self, headers={**self.headers, "Accept": media_type})

    def answers(self, path: str, status: int = 200) -> bool:
        """Whether GET has this status; False where it does not answer."""
        try:
            return self.ask("GET", path).status == status
        except OSError:
            return False


def _parsed(content: bytes) -> Any:
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
