"""The environment of a user's process: its own variables and secrets, a PORT, and nothing of Ancla's."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from chalicelib.domain.secrets import Secret

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def process_environment(variables: Mapping[str, str], secrets: Mapping[str, Secret], *, port: int, home: Path) -> dict[str, str]:
    """What the process gets: secrets win over variables, as with envconsul, and PORT is the one that the node found free."""
    return {
        "PATH": search_path(),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        # Else a Python process keeps its last lines to itself when it dies.
        "PYTHONUNBUFFERED": "1",
        **expanded(variables),
        **{name: secret.reveal() for name, secret in secrets.items()},
        "PORT": str(port),
    }


def expanded(variables: Mapping[str, str]) -> dict[str, str]:
    """Kubernetes' rule: `$(NAME)` is the value of an earlier variable (and stays as it is when there is none), `$$` is one `$`."""
    known: dict[str, str] = {}
    for name, value in variables.items():
        known[name] = resolved(value, known)
    return known


def resolved(text: str, known: Mapping[str, str]) -> str:
    """`text`, a value or a word of a command, by the same rule."""
    return _REFERENCE.sub(lambda match: "$" if match[1] is None else known.get(match[1], match[0]), text)


def search_path() -> str:
    """The machine's own programs first; Ancla's interpreter is last, for a machine that has no `python` of its own."""
    own = os.path.dirname(sys.executable)
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*(part for part in parts if part and part != own), own])
