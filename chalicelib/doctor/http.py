"""Plain requests to an engine, and what it means that there is no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError, SSLError

from chalicelib.doctor.examinations import REACHED
from chalicelib.doctor.findings import Trouble

TIMEOUT = Timeout(connect=3.0, read=5.0)
WORDS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """What it says in JSON; an empty object where it says something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the object that it is; none where it is something else."""
        said = self.json
        return said if isinstance(said, dict) else {}

    @property
    def words(self) -> str:
        return " ".join(self.body.decode(errors="replace").split())[:WORDS] or f"status {self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What an engine is called, and the settings that say where it is and whose certificate it shows."""

    engine: str
    address: str
    ca: str = ""


class Server:
    """One engine at one address; `ca` None: the system's certificates. Redirects are not followed, and no proxy is asked."""

    def __init__(self, names: Names, address: str, ca: Path | None = None) -> None:
        self._names = names
        self._address = address
        self._http = PoolManager(ca_certs=None if ca is None else str(ca), timeout=TIMEOUT, retries=False)

    def ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """Whatever it answers. Raises Trouble where it does not."""
        names, where = self._names, f"{self._names.engine} at {self._address}"
        data = None if body is None else json.dumps(body)
        try:
            answer = self._http.request(method, f"{self._address}{path}", body=data, headers=dict(headers or {}), redirect=False)
        except SSLError as error:
            hint = f"let {names.ca} name the file with the CA that the certificate comes from, and {names.address} a name that is in it"
            raise Trouble(REACHED, f"{where} shows a certificate that cannot be trusted ({_reason(error)})", hint) from error
        except HTTPError as error:
            hint = f"check that it runs, and that {names.address} is its address"
            raise Trouble(REACHED, f"{where} does not answer ({_reason(error)})", hint) from error
        return Answer(answer.status, answer.headers, answer.data)


def _reason(error: Exception) -> str:
    return str(error).rpartition(": ")[2][:WORDS] or type(error).__name__
