"""The OpenAPI document."""

from __future__ import annotations

from pathlib import Path

from chalicelib.api.openapi import document, text
from chalicelib.api.surface import ROUTES
from chalicelib.domain.policy import Action

COMMITTED = Path(__file__).parents[2] / "openapi.json"


def test_the_committed_document_is_that_of_the_routes() -> None:
    assert COMMITTED.read_text() == text(ROUTES), "run: python -m chalicelib.api.openapi > openapi.json"


def test_every_route_is_described_with_schemas_for_what_goes_in_and_out() -> None:
    described = document(ROUTES)
    for route in ROUTES:
        operation = described["paths"][route.path][route.method.lower()]
        assert operation["operationId"] == route.operation
        assert ("content" in operation["responses"][str(route.status)]) == (route.status != 204)
        assert ("requestBody" in operation) == (route.body is not None or route.raw_body)
        assert ("security" in operation) == (route.action is Action.PUBLIC)


def test_every_reference_leads_somewhere() -> None:
    described = document(ROUTES)
    parts = described["components"]
    for line in text(ROUTES).splitlines():
        if '"$ref"' in line:
            kind, name = line.split('"')[3].removeprefix("#/components/").split("/")
            assert name in parts[kind]


def test_every_object_of_the_surface_says_what_it_is() -> None:
    schemas = document(ROUTES)["components"]["schemas"]
    assert [name for name, schema in schemas.items() if "properties" in schema and not schema.get("description")] == []
