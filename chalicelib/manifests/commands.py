"""Commands on their way into a container: as a list of words, and through Kubernetes' own expansion unharmed."""

from __future__ import annotations

import json
import re

from chalicelib.domain.errors import Invalid

_EXPANDS = re.compile(r"\$\$|\$\(")


def command_of(process: str, text: str) -> list[str]:
    """The words to run for a process type's command. Text goes through a shell whole, so that `a && b` means what it says; a JSON
    array of strings is run as it is, without one. Raises Invalid for an empty command."""
    if not text:
        raise Invalid(
            f"nothing is known to run for the process {process!r}",
            code="nothing_to_run",
            hint=f"add a line '{process}: <command>' to the Procfile, or a CMD to the Dockerfile",
        )
    return _words(text) or ["/bin/sh", "-c", text]


def escaped(text: str) -> str:
    """`text` so that Kubernetes, which expands `$(NAME)` and `$$` in env, command and args, gives it back unchanged."""
    return _EXPANDS.sub(lambda match: match[0].replace("$", "$$"), text)


def _words(text: str) -> list[str]:
    """The strings of a JSON array; none when `text` is anything else, such as the shell's own `[ -f x ] && y`."""
    if not text.startswith("["):
        return []
    try:
        words = json.loads(text)
    except ValueError:
        return []
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else []
