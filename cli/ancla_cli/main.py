"""The entry: parses, runs one command, prints its result through the one door, and turns every outcome into an exit code."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from ancla_sdk import AnclaError

from ancla_cli.app import App, Surroundings
from ancla_cli.commands import root
from ancla_cli.framework import Shown
from ancla_cli.result import FAILED, INTERRUPTED, WRONG_USAGE, CommandError, Problem, Result, problem_of
from ancla_cli.ui import Ui


def main() -> None:
    arguments = sys.argv[1:]
    ui = Ui(
        out=sys.stdout,
        err=sys.stderr,
        stdin=sys.stdin,
        read_hidden=getpass.getpass,
        as_json=wants_json(arguments),
        color=not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
    )
    try:
        code = run(arguments, ui, Surroundings(environ=os.environ, home=Path.home(), folder=Path.cwd()))
    except BrokenPipeError:
        # Who reads has gone, as `head` does; Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)


def run(arguments: Sequence[str], ui: Ui, around: Surroundings) -> int:
    """Runs one command line and returns its exit code."""
    app = App(ui=ui, around=around)
    try:
        result: Result = root.main(args=list(arguments), prog_name="ancla", obj=app, standalone_mode=False)
    except Shown as shown:
        result = shown.result
    except CommandError as error:
        ui.fail(error.problem)
        return error.exit_code
    except AnclaError as error:
        ui.fail(problem_of(error))
        return FAILED
    except click.UsageError as error:
        ui.fail(_wrong_usage(error))
        return WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        ui.fail(Problem(code="interrupted", message="interrupted"))
        return INTERRUPTED
    finally:
        app.close()
    ui.finish(result)
    return result.exit_code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether `--json` is among the flags, wherever: known before parsing, since wrong usage is told as JSON too."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in own


def _wrong_usage(error: click.UsageError) -> Problem:
    path = error.ctx.command_path if error.ctx else "ancla"
    message = error.format_message().rstrip(".")
    return Problem(code="usage", message=message[:1].lower() + message[1:], hint=f"see '{path} --help'")
