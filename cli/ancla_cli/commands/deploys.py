"""`ancla deploy`, `status`, `logs`, `rollback`, `deploys`."""

from __future__ import annotations

import click
from ancla_sdk import encode
from ancla_sdk.models import Deploy, StageStatus

from ancla_cli.app import App
from ancla_cli.follow import started
from ancla_cli.framework import command, group, service_argument
from ancla_cli.logs import shown_log
from ancla_cli.result import CommandError, Paint, Problem, Result, wrong_usage
from ancla_cli.shapes import listed, reached_at
from ancla_cli.text import moment, pairs, short, yes

_no_follow = click.option("--no-follow", is_flag=True, help="Do not wait for the end.")


@command(
    "deploy",
    examples=[
        "ancla deploy acme/shop/staging/api",
        "ancla deploy acme/shop/staging/api --ref v1.4.0 --no-follow",
        "ancla deploy acme/shop/staging/api --config-only",
    ],
)
@service_argument
@click.option("--ref", default="", metavar="REF", help="Branch, tag or commit to build; left out: the service's branch.")
@click.option("--config-only", is_flag=True, help="Deploy the image that runs with the variables of now.")
@click.option("--build", metavar="N", type=click.IntRange(min=1), help="Deploy this earlier build.")
@_no_follow
def deploy(app: App, address: str, ref: str, config_only: bool, build: int | None, no_follow: bool) -> Result:
    """Build and deploy a service, and follow it until it is active or has failed."""
    if sum(map(bool, (ref, config_only, build))) > 1:
        raise wrong_usage("--ref, --config-only and --build exclude each other", "pass one of them")
    since = app.around.clock()
    accepted = app.client.deploys.create(address, ref=ref, config_only=config_only, version=build or 0)
    return started(app, address, accepted, follow=not no_follow, since=since)


@command("rollback", examples=["ancla rollback acme/shop/production/api", "ancla rollback acme/shop/production/api --to 12"])
@service_argument
@click.option("--to", metavar="N", type=click.IntRange(min=1), help="Number of the deploy; left out: the last good one before.")
@_no_follow
def rollback(app: App, address: str, to: int | None, no_follow: bool) -> Result:
    """Deploy an earlier deploy's image and variables again, and pin the service."""
    since = app.around.clock()
    return started(app, address, app.client.deploys.rollback(address, to=to or 0), follow=not no_follow, since=since)


@command("status", examples=["ancla status acme/shop/staging/api", "ancla status acme/shop/staging/api --json"])
@service_argument
def status(app: App, address: str) -> Result:
    """Show the newest run of a service, and what is active."""
    service = app.client.services.get(address)
    pipeline = app.client.deploys.status(address)
    facts = [
        ("service", address),
        ("url", reached_at(service)),
        ("build", _stage(pipeline.build, "v")),
        ("deploy", _stage(pipeline.deploy, "")),
        ("active", f"deploy {pipeline.active}" if pipeline.active else ""),
        ("pinned", f"yes, pushes wait until 'ancla unpin {address}'" if pipeline.pinned else ""),
        ("held", f"push of {short(pipeline.held.ref)} by {pipeline.held.by}" if pipeline.held else ""),
    ]
    reason = next((stage.error_detail for stage in (pipeline.build, pipeline.deploy) if stage and stage.error_detail), "")

    def render(paint: Paint) -> list[str]:
        return [*pairs(facts, paint), *(f"{paint.error('|')} {line}" for line in reason.splitlines())]

    data = {**encode(pipeline), "service": address, "url": reached_at(service)}
    note = "" if pipeline.build or pipeline.deploy else f"it was never deployed: 'ancla deploy {address}'"
    return Result(data=data, render=render, quiet=[pipeline.deploy.status if pipeline.deploy else "-"], note=note)


@command("logs", examples=["ancla logs acme/shop/staging/api --follow", "ancla logs acme/shop/staging/api --deploy 12"])
@service_argument
@click.option("--deploy", "wanted", default="", metavar="N|ID", help="Number or id of the deploy; left out: the newest.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the deploy has ended.")
def logs(app: App, address: str, wanted: str, follow: bool) -> Result:
    """Show the log of a deploy, by default of the newest."""
    id = _id_of(app, address, wanted)
    return shown_log(app, lambda: app.patient_client.deploys.log(address, id), follow=follow)


@command("list", examples=["ancla deploys list acme/shop/staging/api"])
@service_argument
def list_deploys(app: App, address: str) -> Result:
    """List the newest deploys of a service, newest first."""
    found = app.client.deploys.list(address)
    rows = [
        (_number(d), short(d.id), d.status, yes(d.active), f"v{d.build}" if d.build else "", short(d.commit), moment(d.created))
        for d in found
    ]
    header = ("DEPLOY", "ID", "STATUS", "ACTIVE", "BUILD", "COMMIT", "CREATED")
    return listed(found, header, rows, none=f"deploy it with 'ancla deploy {address}'", quiet=[deploy.id for deploy in found])


@command("get", examples=["ancla deploys get acme/shop/staging/api 12"])
@service_argument
@click.argument("wanted", metavar="N|ID")
def get_deploy(app: App, address: str, wanted: str) -> Result:
    """Show a deploy, by its number or (the beginning of) its id."""
    found = app.client.deploys.get(address, _id_of(app, address, wanted))
    facts = [
        ("deploy", _number(found)),
        ("id", found.id),
        ("status", found.status),
        ("active", yes(found.active)),
        ("build", f"v{found.build}" if found.build else ""),
        ("commit", found.commit),
        ("snapshot", found.snapshot),
        ("created", moment(found.created)),
        ("updated", moment(found.updated)),
    ]

    def render(paint: Paint) -> list[str]:
        return [*pairs(facts, paint), *(f"{paint.error('|')} {line}" for line in found.error_detail.splitlines())]

    return Result(data=encode(found), render=render, quiet=[found.status])


def _id_of(app: App, address: str, wanted: str) -> str:
    """The id of the deploy that is meant: the newest, the one with this number, or the text itself as the beginning of an id."""
    if wanted and not (wanted.isdecimal() and len(wanted) < 8):
        return wanted
    found = app.client.deploys.list(address)
    chosen = next((deploy.id for deploy in found if not wanted or deploy.version == int(wanted)), "")
    if not chosen:
        message = f"{address} has no deploy {wanted}" if wanted else f"{address} was never deployed"
        raise CommandError(Problem(code="deploy_not_found", message=message, hint=f"see 'ancla deploys list {address}'"))
    return chosen


def _stage(stage: StageStatus | None, prefix: str) -> str:
    if stage is None:
        return "-"
    return f"{stage.status} {prefix}{stage.version}" if stage.version else stage.status


def _number(deploy: Deploy) -> str:
    return str(deploy.version) if deploy.version else ""


deploys = group(
    "deploys",
    help="Deploys: numbered attempts to make one image with its variables the running one.",
    examples=["ancla deploys list acme/shop/staging/api"],
    commands=[list_deploys, get_deploy, logs],
)
