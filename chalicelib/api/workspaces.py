"""Workspaces on the wire."""

from __future__ import annotations

import msgspec

from chalicelib.api.dialects import Dialect
from chalicelib.api.members import MemberView, member_view
from chalicelib.api.routes import V1, WORKSPACE, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.policy import Action
from chalicelib.usecases import workspaces
from chalicelib.usecases.workspaces import Counted


class NewWorkspace(Body, frozen=True, kw_only=True):
    """A workspace to be. Its slug is made from its name."""

    name: str
    personal: bool = False


class WorkspaceChanges(Body, frozen=True, kw_only=True):
    """What to change of a workspace."""

    name: str


class WorkspaceView(View, frozen=True, kw_only=True):
    """A workspace. `members` are there where one workspace is read."""

    id: str
    name: str
    slug: str
    personal: bool
    member_count: int
    project_count: int
    service_count: int
    created: Moment
    updated: Moment
    members: list[MemberView] | msgspec.UnsetType = msgspec.UNSET


def list_workspaces(call: Call) -> Reply:
    return Reply(body=[_view(counted) for counted in workspaces.list_workspaces(call.ports, call.actor)])


def create_workspace(call: Call) -> Reply:
    body: NewWorkspace = call.body
    workspace = workspaces.create_workspace(call.ports, call.actor, name=body.name, personal=body.personal)
    return Reply(body=_view(workspaces.count(call.ports, workspace)), etag=workspace.version)


def get_workspace(call: Call) -> Reply:
    counted = workspaces.count(call.ports, call.place.workspace)
    view = _view(counted)
    if call.dialect is not Dialect.TERRAFORM:
        view = msgspec.structs.replace(view, members=[member_view(member) for member in counted.members])
    return Reply(body=view, etag=counted.workspace.version)


def change_workspace(call: Call) -> Reply:
    body: WorkspaceChanges = call.body
    slug = call.place.workspace.slug
    workspace = workspaces.rename_workspace(call.ports, call.actor, slug, name=body.name, expected=call.if_match)
    return Reply(body=_view(workspaces.count(call.ports, workspace)), etag=workspace.version)


def delete_workspace(call: Call) -> Reply:
    workspaces.delete_workspace(call.ports, call.actor, call.place.workspace.slug, expected=call.if_match)
    return Reply()


def _view(counted: Counted) -> WorkspaceView:
    workspace = counted.workspace
    return WorkspaceView(
        id=workspace.id,
        name=workspace.name,
        slug=workspace.slug,
        personal=workspace.personal,
        member_count=len(counted.members),
        project_count=counted.projects,
        service_count=counted.services,
        created=workspace.created,
        updated=workspace.updated,
    )


ROUTES = (
    Route("GET", f"{V1}/workspaces", Action.SIGNED_IN, list_workspaces, "List the caller's workspaces", returns=list[WorkspaceView]),
    Route(
        "POST",
        f"{V1}/workspaces",
        Action.SIGNED_IN,
        create_workspace,
        "Create a workspace, with the caller as its admin",
        body=NewWorkspace,
        returns=WorkspaceView,
        status=201,
    ),
    Route("GET", WORKSPACE, Action.VIEW, get_workspace, "Show a workspace and its members", returns=WorkspaceView),
    Route(
        "PATCH",
        WORKSPACE,
        Action.MANAGE_WORKSPACE,
        change_workspace,
        "Rename a workspace; its slug stays",
        body=WorkspaceChanges,
        returns=WorkspaceView,
    ),
    Route("DELETE", WORKSPACE, Action.MANAGE_WORKSPACE, delete_workspace, "Delete a workspace that has no projects", status=204),
)
