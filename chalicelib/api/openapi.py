"""The OpenAPI 3.1 document, made from the routes' declarations. `python -m chalicelib.api.openapi > openapi.json`"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from chalicelib.api.errors import ErrorBody
from chalicelib.api.routes import PLACE_PARTS, Route
from chalicelib.api.surface import ROUTES
from chalicelib.domain.policy import Action

VERSION = "0.1.0"
REF = "#/components/schemas/{name}"
ERROR = {"$ref": REF.format(name=ErrorBody.__name__)}
ERROR_STATUSES = (400, 401, 403, 404, 409, 412, 413, 415, 422, 500, 503)
RENAMED = {413: "Request Entity Too Large", 422: "Unprocessable Entity"}
"""Phrases that Python changed in 3.13: the document is the same whichever version writes it."""
PARAMETERS = {
    "ws": "Slug or id of the workspace",
    "proj": "Slug or id of the project",
    "env": "Slug or id of the environment",
    "svc": "Slug or id of the service",
    "user": "Name or id of the user",
    "team": "Slug of the team",
    "variable": "Id or name of the variable",
    "key_id": "Id of the API key",
    "build": "Number (`3` or `v3`) or id of the build, or the first 8 or more characters of its id",
    "deploy": "Id of the deploy, or the first 8 or more characters of it",
    "run": "Number of the run",
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The description of `routes`: the same routes give the same document."""
    schemas, components = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ancla API",
            "version": VERSION,
            "description": "Every path is served with and without a trailing slash.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": noun} for noun in sorted({route.noun for route in routes})],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {f"Error{status}": {"description": _phrase(status), "content": _json(ERROR)} for status in ERROR_STATUSES},
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        },
    }


def text(routes: Sequence[Route]) -> str:
    """The document as it is committed."""
    return json.dumps(document(routes), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _schemas(routes: Sequence[Route]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each body and answer (most are a reference), and what they refer to."""
    types = list(dict.fromkeys([ErrorBody, *(kind for route in routes for kind in (route.body, route.returns) if kind is not None)]))
    found, components = msgspec.json.schema_components(types, ref_template=REF)
    return dict(zip(types, found, strict=True)), {name: _on_one_line(schema) for name, schema in components.items()}


def _on_one_line(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its description, which is a docstring, without that one's line ends."""
    return {**schema, "description": " ".join(schema["description"].split())} if "description" in schema else schema


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.noun],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route, schemas),
    }
    if route.action is Action.PUBLIC:
        operation["security"] = []
    else:
        operation["x-ancla-action"] = route.action.value
    if route.body is not None:
        operation["requestBody"] = {"required": not route.body_optional, "content": _json(schemas[route.body])}
    elif route.raw_body:
        operation["requestBody"] = {"required": True, "content": _json({"type": "object"})}
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "description": PARAMETERS[name], "schema": {"type": "string"}}
        for name in route.parameters
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = msgspec.json.schema_components([route.query], ref_template=REF)[1][route.query.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": described}
        for name, described in schema["properties"].items()
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    headers = []
    if route.mutates and route.action is not Action.PUBLIC:
        headers.append(("Idempotency-Key", "The same request with the same key is answered again, and done once"))
    if _conditional(route):
        headers.append(("If-Match", "The ETag that was read: the request is refused if the record has changed since"))
    return [{"name": name, "in": "header", "required": False, "description": said, "schema": {"type": "string"}} for name, said in headers]


def _conditional(route: Route) -> bool:
    """Whether it changes or deletes one record of the hierarchy."""
    return route.method in {"PATCH", "DELETE"} and bool(route.parameters) and route.parameters[-1] in PLACE_PARTS


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in (route.status, *route.other_statuses):
        responses[str(status)] = {"description": _phrase(status)}
        if status != HTTPStatus.NO_CONTENT:
            responses[str(status)]["content"] = _json(schemas[route.returns])
    for status in _error_statuses(route):
        responses[str(status)] = {"$ref": f"#/components/responses/Error{status}"}
    return responses


def _error_statuses(route: Route) -> list[int]:
    reads = route.body is not None or route.raw_body
    applies = {
        400: reads,
        401: route.action is not Action.PUBLIC,
        403: route.action not in {Action.PUBLIC, Action.SIGNED_IN, Action.VIEW},
        404: bool(route.parameters),
        409: route.mutates and route.action is not Action.PUBLIC,
        412: _conditional(route),
        413: reads,
        415: reads,
        422: reads or route.query is not None,
        500: True,
        503: True,
    }
    return [status for status, is_so in applies.items() if is_so]


def _phrase(status: int) -> str:
    return RENAMED.get(status) or HTTPStatus(status).phrase


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


if __name__ == "__main__":
    sys.stdout.write(text(ROUTES))
