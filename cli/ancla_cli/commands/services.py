"""`ancla services`, `scale`, `pin`, `unpin`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
from ancla_sdk import encode
from ancla_sdk.groups.services import ServiceSettings
from ancla_sdk.models import Service

from ancla_cli.app import App
from ancla_cli.framework import command, deletion, group, plain, service_argument
from ancla_cli.result import Result, wrong_usage
from ancla_cli.shapes import created, listed, reached_at, shown

_SETTINGS = [
    click.option("--repository", metavar="URL", help="Clone URL of the source."),
    click.option("--github-repository", metavar="OWNER/NAME", help="The source's short form on GitHub."),
    click.option("--image", metavar="REFERENCE", help="A ready image instead of a source."),
    click.option("--branch", help="What a deploy without --ref builds."),
    click.option("--auto-deploy-branch", metavar="BRANCH", help="Pushes to this branch deploy by themselves; '' for none."),
    click.option("--build-strategy", type=click.Choice(["dockerfile", "buildpack"]), help="How the image is built."),
    click.option("--health-check-path", metavar="PATH", help="Must answer 2xx when the service is healthy."),
    click.option("--deployment-timeout", metavar="SECONDS", type=int, help="Until a roll-out must be healthy."),
    click.option("--team", help="The team that owns the service; its variables apply."),
]


def _settings(function: Callable[..., Result]) -> Callable[..., Result]:
    """Takes all settings of a service as options, and hands on those that were given."""
    for option in reversed(_SETTINGS):
        function = option(function)
    return function


@command("list", examples=["ancla services list acme/shop/staging"])
@click.argument("environment", metavar="WORKSPACE/PROJECT/ENV")
def list_services(app: App, environment: str) -> Result:
    """List the services of an environment."""
    found = app.client.services.list(environment)
    rows = [(f"{environment}/{s.slug}", s.name, s.platform, reached_at(s)) for s in found]
    none = f"create one with 'ancla services create {environment} NAME --repository URL'"
    return listed(found, ("SERVICE", "NAME", "PLATFORM", "URL"), rows, none=none)


@command("get", examples=["ancla services get acme/shop/staging/api"])
@service_argument
def get_service(app: App, address: str) -> Result:
    """Show a service and its settings."""
    return _shown(address, app.client.services.get(address))


@command(
    "create",
    examples=[
        "ancla services create acme/shop/staging api --repository https://github.com/acme/api.git",
        "ancla services create acme/shop/staging api --github-repository acme/api --auto-deploy-branch main",
    ],
)
@click.argument("environment", metavar="WORKSPACE/PROJECT/ENV")
@click.argument("name")
@_settings
def create_service(app: App, environment: str, name: str, **options: Any) -> Result:
    """Create a service in an environment."""
    made = app.client.services.create(environment, name=name, **_given(options))
    return created("service", f"{environment}/{made.slug}", made)


@command("update", examples=["ancla services update acme/shop/staging/api --health-check-path /healthz --deployment-timeout 60"])
@service_argument
@click.option("--name", help="Another name; the slug stays.")
@_settings
def update_service(app: App, address: str, name: str | None, **options: Any) -> Result:
    """Change settings of a service; they count from its next deploy on."""
    settings = _given(options)
    if name is None and not settings:
        raise wrong_usage("there is nothing to change", "pass at least one setting, see 'ancla services update --help'")
    return _shown(address, app.client.services.update(address, name=name, **settings))


@command("scale", examples=["ancla scale acme/shop/staging/api web=2 worker=1", "ancla scale acme/shop/staging/api worker=0 --yes"])
@service_argument
@click.argument("counts", metavar="PROCESS=COUNT...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before a process is stopped.")
def scale(app: App, address: str, counts: Sequence[str], yes: bool) -> Result:
    """Set how many of each process type run; those not named stay."""
    wanted = dict(_count(text) for text in counts)
    stopped = ", ".join(process for process, count in wanted.items() if count == 0)
    app.ui.need_yes(f"Stop {stopped} of {address}?", given=yes or not stopped)
    scaled = app.client.services.scale(address, wanted)
    return Result(
        data=encode(scaled),
        render=plain(f"scaling {address} to {_counts(scaled) or 'what was asked for'}"),
        quiet=[_counts(scaled)],
    )


@command("pin", examples=["ancla pin acme/shop/production/api"])
@service_argument
def pin(app: App, address: str) -> Result:
    """Hold automatic deploys of a service back."""
    return Result(
        data=encode(app.client.services.pin(address)),
        render=plain(f"pinned {address}: pushes wait until 'ancla unpin {address}'"),
        quiet=["pinned"],
    )


@command("unpin", examples=["ancla unpin acme/shop/production/api"])
@service_argument
def unpin(app: App, address: str) -> Result:
    """Let automatic deploys of a service go on; the newest that was held back starts."""
    done = app.client.services.unpin(address)
    started = f"; run {done.run} deploys the one that was held" if done.run else ""
    return Result(data=encode(done), render=plain(f"unpinned {address}: pushes deploy again{started}"), quiet=["unpinned"])


def _shown(address: str, found: Service) -> Result:
    facts = [
        ("service", address),
        ("name", found.name),
        ("url", reached_at(found)),
        ("source", found.repository or found.github_repository or found.image),
        ("branch", found.branch),
        ("deploys on push to", found.auto_deploy_branch),
        ("platform", found.platform),
        ("health check", found.health_check_path),
        ("roll-out timeout", f"{found.deployment_timeout} s" if found.deployment_timeout else ""),
        ("team", found.team),
        ("processes", _counts(found)),
        ("pinned", "yes" if found.pinned else ""),
    ]
    return shown(found, facts, quiet=address)


def _counts(service: Service) -> str:
    return " ".join(f"{process}={count}" for process, count in sorted(service.process_counts.items()))


def _count(text: str) -> tuple[str, int]:
    process, sign, count = text.partition("=")
    if not process or not sign or not count.isdecimal():
        raise wrong_usage(f"{text!r} is not PROCESS=COUNT", "write for example web=2")
    return process, int(count)


def _given(options: dict[str, Any]) -> ServiceSettings:
    """The settings that were named on the command line; an empty text is one of them."""
    given: ServiceSettings = {}
    given.update({name: value for name, value in options.items() if value is not None})  # type: ignore[typeddict-item]
    return given


delete_service = deletion(
    "service",
    "WORKSPACE/PROJECT/ENV/SERVICE",
    "ancla services delete acme/shop/staging/api --yes",
    lambda app, address: app.client.services.delete(address),
    does="Delete a service, and take down what runs of it.",
)
services = group(
    "services",
    help="Services: what runs.",
    examples=["ancla services list acme/shop/staging"],
    commands=[list_services, get_service, create_service, update_service, delete_service, scale, pin, unpin],
)
