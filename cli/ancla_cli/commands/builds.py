"""`ancla builds`."""

from __future__ import annotations

import click
from ancla_sdk.models import Build

from ancla_cli.app import App
from ancla_cli.follow import started
from ancla_cli.framework import command, group, service_argument
from ancla_cli.logs import shown_log
from ancla_cli.result import CommandError, Problem, Result, wrong_usage
from ancla_cli.shapes import listed
from ancla_cli.text import moment, short, shortened


@command("list", examples=["ancla builds list acme/shop/staging/api"])
@service_argument
def list_builds(app: App, address: str) -> Result:
    """List the newest builds of a service, newest first."""
    found = app.client.builds.list(address)
    rows = [(f"v{b.version}", short(b.id), b.status, short(b.commit), _told_by(b), moment(b.created)) for b in found]
    return listed(found, ("VERSION", "ID", "STATUS", "COMMIT", "MESSAGE", "CREATED"), rows, none=f"build it with 'ancla deploy {address}'")


@command("log", examples=["ancla builds log acme/shop/staging/api", "ancla builds log acme/shop/staging/api v3 --follow"])
@service_argument
@click.argument("version", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until the build has ended.")
def log_of_build(app: App, address: str, version: str | None, follow: bool) -> Result:
    """Show the log of a build, by default of the newest."""
    number = _number(version) if version else _newest(app, address)
    return shown_log(app, lambda: app.patient_client.builds.log(address, number), follow=follow)


@command("trigger", examples=["ancla builds trigger acme/shop/staging/api"])
@service_argument
@click.option("--no-follow", is_flag=True, help="Do not wait for the end.")
def trigger_build(app: App, address: str, no_follow: bool) -> Result:
    """Build a service without deploying it."""
    since = app.around.clock()
    return started(app, address, app.client.builds.create(address), follow=not no_follow, since=since)


def _told_by(build: Build) -> str:
    """What its commit says, or why there is no image of it."""
    return shortened(build.error_detail.partition("\n")[0] or build.commit_message, 60)


def _newest(app: App, address: str) -> int:
    found = app.client.builds.list(address)
    if not found:
        problem = Problem(code="build_not_found", message=f"{address} has no build yet", hint=f"make one with 'ancla deploy {address}'")
        raise CommandError(problem)
    return max(build.version for build in found)


def _number(version: str) -> int:
    text = version.removeprefix("v")
    if not text.isdecimal():
        raise wrong_usage(f"{version!r} is not the version of a build", "write for example v3")
    return int(text)


builds = group(
    "builds",
    help="Builds: image v1, v2, ... of a service.",
    examples=["ancla builds list acme/shop/staging/api"],
    commands=[list_builds, log_of_build, trigger_build],
)
