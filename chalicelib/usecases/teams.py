"""Teams: members of a workspace who share variables and own services. They change nobody's access."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain import keys
from chalicelib.domain.addresses import chosen_slug, is_slug
from chalicelib.domain.audit import audited
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.people import Team
from chalicelib.pipeline.attempts import repeated
from chalicelib.ports import Ports
from chalicelib.ports.store import Put, Store, all_of, get_one
from chalicelib.usecases.access import Actor
from chalicelib.usecases.workspaces import get_workspace


def list_teams(ports: Ports, workspace_slug: str) -> list[Team]:
    return all_of(ports.store, *keys.teams(workspace_slug))


def create_team(ports: Ports, actor: Actor, workspace_slug: str, *, name: str) -> Team:
    slug = chosen_slug(name)
    return repeated(lambda: _create(ports, actor, workspace_slug, slug, name))


def get_team(store: Store, workspace_slug: str, slug: str) -> Team:
    team = get_one(store, keys.team(workspace_slug, slug)) if is_slug(slug) else None
    if team is None:
        raise NotFound(
            f"there is no team {slug[:80]!r} in {workspace_slug!r}", code="team_not_found", hint="list the teams of the workspace"
        )
    return team


def _create(ports: Ports, actor: Actor, workspace_slug: str, slug: str, name: str) -> Team:
    workspace = get_workspace(ports.store, workspace_slug)
    if get_one(ports.store, keys.team(workspace_slug, slug)) is not None:
        raise Conflict(f"there is a team {slug!r} in {workspace_slug!r} already", code="slug_taken", hint="choose another name")
    now = ports.clock.now()
    fresh = Team(id=ports.clock.new_id(), workspace=workspace_slug, slug=slug, name=name, created=now)
    team, entry = audited(fresh, subject=fresh.id, at=now, by=actor.username, action="create", slug=slug)
    # Writing the workspace is what lets its deletion see this team.
    grown, noted = audited(workspace, subject=workspace.id, at=now, by=actor.username, action="create_team", slug=slug)
    ports.store.commit([Put(team), Put(entry), Put(grown), Put(noted)])
    return replace(team, version=1)
