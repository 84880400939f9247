"""A scope of variables as a whole: where it is, what it rests on, and how a change to it is written.

    read scope and chain -> edit (pure) -> sizes -> vault (cas) -> documents -> commit (scope, audit, checks)

A death before the commit leaves a vault version and documents that no record names, and so count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.audit import audited
from chalicelib.domain.config import Scope, Variable, chain, check_sizes, scope_owner, team_owner
from chalicelib.domain.errors import Invalid, NotFound, TooLarge
from chalicelib.domain.hierarchy import Environment, Project, Service
from chalicelib.domain.keys import Key
from chalicelib.domain.people import Team
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import scope_path
from chalicelib.pipeline.attempts import repeated
from chalicelib.ports import Ports
from chalicelib.ports.store import Check, Put
from chalicelib.usecases.access import Actor, Place
from chalicelib.usecases.refusals import check_open

VERSIONS_KEPT = 5
"""A secret that was written this many versions ago is named by the newest instead, long before the vault drops its version."""
MAX_NAMES_NOTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeAddress:
    """One of the places where variables are set."""

    workspace: str
    level: Level
    owners: tuple[str, ...]
    """The owners of the scopes that reach it, weakest first; its own is the last."""
    rests_on: Key[Any]
    """The record that the scope belongs to: without it there is no scope."""

    @property
    def owner(self) -> str:
        return self.owners[-1]

    @property
    def scope_keys(self) -> list[Key[Scope]]:
        return [keys.scope(self.workspace, owner) for owner in self.owners]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a scope is to be. A secret whose value is new has no `vault_version` yet."""

    variables: Mapping[str, Variable]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    """The new values, by name."""
    documents: Mapping[str, bytes] = field(default_factory=dict)
    """New long plain values, by the name of their document."""
    names: Sequence[str] = ()
    """The variables that it touches."""


def scope_of_place(place: Place) -> ScopeAddress:
    record = place.chain[-1]
    team = place.service.team if place.address.level is Level.SERVICE else ""
    return ScopeAddress(
        workspace=place.workspace.slug,
        level=place.address.level,
        owners=chain(place.address, team),
        rests_on=keys.key_of(record),
    )


def scope_of_team(team: Team) -> ScopeAddress:
    owners = (scope_owner(Address(team.workspace)), team_owner(team.workspace, team.slug))
    return ScopeAddress(workspace=team.workspace, level=Level.TEAM, owners=owners, rests_on=keys.key_of(team))


def read_scopes(ports: Ports, where: ScopeAddress) -> list[Scope | None]:
    """The scopes that reach this place, weakest first, in one round trip."""
    return ports.store.get(where.scope_keys)


def edit_scope(ports: Ports, actor: Actor, where: ScopeAddress, action: str, edit: Callable[[Scope, datetime], Edit]) -> Scope:
    """The scope after `edit`, which may be called again where somebody else wrote first. Nothing is written where it changes nothing."""
    return repeated(lambda: _edit_once(ports, actor, where, action, edit))


def _edit_once(ports: Ports, actor: Actor, where: ScopeAddress, action: str, edit: Callable[[Scope, datetime], Edit]) -> Scope:
    holder, *scopes = ports.store.get([where.rests_on, *where.scope_keys])
    _check_holder(holder, where)
    now = ports.clock.now()
    before: Scope = scopes[-1] or Scope(id=ports.clock.new_id(), workspace=where.workspace, owner=where.owner, level=where.level)
    edited = edit(before, now)
    if not edited.names:
        return before
    check_sizes([*scopes[:-1], replace(before, variables=edited.variables)])
    after = _with_secrets(ports, before, edited)
    for name, content in edited.documents.items():
        ports.logs.write(name, 0, content)
    after, entry = audited(after, subject=after.id, at=now, by=actor.username, action=action, names=_noted(edited.names))
    try:
        ports.store.commit([Put(after), Put(entry), Check(where.rests_on, holder.version)])
    except TooLarge as error:
        raise _too_many(after) from error
    for name in _documents(before) - _documents(after):
        ports.logs.remove(name)
    return replace(after, version=after.version + 1)


def _too_many(scope: Scope) -> Invalid:
    """What is kept of each variable beside its value adds up too."""
    return Invalid(
        f"{scope.owner} would have {len(scope.variables):,} variables, more than one scope can keep",
        code="scope_too_large",
        hint="delete variables that are not used, or set some of them at another scope",
        extra={"sizes": {scope.owner: scope.size}},
    )


def _check_holder(holder: Any, where: ScopeAddress) -> None:
    if holder is None:
        raise NotFound(f"there is no {where.level.value} {where.owner!r}", code=f"{where.level.value}_not_found", hint="check the spelling")
    if isinstance(holder, Project | Environment | Service):
        check_open(holder)


def _with_secrets(ports: Ports, before: Scope, edited: Edit) -> Scope:
    """The scope with its secrets in the vault: one complete new entry, unless no secret came, changed or went."""
    secret_names = {name for name, variable in edited.variables.items() if variable.secret}
    stored_names = {name for name, variable in before.variables.items() if variable.secret}
    if not edited.secrets and secret_names == stored_names:
        return replace(before, variables=edited.variables)
    path = scope_path(before.id)
    stored = ports.vault.read(path, version=before.vault_version) if before.vault_version else None
    entry = {name: edited.secrets[name] if name in edited.secrets else (stored or {})[name] for name in sorted(secret_names)}
    version = ports.vault.write(path, entry, cas=ports.vault.newest_version(path))
    variables = {name: _versioned(variable, version, name in edited.secrets) for name, variable in edited.variables.items()}
    return replace(before, variables=variables, vault_version=version)


def _versioned(variable: Variable, version: int, fresh: bool) -> Variable:
    outdated = version - variable.vault_version >= VERSIONS_KEPT
    return replace(variable, vault_version=version) if variable.secret and (fresh or outdated) else variable


def _documents(scope: Scope) -> set[str]:
    return {variable.blob for variable in scope.variables.values() if variable.blob}


def _noted(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES_NOTED
    shown = ", ".join(names[:MAX_NAMES_NOTED])
    return f"{shown} and {more} more" if more > 0 else shown
