"""Projects on the wire."""

from __future__ import annotations

from chalicelib.api.routes import PROJECT, WORKSPACE, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.addresses import Level
from chalicelib.domain.hierarchy import Project, Workspace
from chalicelib.domain.policy import Action
from chalicelib.usecases import projects


class NewProject(Body, frozen=True, kw_only=True):
    """A project to be. Without a slug, or with an empty one, it is made from the name."""

    name: str
    slug: str = ""


class ProjectChanges(Body, frozen=True, kw_only=True):
    """What to change of a project."""

    name: str


class ProjectView(View, frozen=True, kw_only=True):
    """A project. `closing`: it is being deleted."""

    id: str
    name: str
    slug: str
    workspace_slug: str
    workspace_name: str
    service_count: int
    closing: bool
    created: Moment
    updated: Moment


def list_projects(call: Call) -> Reply:
    workspace = call.place.workspace
    counts = projects.count_services(call.ports, workspace.address, Level.PROJECT)
    listed = projects.list_projects(call.ports, workspace.slug)
    return Reply(body=[_view(project, workspace, counts.get(project.address, 0)) for project in listed])


def create_project(call: Call) -> Reply:
    body: NewProject = call.body
    workspace = call.place.workspace
    project = projects.create_project(call.ports, call.actor, workspace.slug, name=body.name, slug=body.slug)
    return Reply(body=_view(project, workspace, 0), etag=project.version)


def get_project(call: Call) -> Reply:
    return _shown(call, call.place.project)


def change_project(call: Call) -> Reply:
    body: ProjectChanges = call.body
    return _shown(call, projects.rename_project(call.ports, call.actor, call.place.address, name=body.name, expected=call.if_match))


def delete_project(call: Call) -> Reply:
    projects.delete_project(call.ports, call.actor, call.place.address, expected=call.if_match)
    return Reply()


def _shown(call: Call, project: Project) -> Reply:
    counts = projects.count_services(call.ports, project.address, Level.PROJECT)
    return Reply(body=_view(project, call.place.workspace, counts.get(project.address, 0)), etag=project.version)


def _view(project: Project, workspace: Workspace, services: int) -> ProjectView:
    return ProjectView(
        id=project.id,
        name=project.name,
        slug=project.address.slug,
        workspace_slug=workspace.slug,
        workspace_name=workspace.name,
        service_count=services,
        closing=project.closing,
        created=project.created,
        updated=project.updated,
    )


ROUTES = (
    Route("GET", f"{WORKSPACE}/projects", Action.VIEW, list_projects, "List the projects of a workspace", returns=list[ProjectView]),
    Route(
        "POST",
        f"{WORKSPACE}/projects",
        Action.MANAGE_PROJECTS,
        create_project,
        "Create a project with its three environments",
        body=NewProject,
        returns=ProjectView,
        status=201,
    ),
    Route("GET", PROJECT, Action.VIEW, get_project, "Show a project", returns=ProjectView),
    Route(
        "PATCH",
        PROJECT,
        Action.MANAGE_PROJECTS,
        change_project,
        "Rename a project; its slug stays",
        body=ProjectChanges,
        returns=ProjectView,
    ),
    Route("DELETE", PROJECT, Action.MANAGE_PROJECTS, delete_project, "Take down a project with all that is in it", status=204),
)
