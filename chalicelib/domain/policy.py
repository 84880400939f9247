"""Who may do what: one table."""

from __future__ import annotations

from enum import StrEnum

from chalicelib.domain.people import Role


class Action(StrEnum):
    """What a route does, as the policy sees it."""

    PUBLIC = "public"
    """Needs no key (it has its own proof, or shows nothing)."""
    SIGNED_IN = "signed_in"
    """Any user, about that user's own things."""
    VIEW = "view"
    DEPLOY = "deploy"
    SET_CONFIG = "set_config"
    MANAGE_SERVICES = "manage_services"
    MANAGE_PROJECTS = "manage_projects"
    MANAGE_WORKSPACE = "manage_workspace"


_VIEWER = frozenset({Action.VIEW})
_MEMBER = _VIEWER | {Action.DEPLOY, Action.SET_CONFIG, Action.MANAGE_SERVICES, Action.MANAGE_PROJECTS}
ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.ADMIN: _MEMBER | {Action.MANAGE_WORKSPACE},
}


def allowed(role: Role | None, action: Action) -> bool:
    """Whether a member with this role (None: not a member) may do it in the workspace."""
    return role is not None and action in ALLOWED[role]
