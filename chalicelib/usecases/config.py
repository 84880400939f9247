"""Variables: set, listed, resolved, imported, deleted. A secret's value goes to the vault and is never read back here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.addresses import Level, is_uuid
from chalicelib.domain.config import INLINE_BYTES, Scope, Variable, check_variable, resolve
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.secrets import MASK, Secret
from chalicelib.pipeline.values import plain_value
from chalicelib.ports import Ports
from chalicelib.usecases.access import Actor
from chalicelib.usecases.dotenv import BadLine, Setting, parse_dotenv
from chalicelib.usecases.scopes import Edit, ScopeAddress, edit_scope, read_scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableWish:
    """A variable to be set. A flag that is None stays as it is, and is off for a new one."""

    name: str
    value: str = field(repr=False)
    secret: bool | None = None
    buildtime: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVariable:
    """A variable as it may be shown, and where it is set."""

    variable: Variable
    value: str = field(repr=False)
    """A mask for a secret."""
    level: Level
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of an import: names that were set, secrets that were left alone, and what could not be taken."""

    created: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    errors: tuple[BadLine, ...] = ()


def list_variables(ports: Ports, where: ScopeAddress) -> list[ShownVariable]:
    """The variables set at this very place, by name; at a service, the merged ones that it gets."""
    if where.level is Level.SERVICE:
        return resolve_variables(ports, where)
    own = ports.store.get(where.scope_keys[-1:])[0]
    return [_shown(ports, entry.variable, entry.level, entry.owner) for entry in resolve([own]).values()]


def resolve_variables(ports: Ports, where: ScopeAddress) -> list[ShownVariable]:
    """Exactly what a container at this place gets, each variable with the scope that it comes from."""
    merged = resolve(read_scopes(ports, where))
    return [_shown(ports, entry.variable, entry.level, entry.owner) for entry in merged.values()]


def set_variable(ports: Ports, actor: Actor, where: ScopeAddress, wish: VariableWish) -> tuple[Variable, bool]:
    """The variable as it is set now, and whether it is new. One that was there keeps its id."""
    size = len(wish.value.encode())
    check_variable(wish.name, size, has_nul="\0" in wish.value)
    was_there = False

    def edit(scope: Scope, now: datetime) -> Edit:
        nonlocal was_there
        was_there = wish.name in scope.variables
        return _with_wishes(ports, actor, scope, [wish], now)

    after = edit_scope(ports, actor, where, "set_variable", edit)
    return after.variables[wish.name], not was_there


def delete_variable(ports: Ports, actor: Actor, where: ScopeAddress, name_or_id: str) -> None:
    """Removes the variable of this very place that has this id, else the one of this name."""

    def edit(scope: Scope, now: datetime) -> Edit:
        name = _name_of(scope, name_or_id)
        if name is None:
            raise NotFound(
                f"no variable {name_or_id[:80]!r} is set at the {where.level.value} {where.owner!r}",
                code="variable_not_found",
                hint="list the variables; an inherited one is deleted where it is set",
            )
        return Edit(variables={key: variable for key, variable in scope.variables.items() if key != name}, names=[name])

    edit_scope(ports, actor, where, "delete_variable", edit)


def import_text(
    ports: Ports, actor: Actor, where: ScopeAddress, text: str, *, secret: bool | None = None, buildtime: bool | None = None
) -> Imported:
    """Imports the text of a .env file: the good lines are taken, the bad ones reported."""
    lines = parse_dotenv(text)
    wishes = [
        VariableWish(name=line.name, value=line.value, secret=secret, buildtime=buildtime) for line in lines if isinstance(line, Setting)
    ]
    return import_variables(ports, actor, where, wishes, bad=[line for line in lines if isinstance(line, BadLine)])


def import_variables(
    ports: Ports, actor: Actor, where: ScopeAddress, wishes: Sequence[VariableWish], *, bad: Sequence[BadLine] = ()
) -> Imported:
    """Sets all of `wishes` that can be set, in one commit. A secret that is there already is left alone."""
    good, errors = _sorted_out(wishes)
    skipped: list[str] = []

    def edit(scope: Scope, now: datetime) -> Edit:
        skipped[:] = [name for name in good if name in scope.variables and scope.variables[name].secret]
        return _with_wishes(ports, actor, scope, [wish for name, wish in good.items() if name not in skipped], now)

    if good:
        edit_scope(ports, actor, where, "import_variables", edit)
    created = tuple(name for name in good if name not in skipped)
    return Imported(created=created, skipped=tuple(skipped), errors=(*bad, *errors))


def _sorted_out(wishes: Sequence[VariableWish]) -> tuple[dict[str, VariableWish], list[BadLine]]:
    """The wishes that can be set, by name (the last one of a name), and for the others why not."""
    good: dict[str, VariableWish] = {}
    errors: list[BadLine] = []
    for wish in wishes:
        try:
            check_variable(wish.name, len(wish.value.encode()), has_nul="\0" in wish.value)
        except Invalid as error:
            errors.append(BadLine(wish.name[:100], error.message))
        else:
            good[wish.name] = wish
    return good, errors


def _with_wishes(ports: Ports, actor: Actor, scope: Scope, wishes: Sequence[VariableWish], now: datetime) -> Edit:
    variables: dict[str, Variable] = dict(scope.variables)
    secrets: dict[str, Secret] = {}
    documents: dict[str, bytes] = {}
    for wish in wishes:
        content = wish.value.encode()
        variable = _variable(ports, actor, scope, wish, len(content), now)
        variables[wish.name] = variable
        if variable.secret:
            secrets[wish.name] = Secret(wish.value)
        elif variable.blob:
            documents[variable.blob] = content
    return Edit(variables=variables, secrets=secrets, documents=documents, names=[wish.name for wish in wishes])


def _variable(ports: Ports, actor: Actor, scope: Scope, wish: VariableWish, size: int, now: datetime) -> Variable:
    before = scope.variables.get(wish.name)
    secret = _flag(wish.secret, before is not None and before.secret)
    inline = not secret and size <= INLINE_BYTES
    beside = not secret and not inline
    return Variable(
        id=before.id if before is not None else ports.clock.new_id(),
        name=wish.name,
        secret=secret,
        buildtime=_flag(wish.buildtime, before is not None and before.buildtime),
        value=wish.value if inline else "",
        blob=f"config/{scope.id}/{ports.clock.new_id()}" if beside else "",  # never one that somebody else may remove
        size=size,
        set_by=actor.username,
        created=before.created if before is not None else now,
        updated=now,
    )


def _flag(wanted: bool | None, current: bool) -> bool:
    return current if wanted is None else wanted


def _name_of(scope: Scope, name_or_id: str) -> str | None:
    by_id: Mapping[str, str] = {variable.id: name for name, variable in scope.variables.items()}
    if is_uuid(name_or_id):
        return by_id.get(name_or_id)
    return name_or_id if name_or_id in scope.variables else None


def _shown(ports: Ports, variable: Variable, level: Level, owner: str) -> ShownVariable:
    value = MASK if variable.secret else plain_value(ports, variable)
    return ShownVariable(variable=variable, value=value, level=level, owner=owner)
