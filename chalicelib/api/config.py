"""Variables on the wire, at all five scopes."""

from __future__ import annotations

from chalicelib.api.routes import ENVIRONMENT, PROJECT, SERVICE, WORKSPACE, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.errors import Invalid
from chalicelib.domain.policy import Action
from chalicelib.usecases import config
from chalicelib.usecases.config import Imported, ShownVariable, VariableWish
from chalicelib.usecases.scopes import ScopeAddress, scope_of_place, scope_of_team
from chalicelib.usecases.teams import get_team


class NewVariable(Body, frozen=True, kw_only=True):
    """A variable to set. A flag that is left out stays as it is, and is off for a new variable. `id` and `scope` are taken, so that
    what was listed can be sent back, and have no effect."""

    name: str
    value: str
    secret: bool | None = None
    buildtime: bool | None = None
    id: str = ""
    scope: str = ""


class Import(Body, frozen=True, kw_only=True):
    """Variables to import: the text of a .env file in `raw`, a list in `vars`, or values by name in `variables`."""

    raw: str | None = None
    vars: list[NewVariable] | None = None
    variables: dict[str, str] | None = None
    secret: bool | None = None
    buildtime: bool | None = None


class VariableView(View, frozen=True, kw_only=True):
    """A variable. The value of a secret reads `**secret**`; `scope` says where it is set, `owner` at what address."""

    id: str
    name: str
    value: str
    secret: bool
    buildtime: bool
    scope: str
    owner: str
    set_by: str
    created: Moment
    updated: Moment


class ImportProblem(View, frozen=True, kw_only=True):
    """One variable that could not be imported, and why."""

    name: str
    error: str


class ImportView(View, frozen=True, kw_only=True):
    """What became of an import: names that were set, secrets that were left alone, and what could not be taken."""

    created: list[str]
    skipped: list[str]
    errors: list[ImportProblem]


def list_variables(call: Call) -> Reply:
    return Reply(body=[_view(shown) for shown in config.list_variables(call.ports, _scope_address(call))])


def resolve_variables(call: Call) -> Reply:
    return Reply(body=[_view(shown) for shown in config.resolve_variables(call.ports, _scope_address(call))])


def set_variable(call: Call) -> Reply:
    body: NewVariable = call.body
    where = _scope_address(call)
    variable, new = config.set_variable(call.ports, call.actor, where, _wish(body))
    # The one place where a secret's value goes out: to who has just sent it, copied from that very request.
    echoed = ShownVariable(variable=variable, value=body.value, level=where.level, owner=where.owner)
    return Reply(body=_view(echoed), status=201 if new else 200)


def delete_variable(call: Call) -> Reply:
    config.delete_variable(call.ports, call.actor, _scope_address(call), call.params["variable"])
    return Reply()


def import_variables(call: Call) -> Reply:
    """An object is answered with what became of it, an array with the array of variables: as the published clients expect."""
    where = _scope_address(call)
    if isinstance(call.body, list):
        wishes = [_wish(variable) for variable in call.body]
        imported = config.import_variables(call.ports, call.actor, where, wishes)
        named = {*imported.created, *imported.skipped}
        listed = config.list_variables(call.ports, where)
        return Reply(body=[_view(shown) for shown in listed if shown.variable.name in named and shown.owner == where.owner])
    return Reply(body=_import_view(_imported(call, where, call.body)))


def _imported(call: Call, where: ScopeAddress, body: Import) -> Imported:
    forms = [form for form in (body.raw, body.vars, body.variables) if form is not None]
    if len(forms) != 1:
        raise Invalid("there is not one list of variables to import", code="import_invalid", hint="send one of raw, vars and variables")
    if body.raw is not None:
        return config.import_text(call.ports, call.actor, where, body.raw, secret=body.secret, buildtime=body.buildtime)
    if body.vars is not None:
        return config.import_variables(call.ports, call.actor, where, [_wish(variable) for variable in body.vars])
    pairs = (body.variables or {}).items()
    wishes = [VariableWish(name=name, value=value, secret=body.secret, buildtime=body.buildtime) for name, value in pairs]
    return config.import_variables(call.ports, call.actor, where, wishes)


def _scope_address(call: Call) -> ScopeAddress:
    if "team" in call.params:
        return scope_of_team(get_team(call.ports.store, call.place.workspace.slug, call.params["team"]))
    return scope_of_place(call.place)


def _wish(body: NewVariable) -> VariableWish:
    return VariableWish(name=body.name, value=body.value, secret=body.secret, buildtime=body.buildtime)


def _view(shown: ShownVariable) -> VariableView:
    variable = shown.variable
    return VariableView(
        id=variable.id,
        name=variable.name,
        value=shown.value,
        secret=variable.secret,
        buildtime=variable.buildtime,
        scope=shown.level.value,
        owner=shown.owner,
        set_by=variable.set_by,
        created=variable.created,
        updated=variable.updated,
    )


def _import_view(imported: Imported) -> ImportView:
    return ImportView(
        created=list(imported.created),
        skipped=list(imported.skipped),
        errors=[ImportProblem(name=line.name, error=line.problem) for line in imported.errors],
    )


def _routes(base: str, scope: str) -> tuple[Route, ...]:
    at = f"{base}/config"
    merged = " with those that it inherits" if scope == "service" else ""
    return (
        Route(
            "GET",
            at,
            Action.VIEW,
            list_variables,
            f"List the variables of a {scope}{merged}",
            returns=list[VariableView],
            name=f"list_{scope}_variables",
        ),
        Route(
            "POST",
            at,
            Action.SET_CONFIG,
            set_variable,
            f"Set a variable of a {scope}",
            body=NewVariable,
            returns=VariableView,
            status=201,
            other_statuses=(200,),
            name=f"set_{scope}_variable",
            withheld=("value",),
        ),
        Route(
            "DELETE",
            f"{at}/{{variable}}",
            Action.SET_CONFIG,
            delete_variable,
            f"Delete a variable of a {scope}, by id or name",
            status=204,
            name=f"delete_{scope}_variable",
        ),
        Route(
            "POST",
            f"{at}/bulk",
            Action.SET_CONFIG,
            import_variables,
            f"Import variables into a {scope}; secrets that are there stay",
            body=list[NewVariable] | Import,
            returns=ImportView | list[VariableView],
            status=201,
            name=f"import_{scope}_variables",
            withheld=("value",),
        ),
    )


ROUTES = (
    *_routes(WORKSPACE, "workspace"),
    *_routes(f"{WORKSPACE}/teams/{{team}}", "team"),
    *_routes(PROJECT, "project"),
    *_routes(ENVIRONMENT, "environment"),
    *_routes(SERVICE, "service"),
    Route(
        "GET",
        f"{SERVICE}/config/resolved",
        Action.VIEW,
        resolve_variables,
        "Show what a container of the service gets, and from where",
        returns=list[VariableView],
    ),
)
