"""Running other programs: argument lists only, and a failure that says which program, and what it said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from engines.errors import Trouble


def run(
    argv: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 60,
) -> str:
    """What the program wrote to stdout. Raises Trouble where it fails, with its last words."""
    done = _finish(argv, folder=folder, environment=environment, stdin=stdin, timeout=timeout)
    if done.returncode != 0:
        raise Trouble(f"{_shown(argv)} ended with code {done.returncode}: {_last_words(done.stderr or done.stdout)}")
    return done.stdout


def succeeds(argv: Sequence[str | Path], *, timeout: float = 10) -> bool:
    """Whether the program ends well in time."""
    try:
        return _finish(argv, folder=None, environment=None, stdin=None, timeout=timeout).returncode == 0
    except Trouble:
        return False


def run_logged(argv: Sequence[str | Path], log: Path, *, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Runs a program that may take long, its output appended to the log."""
    with log.open("a") as output:
        output.write(f"$ {_shown(argv, whole=True)}\n")
        output.flush()
        try:
            code = subprocess.call(
                [*map(str, argv)], cwd=folder, env=_environment(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        except FileNotFoundError as error:
            raise Trouble(f"{argv[0]} is not installed") from error
    if code != 0:
        raise Trouble(f"{_shown(argv)} ended with code {code}: {_last_words(tail(log, 5))}", f"all it said is in {log}")


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file; empty if it is not there."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - lines * 4096))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def _finish(
    argv: Sequence[str | Path], *, folder: Path | None, environment: Mapping[str, str] | None, stdin: str | None, timeout: float
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*map(str, argv)],
            cwd=folder,
            env=_environment(environment),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise Trouble(f"{argv[0]} is not installed", "make engines installs the Debian packages and builds the rest") from error
    except subprocess.TimeoutExpired as error:
        raise Trouble(f"{_shown(argv)} did not end within {timeout:.0f} s") from error


def _environment(extra: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if extra is None else {**os.environ, **extra}


def _shown(argv: Sequence[str | Path], *, whole: bool = False) -> str:
    words = [str(word) for word in argv]
    return " ".join(words if whole else words[:4])


def _last_words(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-5:]) or "it said nothing"
