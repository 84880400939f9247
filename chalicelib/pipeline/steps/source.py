"""From a ref to an image: resolve, reuse, build, watch the build."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain import keys
from chalicelib.domain.builds import Build, BuildState, Image, KnownImage, build_log, fingerprint
from chalicelib.domain.config import Resolved, resolve
from chalicelib.domain.errors import Invalid
from chalicelib.domain.hierarchy import Service, SourceKind
from chalicelib.domain.procfile import parse_procfile
from chalicelib.domain.runs import Outcome, Run, RunKind, Stage
from chalicelib.domain.secrets import Secret
from chalicelib.manifests import names
from chalicelib.manifests.vault import scope_path
from chalicelib.pipeline.backoff import backoff
from chalicelib.pipeline.loads import Gone, load_scopes, load_service
from chalicelib.pipeline.narration import within
from chalicelib.pipeline.outcome import End, Go, StepResult, Wait, fail
from chalicelib.pipeline.slices import Slice, pause
from chalicelib.pipeline.steps.diagnosis import shown
from chalicelib.pipeline.values import plain_value
from chalicelib.ports import Ports
from chalicelib.ports.builder import BuildJob, BuildStatus, JobState
from chalicelib.ports.source import Revision, SourceProblem
from chalicelib.ports.store import Change, Put, get_one

DOCKERFILES = ("Dockerfile.ancla", "Dockerfile")
PROCFILES = ("Procfile.ancla", "Procfile")
MAX_STARTS = 3
MAX_TROUBLES = 12
"""So often is a build begun again, over about ten minutes, since what it stands on was away."""
LONGEST_PAUSE = 60.0
MAX_LOG = 16 * 1024 * 1024
CUT = b"\n[the build goes on: only the first 16 MB of its log are kept]\n"


def resolve_ref(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Which commit is meant, and how it wants to be built and run."""
    service = load_service(ports, run)
    try:
        _check_source(service)
        revision = ports.source.resolve(service.source, run.request.ref, (*DOCKERFILES, *PROCFILES))
        procfile, dockerfile = _first(revision, PROCFILES), _first(revision, DOCKERFILES)
        _check_files(revision, procfile, dockerfile)
    except (SourceProblem, Invalid) as problem:
        return _refused(run, ports, problem.code, problem.message, problem.hint)
    build = _load_build(ports, run)
    recorded = replace(
        build,
        state=BuildState.BUILDING,
        commit=revision.commit,
        commit_message="".join(shown(revision.message.splitlines()[:1]))[:200],
        dockerfile=_kept(ports, build, revision, dockerfile),
        procfile=_kept(ports, build, revision, procfile),
        updated=ports.clock.now(),
    )
    noted = run.noting(commit=revision.commit, dockerfile=dockerfile, procfile=procfile)
    return Go(Stage.REUSE, noted, (Put(recorded),))


def _check_source(service: Service) -> None:
    location, set_one = service.source.location, f"set one: ancla services update {service.address} --repository URL"
    if not location:
        raise SourceProblem("source_missing", f"{service.address} has no repository", set_one)
    if service.source.kind is SourceKind.IMAGE:
        said = f"{location} is a ready image, and this installation builds from git repositories alone"
        raise SourceProblem("image_source_unsupported", said, set_one)


def _check_files(revision: Revision, procfile: str, dockerfile: str) -> None:
    if not procfile and not dockerfile:
        said = f"commit {revision.commit[:12]} has neither a Procfile nor a Dockerfile"
        raise SourceProblem("nothing_to_run", said, "add a Procfile with a line such as 'web: python server.py'")
    if procfile:
        parse_procfile(revision.files[procfile])


def reuse(run: Run, ports: Ports, time: Slice) -> StepResult:
    """The same commit with the same files and arguments was built before: take that image."""
    service, build = load_service(ports, run), _load_build(ports, run)
    mark = fingerprint(
        commit=build.commit,
        dockerfile=_document(ports, build.dockerfile),
        procfile=_document(ports, build.procfile),
        strategy=build.strategy,
        arguments=_identities(_build_time(ports, service)),
    )
    known = get_one(ports.store, keys.known_image(run.owner, mark))
    noted = run.noting(fingerprint=mark)
    if known is None or not ports.registry.has(known.image.repository, known.image.digest):
        return Go(Stage.BUILD, noted)
    log = f"commit {build.commit[:12]} was built as v{known.build} already: its image is taken\n".encode()
    ports.logs.write(build.log, 0, log)
    # Writing what is reused, though unchanged, keeps it from being retired at the same moment.
    return _built(run, ports, replace(build, reused=known.build), known.image, (Put(known),))


def start_build(run: Run, ports: Ports, time: Slice) -> StepResult:
    early = _pause_after_trouble(run) - (ports.clock.now() - run.stage_since).total_seconds()
    if early > 0:
        return Wait(early, run)
    service, build = load_service(ports, run), _load_build(ports, run)
    entries = _build_time(ports, service)
    job = BuildJob(
        id=build.id,
        service_id=run.owner,
        number=build.number,
        source=service.source,
        commit=build.commit,
        repository=names.repository_of(run.address, run.owner),
        cache=f"{run.address.workspace}/{run.address.project}",
        strategy=build.strategy,
        dockerfile=run.facts.get("dockerfile", ""),
        procfile=run.facts.get("procfile", ""),
        arguments={name: plain_value(ports, entry.variable) for name, entry in entries.items() if not entry.variable.secret},
        secrets=_secret_values(ports, entries),
    )
    ports.builder.start(job)
    return Go(Stage.WATCH_BUILD, run.noting(starts=int(run.facts.get("starts", "0")) + 1))


