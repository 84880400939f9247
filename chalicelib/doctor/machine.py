"""This machine: Python, git, the home with Ancla's own state, and the ports."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from chalicelib.adapters.embedded.disk import OWNER_ONLY, take_lock
from chalicelib.adapters.embedded.git import Git, GitFailed, GitTimedOut
from chalicelib.adapters.embedded.node.presence import presence
from chalicelib.doctor.findings import Finding, Trouble, failed, ok, warning
from chalicelib.doctor.http import Names, Server
from chalicelib.settings import Settings

OLDEST_PYTHON = (3, 11)
LEAST_FREE = 200 * 1024**2
LITTLE_FREE = 2 * 1024**3
SECONDS = 5.0


def look_at_machine(settings: Settings) -> Iterator[Finding]:
    """What both profiles need: Ancla's own state is here."""
    yield judge_python(sys.version_info[:2], platform.python_version())
    yield from look_at_home(settings.home)
    yield look_at_api(settings)


def look_at_embedded(settings: Settings) -> Iterator[Finding]:
    """What the embedded engines need beside that."""
    yield look_at_git()
    yield look_at_router(settings)


def judge_python(version: tuple[int, ...], text: str) -> Finding:
    if version < OLDEST_PYTHON:
        return failed("Python", f"{text} is too old", "use Python 3.11 or newer")
    return ok("Python", text)


def look_at_home(home: Path) -> Iterator[Finding]:
    """Makes nothing: a home that is not there yet is looked for where it would be made."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if there != home and there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield ok("home", f"{home} is made at the first start")
    else:
        yield _writable(there if there != home else home)
        yield _closed(there)
    yield judge_free(shutil.disk_usage(there).free, home)


def judge_free(free: int, home: Path) -> Finding:
    seen = f"{free / 1024**3:.1f} GB free where {home} is"
    if free < LEAST_FREE:
        return failed("disk", seen, "free some space: nothing can be written before long")
    return warning("disk", seen, "free some space") if free < LITTLE_FREE else ok("disk", seen)


def look_at_git(program: str = "git") -> Finding:
    hint = "install git: repositories are read with it"
    with tempfile.TemporaryDirectory(prefix="ancla-doctor-") as folder:
        git = Git(Path(folder), local_files=False, program=program)
        git.prepare()
        try:
            said = git.run("version", seconds=SECONDS, limit=1000)
        except OSError as error:
            return failed("git", f"{program!r} cannot be run: {error.strerror}", hint)
        except (GitFailed, GitTimedOut) as error:
            return failed("git", str(error) or "git does not end", hint)
    return ok("git", said.decode(errors="replace").strip())


def look_at_api(settings: Settings) -> Finding:
    """Free, or this home's own server's."""
    if not _is_locked(settings.home / "local.lock"):
        return judge_port("API port", settings.host, settings.port, "ANCLA_HOST or ANCLA_PORT")
    try:
        answer = Server(Names(engine="Ancla", address="ANCLA_PORT"), settings.public_url).ask("GET", "/api/v1/integrations/health")
    except Trouble as trouble:
        return failed(
            "API port", f"a server runs from {settings.home}, but {trouble.finding.seen}", "give it the settings that it runs with"
        )
    if answer.status != 200:
        return failed("API port", f"{settings.public_url} answers {answer.status}", "look at what the server prints")
    return ok("API port", f"Ancla serves at {settings.public_url}")


def look_at_router(settings: Settings) -> Finding:
    """Free, or this home's own node's."""
    node = presence(settings.home)
    if node is None:
        return judge_port("router port", settings.router_host, settings.router_port, "ANCLA_ROUTER_PORT")
    if node.port != settings.router_port:
        seen = f"the node of {settings.home} listens on {node.port}, not on {settings.router_port}"
        return warning("router port", seen, "start the server again, or set ANCLA_ROUTER_PORT")
    return ok("router port", f"the node of {settings.home} listens on {node.host}:{node.port}")


def judge_port(check: str, host: str, port: int, setting: str) -> Finding:
    try:
        with closing(socket.create_server((host, port))):
            return ok(check, f"{host}:{port} is free")
    except OSError as error:
        return failed(check, f"{host}:{port} cannot be listened on: {error.strerror}", f"stop what listens there, or set {setting}")


def _writable(home: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"written")
    except OSError as error:
        return failed("home", f"{home} cannot be written: {error.strerror}", "let ANCLA_HOME name a folder of the user that runs Ancla")
    return ok("home", f"{home} can be written")


def _closed(home: Path) -> Finding:
    if home.stat().st_mode & OWNER_ONLY:
        return warning("home's mode", f"other users of this machine can look into {home}", f"chmod -R go-rwx {home}")
    return ok("home's mode", "for its owner alone")


def _is_locked(path: Path) -> bool:
    """Whether a server holds the lock of its home now."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not take_lock(handle)
    finally:
        os.close(handle)
