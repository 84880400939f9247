"""How commands are declared: each has examples, takes the global flags before or after its name, and returns a Result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from ancla_cli.app import App
from ancla_cli.result import Paint, Result


class Shown(Exception):
    """Help was asked for: `result` holds it."""

    def __init__(self, text: str) -> None:
        super().__init__("help")
        self.result = Result(data={"help": text}, render=lambda paint: text.splitlines(), quiet=text.splitlines())


class _Declared(click.Command):
    """What commands and groups have in common."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.params.extend(_global_options())

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Click would print the help itself, past the output door."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                formatter.write_text("\b\n" + "\n".join(f"$ {example}" for example in self.examples))


class Command(_Declared):
    pass


class Group(_Declared, click.Group):
    """Shows its help when nothing follows its name."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:
            raise Shown(ctx.get_help())
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of their declaration."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Click would cut what does not fit into a line off; here it goes on in the next one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, " ".join((command.help or "").split())) for name, command in self.commands.items()])


def command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Result]], Command]:
    """Declares a command; its function gets the App first, then its own arguments."""

    def declared(function: Callable[..., Result]) -> Command:
        return click.command(name, cls=Command, examples=examples)(click.pass_obj(function))

    return declared


def group(name: str, *, help: str, examples: Sequence[str], commands: Sequence[click.Command]) -> Group:
    return Group(name, help=help, examples=examples, commands=list(commands))


def deletion(noun: str, metavar: str, example: str, delete: Callable[[App, str], None], *, does: str) -> Command:
    """The command that deletes a thing of the hierarchy, after asking; `does` is its help."""

    def confirmed(app: App, address: str, yes: bool) -> Result:
        app.ui.need_yes(f"Delete the {noun} {address} for good?", given=yes)
        delete(app, address)
        return Result(data={"deleted": address}, render=plain(f"deleting {noun} {address}"), quiet=[address])

    confirmed.__doc__ = does
    asking = click.option("-y", "--yes", is_flag=True, help="Do not ask.")(confirmed)
    return command("delete", examples=[example])(click.argument("address", metavar=metavar)(asking))


service_argument = click.argument("address", metavar="WORKSPACE/PROJECT/ENV/SERVICE")


def _global_options() -> list[click.Option]:
    return [
        # Read off the command line before anything is parsed, since wrong usage is told as JSON too: here it is only allowed.
        click.Option(["--json"], is_flag=True, expose_value=False, help="Print exactly one JSON value."),
        click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_set_quiet, help="Print only names, ids and states."),
        click.Option(["--server"], metavar="URL", expose_value=False, callback=_set_server, help="The server to call (ANCLA_SERVER)."),
        click.Option(["--api-key"], metavar="KEY", expose_value=False, callback=_set_api_key, help="The key to call with (ANCLA_API_KEY)."),
    ]


def _set_quiet(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value:
        _app(ctx).ui.quiet = True


def _set_server(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    if value:
        _app(ctx).server = value


def _set_api_key(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    if value:
        _app(ctx).api_key = value


def _show_help(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        raise Shown(ctx.get_help())


def _app(ctx: click.Context) -> App:
    app = ctx.find_object(App)
    if app is None:
        raise RuntimeError("a command was started without its App")
    return app


def plain(*lines: str) -> Callable[[Paint], list[str]]:
    """A renderer of lines without colour."""
    return lambda paint: list(lines)
