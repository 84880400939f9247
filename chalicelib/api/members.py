"""Members of a workspace on the wire."""

from __future__ import annotations

from chalicelib.api.routes import WORKSPACE, Call, Reply, Route
from chalicelib.api.views import Moment, View
from chalicelib.domain import keys
from chalicelib.domain.people import Membership, Role
from chalicelib.domain.policy import Action
from chalicelib.ports.store import all_of


class MemberView(View, frozen=True, kw_only=True):
    """A member. `service_count` is part of the published form and always 0."""

    user_id: str
    username: str
    email: str
    role: str
    admin: bool
    created: Moment
    service_count: int = 0


def list_members(call: Call) -> Reply:
    members: list[Membership] = all_of(call.ports.store, *keys.members(call.place.workspace.slug))
    return Reply(body=[member_view(member) for member in members])


def member_view(member: Membership) -> MemberView:
    return MemberView(
        user_id=member.user_id,
        username=member.username,
        email=member.email,
        role=member.role.value,
        admin=member.role is Role.ADMIN,
        created=member.created,
    )


ROUTES = (Route("GET", f"{WORKSPACE}/members", Action.VIEW, list_members, "List the members of a workspace", returns=list[MemberView]),)
