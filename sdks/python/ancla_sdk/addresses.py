"""Addresses of things (`workspace/project/environment/service`, or a prefix) and the API paths they stand for."""

from __future__ import annotations

from urllib.parse import quote

from ancla_sdk.errors import ValidationError

LEVELS = ("workspace", "project", "environment", "service")
_COLLECTIONS = ("workspaces", "projects", "envs", "services")


def split(address: str) -> tuple[str, ...]:
    """The one to four parts of an address. Raises ValidationError for anything else."""
    parts = tuple(address.split("/"))
    if len(parts) > len(LEVELS) or not all(part and part.strip(".") for part in parts):
        raise _not_an_address(address, "/".join(LEVELS))
    return parts


def level_of(address: str) -> str:
    return LEVELS[len(split(address)) - 1]


def path_of(address: str, level: str = "") -> str:
    """The API path of the thing; with `level`, raises ValidationError unless the address names a thing of that level."""
    parts = split(address)
    if level and level_of(address) != level:
        raise _not_an_address(address, "/".join(LEVELS[: LEVELS.index(level) + 1]))
    return "".join(f"/{collection}/{quote(part, safe='')}" for collection, part in zip(_COLLECTIONS, parts, strict=False))


def in_project(service: str) -> tuple[str, dict[str, str]]:
    """The API path of the service's project, and the query that names the service in it."""
    path_of(service, "service")
    workspace, project, env, slug = split(service)
    return path_of(f"{workspace}/{project}"), {"service": slug, "env": env}


def _not_an_address(address: str, wanted: str) -> ValidationError:
    return ValidationError(f"{address!r} does not have the form {wanted}", code="address_invalid", hint=f"write it as {wanted}")
