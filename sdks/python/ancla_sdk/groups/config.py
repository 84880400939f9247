"""Config variables at their five scopes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ancla_sdk.addresses import path_of
from ancla_sdk.decoding import decode, decode_list
from ancla_sdk.models import MASK, Imported, Variable
from ancla_sdk.transport import Transport


class Config:
    """The scope is the address's own level; with `team`, that team of the workspace at the address."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def resolved(self, service: str) -> list[Variable]:
        """What the service's next deploy gets: all scopes merged, each variable with the scope it comes from."""
        return decode_list(Variable, self._transport.get(f"{path_of(service, 'service')}/config/resolved"))

    def list(self, address: str, *, team: str = "") -> list[Variable]:
        return decode_list(Variable, self._transport.get(_path(address, team)))

    def set(
        self, address: str, name: str, value: str, *, secret: bool | None = None, buildtime: bool | None = None, team: str = ""
    ) -> Variable:
        """Sets one variable. A flag that is None is off for a new variable and stays as it is on an old one."""
        body = {"name": name, "value": value, **_flags(secret, buildtime)}
        variable = decode(Variable, self._transport.post(_path(address, team), body))
        # The server echoes the value of a secret here, and only here: it goes no further.
        return replace(variable, value=MASK) if variable.secret else variable

    def import_text(
        self, address: str, text: str, *, secret: bool | None = None, buildtime: bool | None = None, team: str = ""
    ) -> Imported:
        """Sets all variables of the text of a .env file; secrets that are there already stay as they are."""
        return decode(Imported, self._transport.post(f"{_path(address, team)}/bulk", {"raw": text, **_flags(secret, buildtime)}))

    def delete(self, address: str, name: str, *, team: str = "") -> None:
        """Deletes the variable with this name (or id) from this scope."""
        self._transport.delete(f"{_path(address, team)}/{quote(name, safe='')}")


def _flags(secret: bool | None, buildtime: bool | None) -> dict[str, Any]:
    flags = {"secret": secret, "buildtime": buildtime}
    return {flag: on for flag, on in flags.items() if on is not None}


def _path(address: str, team: str) -> str:
    if team:
        return f"{path_of(address, 'workspace')}/teams/{quote(team, safe='')}/config"
    return f"{path_of(address)}/config"
