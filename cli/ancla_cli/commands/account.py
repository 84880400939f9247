"""`ancla login`, `whoami`, `version`."""

from __future__ import annotations

from dataclasses import replace

from ancla_sdk import DEFAULT_SERVER

from ancla_cli import stored
from ancla_cli.access import FLAG, Access, with_scheme
from ancla_cli.app import App
from ancla_cli.framework import command, plain
from ancla_cli.result import Paint, Result, wrong_usage
from ancla_cli.text import masked, pairs
from ancla_cli.version import VERSION


@command("login", examples=["ancla login", "ancla login --server https://ancla.example.com --api-key ancla_..."])
def login(app: App) -> Result:
    """Check an API key with the server and keep both in ~/.ancla/config.yaml."""
    key = app.api_key or app.ui.ask_secret("API key: ", flag="--api-key").strip()
    if not key:
        raise wrong_usage("the API key is empty", "paste the key, or pass --api-key")
    access = Access(server=_server_of(app), api_key=key, key_from=FLAG)
    found = app.client_for(access).workspaces.list()
    file = stored.global_file(app.around.home)
    stored.write(file, {**stored.read(file), "server": access.server, "api_key": key})
    return Result(
        data={"server": access.server, "workspaces": [workspace.slug for workspace in found], "file": str(file)},
        render=plain(f"logged in to {access.server}", f"the key is kept in {file}"),
        quiet=[access.server],
    )


@command("whoami", examples=["ancla whoami"])
def whoami(app: App) -> Result:
    """Show which server is called, with which key, and what it reaches."""
    found = app.client.workspaces.list()
    access = replace(app.access, api_key=masked(app.access.api_key))
    slugs = [workspace.slug for workspace in found]

    def render(paint: Paint) -> list[str]:
        key = f"{access.api_key} ({access.key_from})"
        return pairs([("server", access.server), ("key", key), ("workspaces", ", ".join(slugs) or "none")], paint)

    data = {"server": access.server, "api_key": access.api_key, "key_from": access.key_from, "workspaces": slugs}
    return Result(data=data, render=render, quiet=slugs)


@command("version", examples=["ancla version"])
def version(app: App) -> Result:
    """Show the version of this command."""
    return Result(data={"version": VERSION}, render=plain(f"ancla {VERSION}"), quiet=[VERSION])


def _server_of(app: App) -> str:
    """Where to log in: the flag, the environment, or where the person is logged in already; never what a folder's file names."""
    kept = stored.read(stored.global_file(app.around.home)).get("server", "")
    return with_scheme(app.server or app.around.environ.get("ANCLA_SERVER", "") or kept or DEFAULT_SERVER)
