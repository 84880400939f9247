"""`ancla promote`."""

from __future__ import annotations

from functools import partial

import click
from ancla_sdk import encode
from ancla_sdk.addresses import split
from ancla_sdk.models import Accepted, Preview

from ancla_cli.app import App
from ancla_cli.follow import started
from ancla_cli.framework import command, service_argument
from ancla_cli.result import Paint, Result
from ancla_cli.text import place_named, short, shortened, table


@command(
    "promote",
    examples=[
        "ancla promote acme/shop/staging/api production",
        "ancla promote acme/shop/staging/api production --preview",
        "ancla promote acme/shop/staging/api production --yes",
    ],
)
@service_argument
@click.argument("target_env", metavar="TARGET_ENV")
@click.option("--config", type=click.Choice(["source", "target"]), help="Whose variables the target gets; left out: the source's.")
@click.option("--preview", "only_preview", is_flag=True, help="Show what would change, and change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--no-follow", is_flag=True, help="Do not wait for the end.")
def promote(app: App, address: str, target_env: str, config: str | None, only_preview: bool, yes: bool, no_follow: bool) -> Result:
    """Deploy what is active in one environment to another: the same image with the same variables."""
    preview = app.client.deploys.preview(address, target_env, config=config or "")
    workspace, project, _, slug = split(address)
    target = f"{workspace}/{project}/{target_env}/{slug}"
    shown = partial(_shown, preview, target)
    if only_preview:
        return Result(data=encode(preview), render=shown, quiet=[preview.hash])
    app.ui.progress(shown)
    app.ui.need_yes(f"Promote {address} to {target}?", given=yes)
    since = app.around.clock()
    made = app.client.deploys.promote(address, target_env, hash=preview.hash, config=config or "")
    accepted = Accepted(run=made.run, deploy_id=made.deploy_id)
    return started(app, target, accepted, follow=not no_follow, since=since)


def _shown(preview: Preview, target: str, paint: Paint) -> list[str]:
    if not preview.changes:
        return [f"{target} would stay as it is"]
    rows = [
        (change.what, change.name, _side(change.what, change.before), _side(change.what, change.after), place_named(change.origin))
        for change in preview.changes
    ]
    lines = [f"{target} would change:", *table(("WHAT", "NAME", "FROM", "TO", "SET AT"), rows, paint)]
    own = ", ".join(variable.name for variable in preview.carried)
    if own:
        lines.append(paint.dim(f"hint: set for the source alone, and taken along: {own}; '--config target' keeps the target's own"))
    return lines


def _side(what: str, text: str) -> str:
    """One side of a change, as much of it as tells two apart."""
    if what == "commit":
        return short(text)
    # Of an image's long reference the digest is what differs.
    return shortened(text.rpartition("@")[2], 24) if what == "image" else shortened(text)
