"""`ancla workspaces`, `projects`, `envs`: the levels above a service."""

from __future__ import annotations

import click
from ancla_sdk import encode

from ancla_cli.app import App
from ancla_cli.framework import command, deletion, group
from ancla_cli.result import Paint, Result
from ancla_cli.shapes import created, listed, shown
from ancla_cli.text import moment, pairs, table, yes


@command("list", examples=["ancla workspaces list"])
def list_workspaces(app: App) -> Result:
    """List the workspaces that you are a member of."""
    found = app.client.workspaces.list()
    rows = [(w.slug, w.name, str(w.member_count), str(w.project_count)) for w in found]
    return listed(found, ("SLUG", "NAME", "MEMBERS", "PROJECTS"), rows, none="create your first one with 'ancla workspaces create NAME'")


@command("get", examples=["ancla workspaces get acme"])
@click.argument("address", metavar="WORKSPACE")
def get_workspace(app: App, address: str) -> Result:
    """Show a workspace and its members."""
    found = app.client.workspaces.get(address)

    def render(paint: Paint) -> list[str]:
        facts = [
            ("workspace", found.slug),
            ("name", found.name),
            ("projects", str(found.project_count)),
            ("services", str(found.service_count)),
        ]
        members = [(member.username, member.email, yes(member.admin)) for member in found.members]
        return [*pairs(facts, paint), "", *table(("USERNAME", "EMAIL", "ADMIN"), members, paint)]

    return Result(data=encode(found), render=render, quiet=[found.slug])


@command("create", examples=["ancla workspaces create Acme"])
@click.argument("name")
def create_workspace(app: App, name: str) -> Result:
    """Create a workspace; you become its admin."""
    made = app.client.workspaces.create(name=name)
    return created("workspace", made.slug, made)


@command("list", examples=["ancla projects list acme"])
@click.argument("workspace", metavar="WORKSPACE")
def list_projects(app: App, workspace: str) -> Result:
    """List the projects of a workspace."""
    found = app.client.projects.list(workspace)
    rows = [(f"{workspace}/{p.slug}", p.name, str(p.service_count)) for p in found]
    return listed(found, ("PROJECT", "NAME", "SERVICES"), rows, none=f"create one with 'ancla projects create {workspace} NAME'")


@command("get", examples=["ancla projects get acme/shop"])
@click.argument("address", metavar="WORKSPACE/PROJECT")
def get_project(app: App, address: str) -> Result:
    """Show a project."""
    found = app.client.projects.get(address)
    return shown(found, [("project", address), ("name", found.name), ("services", str(found.service_count))], quiet=address)


@command("create", examples=["ancla projects create acme Shop"])
@click.argument("workspace", metavar="WORKSPACE")
@click.argument("name")
def create_project(app: App, workspace: str, name: str) -> Result:
    """Create a project; it comes with the environments production, staging and development."""
    made = app.client.projects.create(workspace, name=name)
    return created("project", f"{workspace}/{made.slug}", made)


@command("list", examples=["ancla envs list acme/shop"])
@click.argument("project", metavar="WORKSPACE/PROJECT")
def list_envs(app: App, project: str) -> Result:
    """List the environments of a project."""
    found = app.client.environments.list(project)
    rows = [(f"{project}/{e.slug}", e.name, str(e.service_count), moment(e.created)) for e in found]
    return listed(found, ("ENVIRONMENT", "NAME", "SERVICES", "CREATED"), rows, none=f"create one with 'ancla envs create {project} NAME'")


@command("get", examples=["ancla envs get acme/shop/staging"])
@click.argument("address", metavar="WORKSPACE/PROJECT/ENV")
def get_env(app: App, address: str) -> Result:
    """Show an environment."""
    found = app.client.environments.get(address)
    return shown(found, [("environment", address), ("name", found.name), ("services", str(found.service_count))], quiet=address)


@command("create", examples=["ancla envs create acme/shop qa"])
@click.argument("project", metavar="WORKSPACE/PROJECT")
@click.argument("name")
def create_env(app: App, project: str, name: str) -> Result:
    """Create an environment."""
    made = app.client.environments.create(project, name=name)
    return created("environment", f"{project}/{made.slug}", made)


delete_workspace = deletion(
    "workspace",
    "WORKSPACE",
    "ancla workspaces delete acme --yes",
    lambda app, address: app.client.workspaces.delete(address),
    does="Delete a workspace that has no projects.",
)
delete_project = deletion(
    "project",
    "WORKSPACE/PROJECT",
    "ancla projects delete acme/shop --yes",
    lambda app, address: app.client.projects.delete(address),
    does="Delete a project with its environments, and take down what runs in it.",
)
delete_env = deletion(
    "environment",
    "WORKSPACE/PROJECT/ENV",
    "ancla envs delete acme/shop/qa --yes",
    lambda app, address: app.client.environments.delete(address),
    does="Delete an environment, and take down what runs in it.",
)
workspaces = group(
    "workspaces",
    help="Workspaces: a team, an organisation, or any boundary.",
    examples=["ancla workspaces list"],
    commands=[list_workspaces, get_workspace, create_workspace, delete_workspace],
)
projects = group(
    "projects",
    help="Projects: related services that share variables.",
    examples=["ancla projects create acme Shop"],
    commands=[list_projects, get_project, create_project, delete_project],
)
envs = group(
    "envs",
    help="Environments: where services run, such as staging and production.",
    examples=["ancla envs list acme/shop"],
    commands=[list_envs, get_env, create_env, delete_env],
)
