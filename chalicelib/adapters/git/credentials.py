"""What opens private repositories: one login for each git server, from a file as `git credential-store` keeps it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from chalicelib.domain.errors import Invalid
from chalicelib.domain.secrets import Secret


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: Secret

    def header(self) -> Secret:
        """The value of `Authorization`."""
        return Secret("Basic " + base64.b64encode(f"{self.username}:{self.password.reveal()}".encode()).decode())


Logins = Mapping[str, Login]
"""By the server's origin, as `origin_of` has it."""


def read_logins(path: Path | None) -> Logins:
    """The logins in the file; none without one. Raises Invalid for a line that is none, without showing it."""
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read", code="setting_invalid", hint="check ANCLA_GIT_CREDENTIALS") from error
    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    return dict(_parsed(path, number, line) for number, line in numbered if line and not line.startswith("#"))


def origin_of(location: str) -> str:
    """Scheme, host and port of an http address: whom a login is for. Another scheme or port is somebody else. Raises
    ValueError for a port that is none."""
    parts = urlsplit(location)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def _parsed(path: Path, number: int, line: str) -> tuple[str, Login]:
    try:
        parts, origin = urlsplit(line), origin_of(line)
    except ValueError:
        parts, origin = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or not parts.password:
        hint = "write each as https://name:token@host, special characters encoded"
        raise Invalid(f"line {number} of {path} is no login", code="setting_invalid", hint=hint)
    return origin, Login(unquote(parts.username or ""), Secret(unquote(parts.password)))
