"""`ancla members`, `teams`, `keys`: who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click
from ancla_sdk import encode

from ancla_cli.app import App
from ancla_cli.framework import command, group, plain
from ancla_cli.result import CommandError, Problem, Result
from ancla_cli.shapes import created, listed
from ancla_cli.text import moment, yes

ROLES = ("admin", "member", "viewer")
_workspace = click.argument("workspace", metavar="WORKSPACE")
_yes = click.option("-y", "--yes", "agreed", is_flag=True, help="Do not ask.")


@command("list", examples=["ancla members list acme"])
@_workspace
def list_members(app: App, workspace: str) -> Result:
    """List the members of a workspace and their roles."""
    found = app.client.members.list(workspace)
    rows = [(m.username, m.role, m.email, moment(m.created)) for m in found]
    return listed(found, ("USERNAME", "ROLE", "EMAIL", "SINCE"), rows, none=f"add one with 'ancla members add {workspace} USERNAME'")


@command("add", examples=["ancla members add acme maria", "ancla members add acme maria --role viewer"])
@_workspace
@click.argument("username")
@click.option("--role", type=click.Choice(ROLES), default="member", help="What the member may do; left out: member.")
def add_member(app: App, workspace: str, username: str, role: str) -> Result:
    """Make an existing user a member of a workspace."""
    made = app.client.members.add(workspace, username, role=role)
    return Result(data=encode(made), render=plain(f"added {username} to {workspace} as {made.role}"), quiet=[username])


@command("update", examples=["ancla members update acme maria --role admin"])
@_workspace
@click.argument("username")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the member may do.")
def update_member(app: App, workspace: str, username: str, role: str) -> Result:
    """Change the role of a member."""
    changed = app.client.members.change(workspace, username, role=role)
    return Result(data=encode(changed), render=plain(f"{username} is {changed.role} of {workspace} now"), quiet=[username])


@command("remove", examples=["ancla members remove acme maria --yes"])
@_workspace
@click.argument("username")
@_yes
def remove_member(app: App, workspace: str, username: str, agreed: bool) -> Result:
    """Remove a member from a workspace."""
    app.ui.need_yes(f"Remove {username} from {workspace}?", given=agreed)
    app.client.members.remove(workspace, username)
    return Result(data={"removed": username}, render=plain(f"removed {username} from {workspace}"), quiet=[username])


@command("list", examples=["ancla teams list acme"])
@_workspace
def list_teams(app: App, workspace: str) -> Result:
    """List the teams of a workspace."""
    found = app.client.teams.list(workspace)
    rows = [(team.slug, team.name, moment(team.created)) for team in found]
    return listed(found, ("TEAM", "NAME", "CREATED"), rows, none=f"create one with 'ancla teams create {workspace} NAME'")


@command("create", examples=["ancla teams create acme Core"])
@_workspace
@click.argument("name")
def create_team(app: App, workspace: str, name: str) -> Result:
    """Create a team, which shares variables and owns services."""
    made = app.client.teams.create(workspace, name=name)
    return created("team", made.slug, made)


@command("list", examples=["ancla keys list"])
def list_keys(app: App) -> Result:
    """List your API keys, newest first."""
    found = app.client.keys.list()
    rows = [(k.key_id, k.name, yes(k.is_active), ", ".join(k.scopes) or "all", moment(k.expires_at), moment(k.last_used_at)) for k in found]
    header = ("KEY ID", "NAME", "ACTIVE", "GOOD FOR", "EXPIRES", "LAST USED")
    return listed(found, header, rows, none="create one with 'ancla keys create NAME'")


@command("create", examples=["ancla keys create ci --scope deploy --scope view --expires 2030-01-31"])
@click.argument("name")
@click.option("--scope", "scopes", metavar="ACTION", multiple=True, help="Good for this action, such as deploy; may be given again.")
@click.option("--expires", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC) at whose beginning it ends.")
def create_key(app: App, name: str, scopes: Sequence[str], expires: datetime | None) -> Result:
    """Create an API key and print it, this once."""
    made = app.client.keys.create(name=name, scopes=scopes, expires_at=f"{expires:%Y-%m-%d}T00:00:00Z" if expires else "")
    if not made.key:
        raise CommandError(
            Problem(
                code="key_lost",
                message=f"the key {name!r} was made, but the answer with its text was lost",
                hint=f"delete it with 'ancla keys delete {made.key_id}', and create another",
            )
        )
    return Result(data=encode(made), render=plain(made.key), quiet=[made.key], note="keep it now: it is shown this once")


@command("revoke", examples=["ancla keys revoke 7b0c5a52-0f6e-4c1c-9a39-8d2f5d1d2f11 --yes"])
@click.argument("key_id", metavar="KEY_ID")
@_yes
def revoke_key(app: App, key_id: str, agreed: bool) -> Result:
    """Make a key count no more, at once; it stays listed."""
    app.ui.need_yes(f"Revoke the key {key_id} for good?", given=agreed)
    app.client.keys.revoke(key_id)
    return Result(data={"revoked": key_id}, render=plain(f"revoked key {key_id}"), quiet=[key_id])


@command("delete", examples=["ancla keys delete 7b0c5a52-0f6e-4c1c-9a39-8d2f5d1d2f11 --yes"])
@click.argument("key_id", metavar="KEY_ID")
@_yes
def delete_key(app: App, key_id: str, agreed: bool) -> Result:
    """Make a key count no more, and take it off the list."""
    app.ui.need_yes(f"Delete the key {key_id} for good?", given=agreed)
    app.client.keys.delete(key_id)
    return Result(data={"deleted": key_id}, render=plain(f"deleted key {key_id}"), quiet=[key_id])


members = group(
    "members",
    help="Members: who belongs to a workspace, and as what.",
    examples=["ancla members list acme"],
    commands=[list_members, add_member, update_member, remove_member],
)
teams = group(
    "teams",
    help="Teams: share variables and own services; they change nobody's access.",
    examples=["ancla teams list acme"],
    commands=[list_teams, create_team],
)
keys = group(
    "keys",
    help="Keys: what you, or a program of yours, call the API with.",
    examples=["ancla keys create ci --scope deploy"],
    commands=[list_keys, create_key, revoke_key, delete_key],
)
