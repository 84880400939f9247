"""Teams of a workspace on the wire."""

from __future__ import annotations

from chalicelib.api.routes import WORKSPACE, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.people import Team
from chalicelib.domain.policy import Action
from chalicelib.usecases import teams


class NewTeam(Body, frozen=True, kw_only=True):
    """A team to be. Its slug is made from its name."""

    name: str


class TeamView(View, frozen=True, kw_only=True):
    """A team: it shares variables and owns services."""

    id: str
    name: str
    slug: str
    created: Moment


def list_teams(call: Call) -> Reply:
    return Reply(body=[_view(team) for team in teams.list_teams(call.ports, call.place.workspace.slug)])


def create_team(call: Call) -> Reply:
    body: NewTeam = call.body
    return Reply(body=_view(teams.create_team(call.ports, call.actor, call.place.workspace.slug, name=body.name)))


def _view(team: Team) -> TeamView:
    return TeamView(id=team.id, name=team.name, slug=team.slug, created=team.created)


ROUTES = (
    Route("GET", f"{WORKSPACE}/teams", Action.VIEW, list_teams, "List the teams of a workspace", returns=list[TeamView]),
    Route(
        "POST",
        f"{WORKSPACE}/teams",
        Action.MANAGE_WORKSPACE,
        create_team,
        "Create a team",
        body=NewTeam,
        returns=TeamView,
        status=201,
    ),
)
