"""What may be done in the registry: accesses, as its token protocol writes them.

scope   repository:acme/shop/production/api/5f0c:pull,push
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.errors import Invalid, Malformed

REPOSITORY = "repository"
PULL = "pull"
PUSH = "push"
DELETE = "delete"
MAX_SCOPES = 20

_ANY_BELOW = "/*"
_SCOPE = re.compile(r"(?P<type>[a-z]+(?:\([a-z]+\))?):(?P<name>[^\s]{1,400}):(?P<actions>[a-z*]+(?:,[a-z*]+)*)")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Access:
    """What may be done with one thing; a name that ends in `/*` means all repositories below it."""

    name: str
    actions: tuple[str, ...]
    type: str = REPOSITORY

    def covers(self, other: Access) -> bool:
        """Whether this one is about the thing that the other is about."""
        if self.type != other.type:
            return False
        if self.name.endswith(_ANY_BELOW):
            return other.name.startswith(self.name.removesuffix("*")) and not other.name.endswith(_ANY_BELOW)
        return self.name == other.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whom a password of the registry was made for: the pods of a service, or (with its number) one build of it."""

    service_id: str
    build: int = 0

    @property
    def username(self) -> str:
        return f"{self.service_id}/v{self.build}" if self.build else self.service_id


def parse_scopes(scopes: Iterable[str]) -> list[Access]:
    """The accesses that a client of the registry asks for; one text may hold several, with spaces in between. Raises Malformed."""
    parts = [part for scope in scopes for part in scope.split()]
    if len(parts) > MAX_SCOPES:
        raise Malformed(f"{len(parts)} scopes were asked for at once", code="scope_malformed", hint=f"ask for at most {MAX_SCOPES}")
    return [_parsed(part) for part in parts]


def granted(asked: Sequence[Access], allowed: Sequence[Access]) -> list[Access]:
    """Of what is asked for exactly that which is allowed; things of which nothing is are left out."""
    cut = [replace(access, actions=_allowed_actions(access, allowed)) for access in asked]
    return [access for access in cut if access.actions]


def check_repository(name: str) -> None:
    """Raises Invalid for what a registry takes for no repository."""
    if not _REPOSITORY.fullmatch(name):
        raise Invalid(
            f"{name[:80]!r} cannot be a repository of the registry",
            code="repository_invalid",
            hint="use parts of letters, digits, '.', '_' and '-', with '/' in between",
        )


def check_digest(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise Invalid(f"{digest[:80]!r} is not a digest", code="digest_invalid", hint="write it as sha256:<64 hexadecimal digits>")


def _parsed(scope: str) -> Access:
    found = _SCOPE.fullmatch(scope)
    if found is None:
        raise Malformed(f"the scope {scope[:80]!r} cannot be read", code="scope_malformed", hint="write it as repository:<name>:pull")
    return Access(found["name"], tuple(dict.fromkeys(found["actions"].split(","))), found["type"])


def _allowed_actions(asked: Access, allowed: Sequence[Access]) -> tuple[str, ...]:
    actions = {action for access in allowed if access.covers(asked) for action in access.actions}
    return tuple(action for action in asked.actions if action in actions)
