"""The shapes that most results have: a list, one thing with its facts, something that was just made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ancla_sdk import encode
from ancla_sdk.models import Service

from ancla_cli.framework import plain
from ancla_cli.result import Result
from ancla_cli.text import pairs, table


def listed(
    found: Any, header: Sequence[str], rows: Sequence[Sequence[str]], *, none: str, data: Any = None, quiet: Sequence[str] | None = None
) -> Result:
    """A table of what was found, told quietly by its first column; `none` is what to say and do when it is empty."""
    return Result(
        data=encode(found) if data is None else data,
        render=lambda paint: table(header, rows, paint),
        quiet=[row[0] for row in rows] if quiet is None else quiet,
        note="" if rows else none,
    )


def shown(found: Any, facts: Sequence[tuple[str, str]], *, quiet: str, note: str = "") -> Result:
    """One thing, a fact a line."""
    return Result(data=encode(found), render=lambda paint: pairs(facts, paint), quiet=[quiet], note=note)


def created(noun: str, address: str, made: Any) -> Result:
    return Result(data=encode(made), render=plain(f"created {noun} {address}"), quiet=[address])


def reached_at(service: Service) -> str:
    """Its URL; empty where it is known to have no web process, since nothing answers there."""
    return service.url if "web" in service.process_counts or not service.process_counts else ""
