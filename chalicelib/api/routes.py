"""A route's declaration. From it come validation, authorisation, the OpenAPI document and the matrices of the tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chalicelib.api.dialects import Dialect
from chalicelib.domain.policy import Action
from chalicelib.ports import Ports
from chalicelib.usecases import access
from chalicelib.usecases.access import Actor, Caller, Place

MIB = 1024 * 1024
V1 = "/api/v1"
WORKSPACE = f"{V1}/workspaces/{{ws}}"
PROJECT = f"{WORKSPACE}/projects/{{proj}}"
ENVIRONMENT = f"{PROJECT}/envs/{{env}}"
SERVICE = f"{ENVIRONMENT}/services/{{svc}}"
PLACE_PARTS = ("ws", "proj", "env", "svc")
METHODS = frozenset({"GET", "POST", "PATCH", "DELETE"})

_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_OPEN_ACTIONS = frozenset({Action.PUBLIC, Action.SIGNED_IN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a handler answers. `body` is of the route's `returns`; `etag` is the version of the record that it shows."""

    body: Any = None
    status: int = 0
    """0: the one that the route declares."""
    etag: int = 0
    """0: the answer shows no one record."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, checked: what a handler gets."""

    ports: Ports
    request_id: str
    caller: Caller | None = None
    """None on public routes alone."""
    found: Place | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    """The path's parts, decoded."""
    query: Any = None
    """Of the route's `query`."""
    body: Any = None
    """Of the route's `body`."""
    raw: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By name in lower case."""
    dialect: Dialect = Dialect.CLI
    if_match: int | None = None
    """The version that the caller has seen; -1 when what it sent can be no version."""

    @property
    def actor(self) -> Actor:
        assert self.caller is not None
        return self.caller.actor

    @property
    def place(self) -> Place:
        """What the path's `{ws}/{proj}/{env}/{svc}` name."""
        assert self.found is not None
        return self.found

    def at(self, *parts: str, action: Action) -> Place:
        """The place that `parts` (slugs or UUIDs, from the workspace on) name, if the caller may do `action` there: for routes that
        name it outside of their path. Raises NotFound and Forbidden like the door itself."""
        assert self.caller is not None
        place = access.locate(self.ports, self.actor.user_id, parts)
        access.permit(self.caller, place.membership, action)
        return place


Handler = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One method at one path. `returns` is None only for answers without a body; `body` None takes none and reads none."""

    method: str
    path: str
    action: Action
    handler: Handler
    summary: str
    body: Any = None
    body_optional: bool = False
    query: type[msgspec.Struct] | None = None
    returns: Any = None
    status: int = 200
    other_statuses: tuple[int, ...] = ()
    """Further statuses of success."""
    name: str = ""
    """The operation's id; empty: the handler's name."""
    tag: str = ""
    """The noun it is listed under; empty: the handler's module."""
    max_body: int = MIB
    raw_body: bool = False
    """The handler reads `raw` itself, whatever its content type."""
    withheld: tuple[str, ...] = ()
    """Fields of the answer that are never stored: values and keys."""

    @property
    def operation(self) -> str:
        return self.name or self.handler.__name__

    @property
    def noun(self) -> str:
        return self.tag or self.handler.__module__.rsplit(".", 1)[-1]

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(_PARAMETER.findall(self.path))

    @property
    def mutates(self) -> bool:
        return self.method != "GET"


def check_routes(routes: Sequence[Route]) -> None:
    """Raises ValueError, naming the route, for a declaration that would leave something open. Called before anything is served."""
    operations: set[str] = set()
    siblings: dict[str, str] = {}
    for route in routes:
        for problem in _problems(route):
            raise ValueError(f"{route.method} {route.path}: {problem}")
        if route.operation in operations:
            raise ValueError(f"{route.method} {route.path}: the operation {route.operation!r} is there twice")
        operations.add(route.operation)
        _check_siblings(route, siblings)


def _problems(route: Route) -> list[str]:
    checks = {
        f"the method is none of {sorted(METHODS)}": route.method in METHODS,
        "it has no policy": isinstance(route.action, Action),
        "it has no summary": bool(route.summary),
        "it has no schema for its answer": route.returns is not None or route.status == 204,
        "it has no schema for its body": route.body is not None or route.raw_body or not route.body_optional,
        "the path must begin with '/' and not end with it": route.path.startswith("/") and not route.path.endswith("/"),
        "a place's parts must come in the order ws, proj, env, svc": _place_parts_in_order(route),
        "its policy needs {ws} in the path": route.action in _OPEN_ACTIONS or "ws" in route.parameters,
    }
    return [problem for problem, good in checks.items() if not good]


def _place_parts_in_order(route: Route) -> bool:
    named = tuple(part for part in route.parameters if part in PLACE_PARTS)
    return named == PLACE_PARTS[: len(named)]


def _check_siblings(route: Route, siblings: dict[str, str]) -> None:
    """API Gateway takes one name for the parameter at one place of the tree."""
    above = ""
    for part in route.path.split("/")[1:]:
        if part.startswith("{") and siblings.setdefault(above, part) != part:
            raise ValueError(f"{route.method} {route.path}: {part} is called {siblings[above]} in another route")
        above = f"{above}/{part}"
