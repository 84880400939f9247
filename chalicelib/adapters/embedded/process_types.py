"""From the text of a Procfile and a Dockerfile to the processes of an image that is a source tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from chalicelib.domain.dockerfile import parse_dockerfile
from chalicelib.domain.errors import Invalid
from chalicelib.domain.procfile import RELEASE, WEB, parse_procfile

_KEPT = frozenset({"CMD", "ENTRYPOINT", "EXPOSE"})


def processes_of(procfile: str, dockerfile: str) -> Mapping[str, str]:
    """The command by process type: the Procfile's, else `web` with what the Dockerfile runs. Raises Invalid where neither names
    one (code nothing_to_run) or one cannot be read (procfile_invalid, dockerfile_invalid, with the line)."""
    processes = parse_procfile(procfile) if procfile else {}
    if any(name != RELEASE for name in processes):
        return processes
    command = parse_dockerfile(dockerfile).command if dockerfile else ""
    if command:
        return {WEB: command, **processes}
    raise Invalid(
        f"nothing says what to run: {_looked_for(procfile, dockerfile)}",
        code="nothing_to_run",
        hint="add a Procfile with a line such as 'web: python server.py'",
    )


def recorded_steps(dockerfile: str) -> str:
    """What the log says of a Dockerfile whose steps are not run, such as `: its 3 other steps (COPY, RUN x2) are not run …`."""
    try:
        parsed = parse_dockerfile(dockerfile)
    except Invalid as problem:  # no matter where a Procfile says what to run
        return f", which cannot be read: {problem.message}"
    steps = Counter(step.name for step in parsed.steps if step.name not in _KEPT)
    if not steps:
        return ""
    count = sum(steps.values())
    names = ", ".join(name if times == 1 else f"{name} x{times}" for name, times in sorted(steps.items()))
    verb = "step is" if count == 1 else "steps are"
    return f": its {count} other {verb} not run in this profile ({names}); the image is the source tree"


def _looked_for(procfile: str, dockerfile: str) -> str:
    looked = "the Procfile has only a release command" if procfile else "there is no Procfile"
    return f"{looked}, and {'the Dockerfile has no CMD or ENTRYPOINT' if dockerfile else 'there is no Dockerfile'}"
