"""The command's reference, made from the command tree. `python -m ancla_cli.reference > docs/reference/cli.md`"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from ancla_cli.commands import root
from ancla_cli.framework import Command, Group

HEAD = """\
# The command `ancla`

Generated from the command tree (`python -m ancla_cli.reference`).

stdout is data, stderr is everything else, and the exit code is the outcome: 0 done, 1 not done, 2 wrong usage, 130 interrupted.
Questions are asked on a terminal only; elsewhere the command fails and names the flag to pass. Codes of errors: see [errors](errors.md).
"""
GLOBAL = ("--json", "--quiet", "--server", "--api-key", "--help")


def reference(tree: Group) -> str:
    """The page for a command tree, in the order of its declaration."""
    sections = [_section(context) for context in _contexts(tree, None, "ancla")]
    return "\n".join([HEAD, _global_flags(tree), *sections])


def _contexts(command: click.Command, parent: click.Context | None, name: str) -> Iterator[click.Context]:
    context = click.Context(command, parent, info_name=name, **command.context_settings)
    yield context
    if isinstance(command, click.Group):
        for child_name, child in command.commands.items():
            yield from _contexts(child, context, child_name)


def _global_flags(tree: Group) -> str:
    context = click.Context(tree, info_name="ancla", **tree.context_settings)
    rows = [row for parameter in tree.get_params(context) if (row := _row(parameter, context)) and _is_global(parameter)]
    return "\n".join(["Every command takes these, before or after its name:\n", *_table(rows)])


def _section(context: click.Context) -> str:
    command = context.command
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    lines = [f"## {context.command_path}\n", f"{' '.join((command.help or '').split())}\n"]
    if not isinstance(command, click.Group):
        lines.append(f"```\n{context.command_path} {usage}".rstrip() + "\n```\n")
    rows = [row for parameter in command.get_params(context) if not _is_global(parameter) and (row := _row(parameter, context))]
    if rows:
        lines += _table(rows)
    if isinstance(command, (Command, Group)):
        lines += ["```console", *(f"$ {example}" for example in command.examples), "```\n"]
    return "\n".join(lines)


def _is_global(parameter: click.Parameter) -> bool:
    return any(name in GLOBAL for name in parameter.opts)


def _row(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    return parameter.get_help_record(context)


def _table(rows: list[tuple[str, str]]) -> list[str]:
    cells = [(flag.replace("|", "\\|"), said.replace("|", "\\|")) for flag, said in rows]
    return ["| flag | meaning |", "| --- | --- |", *(f"| `{flag}` | {said} |" for flag, said in cells), ""]


if __name__ == "__main__":
    sys.stdout.write(reference(root))
