"""Config variables of the users' services: five scopes, one precedence, values with their origin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.addresses import Address, Level, is_uuid
from chalicelib.domain.errors import Invalid

MAX_VALUE_BYTES = 64 * 1024
"""Linux takes at most 128 KiB for one `NAME=value`; half of it leaves room for what a build adds."""
MAX_SCOPE_BYTES = 256 * 1024
MAX_RESOLVED_BYTES = 512 * 1024
"""What one deploy carries: a Kubernetes object may have about 1 MiB, and it holds names, counts and probes too."""
INLINE_BYTES = 1024
"""Longer plain values are kept beside the record, so that an item stays small."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
RESERVED_NAMES = frozenset({"PORT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable of one scope. Exactly one of `value`, `blob` (plain) and `vault_version` (secret) says where its value is."""

    id: str
    name: str
    secret: bool = False
    buildtime: bool = False
    value: str = ""
    blob: str = ""
    """Name of the document that holds a long plain value."""
    vault_version: int = 0
    """The version of this scope's vault entry that holds the value that counts."""
    size: int = 0
    set_by: str
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """All variables set at one place. `id` never meets a predecessor's: it is drawn with the first variable."""

    id: str
    workspace: str
    owner: str
    """The address it belongs to, as text; for a team `workspace/~team`."""
    level: Level
    variables: Mapping[str, Variable] = field(default_factory=dict)
    vault_version: int = 0
    """The newest version of the vault entry that a commit made count."""
    version: int = 0
    audit_number: int = 0
    audit_head: str = ""

    @property
    def size(self) -> int:
        return sum(len(variable.name.encode()) + variable.size for variable in self.variables.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One variable as the container gets it, and the scope it comes from."""

    variable: Variable
    scope_id: str
    owner: str
    level: Level


def scope_owner(address: Address) -> str:
    return str(address)


def team_owner(workspace: str, team: str) -> str:
    return f"{workspace}/~{team}"


def chain(address: Address, team: str = "") -> tuple[str, ...]:
    """The owners of the scopes that reach `address`, weakest first."""
    owners = [scope_owner(Address.of(*address.parts[:depth])) for depth in range(1, len(address.parts) + 1)]
    if team:
        owners.insert(1, team_owner(address.workspace, team))
    return tuple(owners)


def resolve(scopes: Sequence[Scope | None]) -> dict[str, Resolved]:
    """The merged variables of `scopes` (weakest first, absent ones as None): the last one that sets a name wins."""
    merged: dict[str, Resolved] = {}
    for scope in scopes:
        if scope is None:
            continue
        for name, variable in scope.variables.items():
            merged[name] = Resolved(variable=variable, scope_id=scope.id, owner=scope.owner, level=scope.level)
    return dict(sorted(merged.items()))


def resolved_size(resolved: Iterable[Resolved]) -> int:
    return sum(len(entry.variable.name.encode()) + entry.variable.size for entry in resolved)


def check_variable(name: str, size: int, *, has_nul: bool) -> None:
    """Raises Invalid unless a variable of this name and value size (in bytes) can be set."""
    if not _NAME.fullmatch(name) or is_uuid(name):
        raise Invalid(
            f"{name[:80]!r} cannot be the name of a variable",
            code="variable_name_invalid",
            hint="use letters, digits and '_', not beginning with a digit, at most 255",
            extra={"name": "not the name of a variable"},
        )
    if name in RESERVED_NAMES:
        raise Invalid(
            f"{name} is set by Ancla for each process",
            code="variable_name_reserved",
            hint=f"read {name} in your process; it cannot be set",
            extra={"name": "reserved"},
        )
    if has_nul:
        raise Invalid(
            f"the value of {name} holds a NUL byte",
            code="variable_value_invalid",
            hint="encode binary values, for example as base64",
            extra={"value": "holds a NUL byte"},
        )
    if size > MAX_VALUE_BYTES:
        raise Invalid(
            f"the value of {name} has {size:,} bytes; {MAX_VALUE_BYTES:,} is the most",
            code="variable_value_too_long",
            hint="keep large data in a file or an object store, and its address in the variable",
            extra={"value": f"{size} bytes, at most {MAX_VALUE_BYTES}"},
        )


def check_sizes(scopes: Sequence[Scope | None]) -> None:
    """Raises Invalid, with the sizes, where a scope or the whole that a deploy would carry grows too large."""
    sizes = {scope.owner: scope.size for scope in scopes if scope is not None}
    for owner, size in sizes.items():
        if size > MAX_SCOPE_BYTES:
            raise Invalid(
                f"the variables of {owner} come to {size:,} bytes; {MAX_SCOPE_BYTES:,} is the most for one scope",
                code="scope_too_large",
                hint="delete variables that are not used, or keep large values outside",
                extra={"sizes": sizes},
            )
    total = resolved_size(resolve(scopes).values())
    if total > MAX_RESOLVED_BYTES:
        raise Invalid(
            f"all variables together come to {total:,} bytes; one deploy carries {MAX_RESOLVED_BYTES:,}",
            code="config_too_large",
            hint="delete variables that are not used, or keep large values outside",
            extra={"sizes": sizes},
        )
