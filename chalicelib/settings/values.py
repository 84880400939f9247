"""Reads environment variables: each into its type, or into an error that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.domain.errors import Invalid


class Values:
    """Reads variables, and keeps the names of those that are needed and not there: all are named at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._missing: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        return self._environ.get(name, default)

    def needed(self, name: str) -> str:
        text = self.text(name)
        if not text:
            self._missing.append(name)
        return text

    def words(self, name: str) -> tuple[str, ...]:
        """What stands between commas."""
        return tuple(word.strip() for word in self.text(name).split(",") if word.strip())

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        text = self.text(name, default)
        if text not in choices:
            hint = f"use {' or '.join(repr(choice) for choice in choices)}"
            raise Invalid(f"{name}={text!r} is not known", code="setting_invalid", hint=hint)
        return text

    def number(self, name: str, default: int, least: int, most: int, *, problem: str = "cannot be used") -> int:
        text = self.text(name, str(default))
        if not text.isdecimal() or not least <= int(text) <= most:
            raise Invalid(f"{name}={text!r} {problem}", code="setting_invalid", hint=f"use a number from {least} to {most}")
        return int(text)

    def port(self, name: str, default: int) -> int:
        return self.number(name, default, 1, 65535, problem="is not a port")

    def file(self, name: str) -> Path | None:
        """A file that has to be there now: a wrong path is said at the start, not by the first deploy."""
        if not self.text(name):
            return None
        path = Path(self.text(name)).absolute()
        if not path.is_file():
            raise Invalid(f"{name}={str(path)!r} is no file", code="setting_invalid", hint="name a file that Ancla can read")
        return path

    def needed_file(self, name: str) -> Path:
        return (self.file(name) if self.needed(name) else None) or Path()

    def content(self, name: str) -> str:
        """The text of a file; empty where none is named."""
        path = self.file(name)
        return path.read_text(encoding="utf-8") if path else ""

    def host_and_port(self, name: str) -> tuple[str, int]:
        host, _, port = self.needed(name).rpartition(":")
        if self.text(name) and not (host and port.isdecimal()):
            raise Invalid(f"{name}={self.text(name)!r} is not an address", code="setting_invalid", hint="write it as host:port")
        return host, int(port or 0)

    def address(self, name: str) -> str:
        """The URL of a server, without a closing slash."""
        text = self.needed(name)
        if text and (urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname):
            raise Invalid(f"{name}={text!r} is not an address", code="setting_invalid", hint="write it as https://host:port")
        return text.rstrip("/")

    def check_complete(self, hint: str) -> None:
        """Raises Invalid, naming them all, where needed ones are not there."""
        if self._missing:
            raise Invalid(f"settings are missing: {', '.join(self._missing)}", code="setting_missing", hint=hint)
