"""What is known before a build runs: the processes of its image, or why it cannot be built here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.adapters.buildkit.notes import Refused
from chalicelib.adapters.embedded.process_types import processes_of
from chalicelib.domain.errors import Invalid
from chalicelib.ports.builder import BuildJob
from chalicelib.ports.source import SourceHost, SourceProblem

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S+)")
_STANDARD = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?")


def processes_to_build(job: BuildJob, source: SourceHost) -> Mapping[str, str] | Refused:
    """Reads Dockerfile and Procfile at the job's commit. Raises Unavailable where the repository does not answer."""
    try:
        _check_strategy(job)
        files = source.resolve(job.source, job.commit, [path for path in (job.dockerfile, job.procfile) if path]).files
        dockerfile = _text(files, job.dockerfile, "dockerfile_missing")
        procfile = _text(files, job.procfile, "procfile_missing")
        check_syntax(dockerfile)
        return processes_of(procfile, dockerfile)
    except (Invalid, SourceProblem) as problem:
        return Refused(problem.code, problem.message, problem.hint)


def check_syntax(dockerfile: str) -> None:
    """Raises Invalid for a `# syntax=` line that wants another program to read the Dockerfile than BuildKit's own: it would run with the
    build's secrets in its reach. Docker's releases of that very program are taken for it."""
    for number, line in enumerate(dockerfile.removeprefix("\ufeff").splitlines(), start=1):
        found = _DIRECTIVE.match(line.strip())
        if found is None:
            return
        if found[1].lower() == "syntax" and not _STANDARD.fullmatch(found[2]):
            raise Invalid(
                f"Dockerfile line {number}: the syntax {found[2][:100]!r} is read by a program that is not run here",
                code="dockerfile_syntax_unsupported",
                hint="remove the line, or write '# syntax=docker/dockerfile:1'",
            )


def _check_strategy(job: BuildJob) -> None:
    if job.strategy != "dockerfile":
        hint = "set the build strategy to 'dockerfile'"
        raise Invalid(f"images are not built by the strategy {job.strategy!r} here", code="strategy_unsupported", hint=hint)
    if not job.dockerfile:
        said = f"commit {job.commit[:12]} has no Dockerfile, and images are built from one"
        raise Invalid(said, code="dockerfile_missing", hint="add a Dockerfile; the Procfile goes on saying what to run")


def _text(files: Mapping[str, str], path: str, code: str) -> str:
    if path and path not in files:
        raise Invalid(f"the repository has no file {path!r}", code=code, hint=f"add {path}, or deploy a commit that has it")
    return files[path] if path else ""
