"""`ancla config`: variables at their scopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
from ancla_sdk import AnclaError, encode
from ancla_sdk.addresses import LEVELS, split
from ancla_sdk.models import MASK, Variable

from ancla_cli.app import App
from ancla_cli.framework import command, group, plain
from ancla_cli.result import CommandError, Problem, Result, problem_of, wrong_usage
from ancla_cli.shapes import listed
from ancla_cli.text import place_named, yes

TEAM = "team"
_FROM_STDIN = "-"
_address = click.argument("address", metavar="PATH")
_scope_option = click.option(
    "--scope",
    type=click.Choice(["workspace", TEAM, "project", "environment", "env", "service"]),
    help="Where the variable lies; left out: at PATH itself, however long it is.",
)
_team_option = click.option("--team", default="", help="The team of PATH's workspace, for --scope team.")


def _scoped(function: Callable[..., Result]) -> Callable[..., Result]:
    return _address(_scope_option(_team_option(function)))


def _flags(function: Callable[..., Result]) -> Callable[..., Result]:
    secret = click.option("--secret/--plain", default=None, help="Kept in the vault; left out: as it is, plain when new.")
    buildtime = click.option("--buildtime/--no-buildtime", default=None, help="Given to builds too; left out: as it is, not when new.")
    return secret(buildtime(function))


@command(
    "set",
    examples=[
        "ancla config set acme/shop LOG_LEVEL=info",
        "ancla config set acme/shop/staging/api LOG_LEVEL=debug --scope environment",
        "ancla config set --secret acme/shop/staging/api TOKEN=-",
    ],
)
@_scoped
@click.argument("assignments", metavar="NAME=VALUE...", nargs=-1, required=True)
@_flags
def set_variables(
    app: App, address: str, assignments: Sequence[str], secret: bool | None, buildtime: bool | None, scope: str | None, team: str
) -> Result:
    """Set variables; they count from the next deploy on. The value '-' is read from stdin, so that it is in no process list."""
    place, team = place_of(address, scope, team)
    wanted = [_assignment(text) for text in assignments]
    if [value for _, value in wanted].count(_FROM_STDIN) > 1:
        raise wrong_usage("only one value can be read from stdin", "set the others with a command each")
    values = [(name, app.ui.read_value() if value == _FROM_STDIN else value) for name, value in wanted]
    done: list[Variable] = []
    for name, value in values:
        try:
            done.append(app.client.config.set(place, name, value, secret=secret, buildtime=buildtime, team=team))
        except AnclaError as error:
            raise CommandError(replace(problem_of(error), evidence=[f"set before it: {_told(variable)}" for variable in done])) from error
    return Result(
        data=encode(done),
        render=plain(*(f"set {_told(variable)} at {_where(place, team)}" for variable in done)),
        quiet=[variable.name for variable in done],
    )


@command("import", examples=["ancla config import acme/shop/staging/api --file .env", "ancla config import acme/shop --file - --secret"])
@_scoped
@click.option("-f", "--file", required=True, help="A .env file; '-' for stdin.")
@_flags
def import_variables(
    app: App, address: str, file: str, secret: bool | None, buildtime: bool | None, scope: str | None, team: str
) -> Result:
    """Set all variables of a .env file; secrets that are there already stay, and bad lines are named."""
    place, team = place_of(address, scope, team)
    done = app.client.config.import_text(
        place, app.ui.read_value() if file == _FROM_STDIN else _text_of(file), secret=secret, buildtime=buildtime, team=team
    )
    where = _where(place, team)
    lines = [f"set {len(done.created)} at {where}", *([f"left alone: {', '.join(done.skipped)}"] if done.skipped else [])]
    problem = Problem(
        code="import_incomplete",
        message=f"{len(done.errors)} could not be set at {where}",
        evidence=[f"{error.name}: {error.error}" for error in done.errors],
        hint="correct them in the file, and import it again",
    )
    return Result(data=encode(done), render=plain(*lines), quiet=done.created, problem=problem if done.errors else None)


@command("list", examples=["ancla config list acme/shop", "ancla config list acme/shop/staging/api --resolved"])
@_scoped
@click.option("--resolved", is_flag=True, help="What the service's next deploy gets, of all scopes.")
def list_variables(app: App, address: str, resolved: bool, scope: str | None, team: str) -> Result:
    """List the variables of a scope; secrets are masked."""
    if resolved and (scope or team):
        raise wrong_usage("--resolved shows all scopes at once", "leave --scope and --team out")
    place, team = place_of(address, scope, team)
    found = app.client.config.resolved(place) if resolved else app.client.config.list(place, team=team)
    rows = [(v.name, _value(v), yes(v.secret), yes(v.buildtime), place_named(v.owner) or v.scope) for v in found]
    masked = [{**encode(variable), "value": _value(variable)} for variable in found]
    none = f"set a variable with 'ancla config set {f'{place} --team {team}' if team else place} NAME=VALUE'"
    return listed(found, ("NAME", "VALUE", "SECRET", "BUILDTIME", "SET AT"), rows, data=masked, none=none)


@command("delete", examples=["ancla config delete acme/shop/staging/api LOG_LEVEL --yes"])
@_scoped
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_variable(app: App, address: str, name: str, yes: bool, scope: str | None, team: str) -> Result:
    """Delete a variable from a scope; what runs keeps it until the next deploy."""
    place, team = place_of(address, scope, team)
    where = _where(place, team)
    app.ui.need_yes(f"Delete {name} at {where}?", given=yes)
    app.client.config.delete(place, name, team=team)
    return Result(data={"deleted": name}, render=plain(f"deleted {name} at {where}"), quiet=[name])


def place_of(address: str, scope: str | None, team: str) -> tuple[str, str]:
    """The address (and team) of the scope that is meant: PATH itself, or the part of it down to the scope."""
    parts = split(address)
    if scope == TEAM or team:
        if not team or scope not in {None, TEAM}:
            raise wrong_usage("the scope team and the flag --team belong together", "pass --scope team --team NAME")
        return parts[0], team
    if scope is None:
        return address, ""
    depth = LEVELS.index("environment" if scope == "env" else scope) + 1
    if len(parts) < depth:
        raise wrong_usage(f"{address} does not reach down to the scope {scope}", f"write {'/'.join(LEVELS[:depth])}")
    return "/".join(parts[:depth]), ""


def _where(place: str, team: str) -> str:
    return f"{place}, team {team}" if team else place


def _assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        # The text may be a secret in the wrong place, so it is not repeated.
        raise wrong_usage("a variable is not NAME=VALUE", "write for example LOG_LEVEL=debug, or TOKEN=- to read the value from stdin")
    return name, value


def _text_of(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise wrong_usage(f"{file} cannot be read: {reason}", "pass a text file with one NAME=value a line") from error


def _told(variable: Variable) -> str:
    return f"{variable.name}={_value(variable)}"


def _value(variable: Variable) -> str:
    return MASK if variable.secret else variable.value


config = group(
    "config",
    help="Config variables: workspace < team < project < environment < service, the most specific wins.",
    examples=["ancla config list acme/shop/staging/api --resolved"],
    commands=[set_variables, import_variables, list_variables, delete_variable],
)
