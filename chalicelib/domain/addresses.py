"""Slugs and addresses: `workspace/project/environment/service`, or a prefix of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.errors import Invalid

MAX_SLUG = 63
MAX_NAME = 100

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


class Level(StrEnum):
    """The five scopes of config, weakest first; all but the team are also levels of the hierarchy."""

    WORKSPACE = "workspace"
    TEAM = "team"
    PROJECT = "project"
    ENVIRONMENT = "environment"
    SERVICE = "service"


RESERVED_SLUGS: dict[Level, frozenset[str]] = {
    Level.WORKSPACE: frozenset({"api", "cli-auth", "login", "logout", "settings", "admin", "new", "workspaces"}),
    Level.PROJECT: frozenset({"settings", "members", "teams", "projects", "config", "new"}),
}
"""Words that the dashboard's paths put where a workspace's or a project's slug stands."""

HIERARCHY = (Level.WORKSPACE, Level.PROJECT, Level.ENVIRONMENT, Level.SERVICE)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Names one thing of the hierarchy; the parts that are empty are those below it."""

    workspace: str
    project: str = ""
    environment: str = ""
    service: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        parts = text.split("/")
        if len(parts) > 4 or not all(is_slug(part) for part in parts):
            raise Invalid(
                f"{text!r} is not an address",
                code="address_invalid",
                hint="write workspace/project/environment/service, or a prefix of it",
            )
        return cls.of(*parts)

    @classmethod
    def of(cls, *parts: str) -> Address:
        """The address of one to four parts."""
        workspace, project, environment, service = [*parts, "", "", ""][:4]
        return cls(workspace, project, environment, service)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(part for part in (self.workspace, self.project, self.environment, self.service) if part)

    @property
    def level(self) -> Level:
        return HIERARCHY[len(self.parts) - 1]

    @property
    def slug(self) -> str:
        """The slug of the thing itself: the last part."""
        return self.parts[-1]

    @property
    def parent(self) -> Address:
        return Address.of(*self.parts[:-1])

    def child(self, slug: str) -> Address:
        return Address.of(*self.parts, slug)

    def within(self, other: Address) -> bool:
        """Whether this is `other` or below it."""
        return self.parts[: len(other.parts)] == other.parts

    def at(self, level: Level) -> Address:
        """The part of this address down to `level`."""
        return Address.of(*self.parts[: HIERARCHY.index(level) + 1])

    def __str__(self) -> str:
        return "/".join(self.parts)


def slugify(name: str) -> str:
    """The slug of a name, by the rule that the published CLI uses too; empty when nothing of the name can be kept."""
    text = re.sub(r"[ _]", "-", name.strip().lower())
    text = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "", text))
    return text[:MAX_SLUG].strip("-")


def is_slug(text: str) -> bool:
    return len(text) <= MAX_SLUG and bool(_SLUG.fullmatch(text))


def is_uuid(text: str) -> bool:
    return bool(_UUID.fullmatch(text))


def chosen_slug(name: str, wanted: str = "", *, level: Level | None = None) -> str:
    """The slug for a new thing called `name` at `level`; raises Invalid for what cannot be a name or a slug there."""
    check_name(name)
    slug = wanted or slugify(name)
    if not slug:
        raise Invalid(
            f"no slug can be made from the name {name!r}",
            code="name_invalid",
            hint="use at least one letter a-z or digit, or send a slug",
            extra={"name": "needs a letter a-z or a digit"},
        )
    if not is_slug(slug) or is_uuid(slug):
        raise Invalid(
            f"{slug[:80]!r} cannot be a slug",
            code="slug_invalid",
            hint=f"use a-z, 0-9 and '-' in between, at most {MAX_SLUG} characters, and not the form of an id",
            extra={"slug": "not a slug"},
        )
    if level is not None and slug in RESERVED_SLUGS.get(level, frozenset()):
        raise Invalid(f"the slug {slug!r} is reserved", code="slug_reserved", hint="choose another name", extra={"name": "reserved"})
    return slug


def check_name(name: str) -> None:
    """Raises Invalid unless `name` can be shown as a name: 1 to 100 characters, printable, not a path."""
    problem = ""
    if not name.strip():
        problem = "is empty"
    elif len(name) > MAX_NAME:
        problem = f"is longer than {MAX_NAME} characters"
    elif "/" in name or ".." in name:
        problem = "holds '/' or '..'"
    elif not name.isprintable():
        problem = "holds characters that cannot be printed"
    if problem:
        raise Invalid(
            f"the name {problem}",
            code="name_invalid",
            hint=f"use 1 to {MAX_NAME} printable characters without '/' and '..'",
            extra={"name": problem},
        )
