"""Members of a workspace on the wire."""

from __future__ import annotations

from chalicelib.api.routes import WORKSPACE, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.people import Membership, Role
from chalicelib.domain.policy import Action
from chalicelib.usecases import members


class NewMember(Body, frozen=True, kw_only=True):
    """An existing user who is to become a member. `admin` is a short way to say the role `admin`."""

    username: str
    admin: bool = False
    role: Role | None = None


class MemberChanges(Body, frozen=True, kw_only=True):
    """What to change of a member."""

    role: Role


class MemberView(View, frozen=True, kw_only=True):
    """A member. `service_count` is part of the published form and always 0."""

    user_id: str
    username: str
    email: str
    role: Role
    admin: bool
    created: Moment
    service_count: int = 0


def list_members(call: Call) -> Reply:
    return Reply(body=[member_view(member) for member in members.list_members(call.ports, call.place.workspace.slug)])


def add_member(call: Call) -> Reply:
    body: NewMember = call.body
    role = body.role or (Role.ADMIN if body.admin else Role.MEMBER)
    return Reply(body=member_view(members.add_member(call.ports, call.actor, call.place.workspace.slug, username=body.username, role=role)))


def change_member(call: Call) -> Reply:
    body: MemberChanges = call.body
    slug = call.place.workspace.slug
    return Reply(body=member_view(members.change_role(call.ports, call.actor, slug, call.params["user"], body.role)))


def remove_member(call: Call) -> Reply:
    members.remove_member(call.ports, call.actor, call.place.workspace.slug, call.params["user"])
    return Reply()


def member_view(member: Membership) -> MemberView:
    return MemberView(
        user_id=member.user_id,
        username=member.username,
        email=member.email,
        role=member.role,
        admin=member.role is Role.ADMIN,
        created=member.created,
    )


_MEMBERS = f"{WORKSPACE}/members"
_MEMBER = f"{_MEMBERS}/{{user}}"
_MANAGE = Action.MANAGE_WORKSPACE

ROUTES = (
    Route("GET", _MEMBERS, Action.VIEW, list_members, "List the members of a workspace", returns=list[MemberView]),
    Route("POST", _MEMBERS, _MANAGE, add_member, "Make a user a member", body=NewMember, returns=MemberView, status=201),
    Route("PATCH", _MEMBER, _MANAGE, change_member, "Change a member's role", body=MemberChanges, returns=MemberView),
    Route("DELETE", _MEMBER, _MANAGE, remove_member, "Remove a member", status=204),
)
