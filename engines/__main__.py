"""The commands: build, up, down, status, logs, exec."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from engines.build import build, require_built
from engines.debian import ensure_packages, require_packages
from engines.engine import State
from engines.errors import Trouble
from engines.rooms import PACKAGES, RECIPES, define
from engines.site import Site, read_site
from engines.status import render_table, verdict
from engines.supervisor import down, enter_node, look, up


def main(words: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(words)
    site = read_site()
    try:
        return _obey(options, site)
    except Trouble as trouble:
        print(f"engines: {trouble.message}", file=sys.stderr)
        if trouble.hint:
            print(f"next: {trouble.hint}", file=sys.stderr)
        return 1


def _obey(options: argparse.Namespace, site: Site) -> int:
    match options.command:
        case "build" if options.check:
            _require_root()
            require_packages(PACKAGES)
            require_built(RECIPES, site.cache)
            return 0
        case "build":
            ensure_packages(PACKAGES)
            build(RECIPES, site.cache)
            return 0
        case "up":
            return _up(site)
        case "down":
            _require_root()
            down(define(site), site, keep=options.keep)
            return 0
        case "status":
            return _show(site)
        case "logs":
            return _logs(site, options.name, options.lines, follow=options.follow)
        case _:
            command = (*enter_node(site), *options.argv)
            os.execvp(command[0], command)


def _up(site: Site) -> int:
    _require_root()
    require_built(RECIPES, site.cache)
    start = time.monotonic()
    up(define(site), site)
    code = _show(site)
    print(f"up in {time.monotonic() - start:.1f} s; what clients need to know is in {site.environment}")
    return code


def _show(site: Site) -> int:
    rows = look(define(site), site)
    print(render_table(rows))
    print(verdict(rows))
    return 0 if all(row.state is State.READY for row in rows) else 1


def _logs(site: Site, name: str, lines: int, *, follow: bool) -> int:
    names = [engine.name for engine in define(site)]
    if name not in names:
        raise Trouble(f"there is no engine {name!r}", f"one of: {', '.join(names)}")
    if not site.log(name).is_file():
        raise Trouble(f"{name} has no log of its own", f"what runs as a pod writes below {site.home}/logs/pods")
    command = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(site.log(name))]
    os.execvp(command[0], command)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise Trouble("the engines need root: the node makes namespaces, mounts and network links of its own", "sudo make engines-up")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engines", description="The real servers that Ancla works with, on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    make = commands.add_parser("build", help="install the Debian packages and build what the cache does not have")
    make.add_argument("--check", action="store_true", help="only say what is missing; exit code 1 if anything is")
    commands.add_parser("up", help="start what is not running, and wait until all is ready")
    stop = commands.add_parser("down", help="stop everything and leave nothing behind")
    stop.add_argument("--keep", action="store_true", help="keep data, certificates and logs for the next up")
    commands.add_parser("status", help="a table; exit code 1 unless all are ready")
    logs = commands.add_parser("logs", help="the last lines of an engine's log")
    logs.add_argument("name")
    logs.add_argument("-n", "--lines", type=int, default=100)
    logs.add_argument("-f", "--follow", action="store_true")
    inside = commands.add_parser("exec", help="run a command inside the node's namespaces")
    inside.add_argument("argv", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
