"""Starts, watches and cancels builds. All that is known of one is in its Job, so any process can go on with it.

start   no Job ──► plan ──► suspended Job ──► its Secret ──► resumed          (a start that died goes on where it was)
                    └──► refused: a Job that ends at once, and carries why
watch   Job and pod ──► sight ──► the log from the offset on, and at the end image or failure
        lost: noted in the Job, so that the next start replaces it, and its log follows the earlier one's
cancel  noted in the Job, whose pod is told to stop; buildctl calls its build off. The Secret goes, and from then on no log is shown:
        what has to be painted over in it is in that Secret
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from chalicelib.adapters.buildkit.credentials import needs_git_login, open_secret
from chalicelib.adapters.buildkit.endings import Ending, ending_of, silent
from chalicelib.adapters.buildkit.jobs import TRIES, Jobs
from chalicelib.adapters.buildkit.logs import MAX_LOG, PodLogs
from chalicelib.adapters.buildkit.masks import masked, secrets_in, whole_lines
from chalicelib.adapters.buildkit.notes import CANCELLED, LOST_AT, Notes, Refused
from chalicelib.adapters.buildkit.plans import processes_to_build
from chalicelib.adapters.buildkit.sights import Sight, Step, is_over, see
from chalicelib.adapters.git.credentials import Logins
from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.pods import seconds_since
from chalicelib.domain.errors import Unavailable
from chalicelib.manifests.buildkit import SECRET_PREFIX, BuildYard, render_build_job, render_ending
from chalicelib.ports.builder import BuildJob, BuildStatus, JobState
from chalicelib.ports.clock import Clock
from chalicelib.ports.registry import RegistryTokens
from chalicelib.ports.source import SourceHost

POLL = 0.15
SILENCE = 30.0
"""Seconds that buildctl may run without a word: it waits for BuildKit."""
ANOTHER_FILE = 1024 * 1024
"""A log that is so much shorter than what was handed on of it already is not that one: its node has begun a new file."""
CANCELLED_STATUS = BuildStatus(
    state=JobState.FAILED, code="build_cancelled", message="the build was cancelled", hint="deploy again to build it"
)


class BuildKitBuilder:
    """`source` and `logins`: the same that resolve refs; `tokens`: what the registry trusts."""

    def __init__(
        self,
        api: Api,
        yard: BuildYard,
        *,
        source: SourceHost,
        tokens: RegistryTokens,
        clock: Clock,
        logins: Logins | None = None,
        patience: float = SILENCE,
        max_log: int = MAX_LOG,
    ) -> None:
        self._jobs = Jobs(api, yard.namespace)
        self._logs = PodLogs(api, yard.namespace, max_log)
        self._yard = yard
        self._source = source
        self._tokens = tokens
        self._clock = clock
        self._logins = logins or {}
        self._patience = patience

    def start(self, job: BuildJob) -> None:
        present = self._jobs.find(job.id)
        base = 0
        if present is not None and (lost_at := Notes.of(present).lost_at) is not None:
            self._jobs.delete(present)
            present, base = None, lost_at
        if present is None:
            present = self._jobs.create(job.id, self._planned(job, base))
        self._go_on(job, present)

    def watch(self, build_id: str, *, log_offset: int, seconds: float) -> BuildStatus:
        deadline = time.monotonic() + seconds
        while True:
            job = self._jobs.find(build_id)
            if job is None or Notes.of(job).lost_at is not None or _waits_for_its_start(job):
                return BuildStatus(state=JobState.LOST)
            if Notes.of(job).cancelled:
                return CANCELLED_STATUS
            sight = self._sight(job)
            offset = log_offset - Notes.of(job).log_base
            ending = ending_of(job, sight, partial(self._log, build_id, sight, offset), own_registry=self._yard.registry)
            if ending is None and self._waits_in_vain(sight, offset):
                ending = silent(self._yard.address)
            if ending is not None:
                return self._ended(build_id, job, ending, log_offset)
            log = self._grown(build_id, sight, offset, max(deadline - time.monotonic(), 0))
            if log or time.monotonic() >= deadline:
                return BuildStatus(state=JobState.RUNNING, log=log)

    def cancel(self, build_id: str) -> None:
        for _ in range(TRIES):
            job = self._jobs.find(build_id)
            if job is None:
                return
            # What is said of a failure is read from the log, so one that failed is as good as cancelled.
            done = Notes.of(job).cancelled or self._sight(job).step is Step.BUILT
            if done or self._jobs.change(job, {} if is_over(job) else render_ending(), {CANCELLED: "true"}):
                self._jobs.delete_secret(build_id)
                return
        raise Unavailable(f"the build {build_id} could not be cancelled", code="cluster_busy", hint="it is tried again")

    def _planned(self, job: BuildJob, log_base: int) -> dict[str, Any]:
        plan = processes_to_build(job, self._source)
        if isinstance(plan, Refused):
            notes = Notes(repository=job.repository, refused=plan, log_base=log_base)
        else:
            notes = Notes(repository=job.repository, processes=plan, log_base=log_base)
        login = needs_git_login(job, self._logins)
        manifest = render_build_job(job, self._yard, annotations=notes.written(), git_login=login)
        return manifest if notes.refused is None else {**manifest, "spec": {**manifest["spec"], **render_ending()}}

    def _go_on(self, job: BuildJob, present: Answer) -> None:
        """Brings a Job that is still suspended to its start."""
        for _ in range(TRIES):
            notes = Notes.of(present)
            if not present["spec"].get("suspend") or notes.cancelled or notes.refused:
                return
            secret = open_secret(job, self._yard, self._tokens, self._logins, now=self._clock.now())
            self._jobs.ensure_secret(job.id, secret, present)
            if self._jobs.change(present, {"suspend": False}, {}):
                return
            found = self._jobs.find(job.id)
            if found is None:
                return
            present = found
        raise Unavailable(f"the build {job.id} could not be started", code="cluster_busy", hint="it is tried again")

    def _sight(self, job: Answer) -> Sight:
        return see(job, self._jobs.pods(job), self._clock.now())

    def _waits_in_vain(self, sight: Sight, offset: int) -> bool:
        """Whether buildctl has run for long without a word, of which BuildKit's first is the one that it has found the repository."""
        if sight.step is not Step.BUILDS or offset > 0 or not sight.since:
            return False
        waited = seconds_since(sight.since, self._clock.now())
        return waited > self._patience and self._logs.is_empty(sight.pod, fetches=sight.fetches)

    def _log(self, build_id: str, sight: Sight, offset: int) -> bytes | None:
        """All of it, without what the build has to hide; None where it is gone, or nobody can tell any more what that was."""
        log, secrets = self._logs.read(sight.pod, fetches=sight.fetches), self._secrets_of(build_id)
        if log is None or secrets is None or offset - len(log) > ANOTHER_FILE:
            return None
        return masked(log, secrets)

    def _grown(self, build_id: str, sight: Sight, offset: int, seconds: float) -> bytes:
        """What the log has beyond the offset, as soon as there is anything."""
        if sight.fetches and sight.step is Step.BUILDS and seconds > POLL:
            self._logs.await_fetch(sight.pod, seconds=seconds - POLL)
        elif sight.step is Step.BUILDS and seconds:
            secrets = self._secrets_of(build_id)
            log = b"" if secrets is None else masked(self._logs.follow(sight.pod, offset, seconds=seconds), secrets)
            if new := whole_lines(log, max(offset, 0)):
                return new
        time.sleep(min(POLL, seconds))
        return b""

    def _secrets_of(self, build_id: str) -> Sequence[bytes] | None:
        content = self._jobs.secret_content(build_id)
        return None if content is None else secrets_in(content, SECRET_PREFIX)

    def _ended(self, build_id: str, job: Answer, ending: Ending, log_offset: int) -> BuildStatus:
        status, base = ending.status, Notes.of(job).log_base
        log = ending.beyond(log_offset - base)
        if ending.trouble is not None or status.state is JobState.LOST:
            # Who is told by an error gets no log with it.
            length = log_offset if ending.trouble is not None else log_offset + len(log)
            self._jobs.change(job, {} if is_over(job) else render_ending(), {LOST_AT: str(length)})
        if ending.trouble is not None:
            raise ending.trouble
        return BuildStatus(state=status.state, log=log, image=status.image, code=status.code, message=status.message, hint=status.hint)


def _waits_for_its_start(job: Mapping[str, Any]) -> bool:
    """Whoever started it died before the end of that; or is at it, and then a second start does no harm."""
    return bool(job["spec"].get("suspend"))