def watch_build(run: Run, ports: Ports, time: Slice) -> StepResult:
    """Copies the log while the build goes on, and takes the image when it is done."""
    build = _load_build(ports, run)
    written = int(run.facts.get("build_log", "0"))
    while True:
        status = ports.builder.watch(build.id, log_offset=written, seconds=time.left())
        if status.log:
            if kept := within(status.log, written, MAX_LOG, CUT):
                ports.logs.write(build.log, written, kept)
            written += len(status.log)
        if status.state is not JobState.RUNNING or not status.log or not time.left():
            break
    noted = run.noting(build_log=written)
    if status.state is JobState.RUNNING:
        return Wait(pause((ports.clock.now() - run.stage_since).total_seconds()), noted)
    if status.state is JobState.LOST:
        return _start_again(noted)
    if status.state is JobState.FAILED or status.image is None:
        return _build_failed(noted, build, status)
    known = KnownImage(service_id=run.owner, fingerprint=run.facts["fingerprint"], build=build.number, image=status.image)
    stored = get_one(ports.store, keys.key_of(known))
    renewed = replace(known, version=stored.version if stored else 0)
    return _built(noted, ports, build, status.image, (Put(renewed),))


def _built(run: Run, ports: Ports, build: Build, image: Image, changes: tuple[Change, ...]) -> StepResult:
    done = replace(build, state=BuildState.SUCCEEDED, image=image, updated=ports.clock.now())
    if run.kind is RunKind.BUILD_ONLY:
        return End(Outcome.SUCCEEDED, run, f"build v{build.number} is ready", changes=(Put(done), *changes))
    return Go(Stage.SNAPSHOT, run, (Put(done), *changes))


def _pause_after_trouble(run: Run) -> float:
    """Seconds before it is begun once more."""
    troubles = int(run.facts.get("troubles", "0"))
    return min(LONGEST_PAUSE, backoff(1.0, troubles)) if troubles else 0.0


def _start_again(run: Run) -> StepResult:
    if run.attempts:  # the look before this one was told what the build stands on and was away: that is not the build's fault
        troubles = int(run.facts.get("troubles", "0")) + 1
        if troubles <= MAX_TROUBLES:
            return Go(Stage.BUILD, run.noting(troubles=troubles, starts=int(run.facts.get("starts", "1")) - 1))
        said = f"what builds stand on did not come back: {run.facts.get('last_error', '')}"
        return fail(run, "build_unavailable", said, "this is on the operator's side; deploy again when it is mended")
    if int(run.facts.get("starts", "0")) < MAX_STARTS:
        return Go(Stage.BUILD, run)
    return fail(run, "build_lost", f"the build's worker was lost {MAX_STARTS} times", "deploy again; if it goes on, look at its memory use")


def _build_failed(run: Run, build: Build, status: BuildStatus) -> StepResult:
    code = status.code or "build_failed"
    return fail(run, code, status.message or f"build v{build.number} failed", status.hint or "the build's log says more")


def _refused(run: Run, ports: Ports, code: str, message: str, hint: str) -> StepResult:
    """The failure, said in the build's log too: that is where people look first."""
    ports.logs.write(build_log(run.owner, run.build), 0, f"failed: {message}\nhint: {hint}\n".encode())
    return fail(run, code, message, hint)


def _load_build(ports: Ports, run: Run) -> Build:
    build = get_one(ports.store, keys.build(run.owner, run.build))
    if build is None:
        raise Gone(f"build {run.build} of {run.address}")
    return build


def _first(revision: Revision, candidates: tuple[str, ...]) -> str:
    return next((name for name in candidates if name in revision.files), "")


def _kept(ports: Ports, build: Build, revision: Revision, path: str) -> str:
    """The name of the document that keeps the file at `path` with the build; empty when there is no such file."""
    if not path:
        return ""
    name = f"services/{build.service_id}/builds/{build.number}/{path}"
    ports.logs.write(name, 0, revision.files[path].encode())
    return name


def _document(ports: Ports, name: str) -> str:
    return ports.logs.read(name).decode() if name else ""


def _build_time(ports: Ports, service: Service) -> dict[str, Resolved]:
    return {name: entry for name, entry in resolve(load_scopes(ports, service)).items() if entry.variable.buildtime}


def _identities(entries: dict[str, Resolved]) -> dict[str, str]:
    """What tells two sets of build arguments apart, without any value of a secret."""
    return {
        name: f"{entry.scope_id}:{entry.variable.vault_version}" if entry.variable.secret else entry.variable.value or entry.variable.blob
        for name, entry in entries.items()
    }


def _secret_values(ports: Ports, entries: dict[str, Resolved]) -> dict[str, Secret]:
    secrets: dict[str, Secret] = {}
    for name, entry in entries.items():
        if entry.variable.secret:
            values = ports.vault.read(scope_path(entry.scope_id), version=entry.variable.vault_version)
            if values is None or name not in values:
                raise Gone(f"the value of the secret {name} at {entry.owner}")
            secrets[name] = values[name]
    return secrets
