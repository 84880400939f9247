"""The embedded builder: one worker process a build, which freezes the source tree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import chalicelib
from chalicelib.adapters.embedded.build_folder import BuildFolder, Order, Result
from chalicelib.adapters.embedded.disk import refuse_on_lambda, storage
from chalicelib.adapters.embedded.images import Images
from chalicelib.adapters.embedded.leftovers import remove_leftovers
from chalicelib.domain.builds import Image
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.builder import BuildJob, BuildStatus, JobState

POLL = 0.02
_CANCELLED = Result(code="build_cancelled", message="the build was cancelled", hint="deploy again to build it")


class EmbeddedBuilder:
    """Starts and watches workers below `home`. They go on when this process dies, and are found again by their folder."""

    def __init__(self, home: Path, *, local_repositories: bool) -> None:
        refuse_on_lambda("builder")
        self._home = home.absolute()
        self._local_files = local_repositories

    def start(self, job: BuildJob) -> None:
        folder = BuildFolder.of(self._home, job.id)
        with storage(self._home):
            remove_leftovers(self._home, time.time())
            lock = folder.take_lock()
            if lock is None:
                return
            try:
                if folder.result() is None:
                    folder.take_trouble()
                    folder.write_order(self._order(job))
                    _spawn(folder, lock)
            finally:
                os.close(lock)

    def watch(self, build_id: str, *, log_offset: int, seconds: float) -> BuildStatus:
        folder = BuildFolder.of(self._home, build_id)
        end = time.monotonic() + seconds
        while True:
            alive = folder.worker() is not None  # looked at first: a worker leaves its result before it goes
            result = folder.result()
            log = folder.log_from(log_offset)
            if result is not None:
                return _ended(result, folder, log)
            if not alive:
                return _lost(folder, log)
            if log or time.monotonic() >= end:
                return BuildStatus(state=JobState.RUNNING, log=log)
            time.sleep(min(POLL, max(end - time.monotonic(), 0)))

    def cancel(self, build_id: str) -> None:
        folder = BuildFolder.of(self._home, build_id)
        if not folder.path.exists():
            return
        with storage(self._home):
            folder.end(_CANCELLED)
            if folder.result() == _CANCELLED:  # also where another call recorded it and died before the rest
                _end_worker(folder)
                Images(self._home).discard(build_id)

    def _order(self, job: BuildJob) -> Order:
        return Order(
            id=job.id,
            number=job.number,
            location=job.source.location,
            commit=job.commit,
            repository=job.repository,
            strategy=job.strategy,
            dockerfile=job.dockerfile,
            procfile=job.procfile,
            home=str(self._home),
            local_files=self._local_files,
        )


def stop_workers(home: Path) -> None:
    """Ends every build of the home that goes on. Its caller finds them lost, and starts them again."""
    builds = BuildFolder.of(home.absolute(), "any").path.parent
    for path in builds.iterdir() if builds.is_dir() else ():
        _end_worker(BuildFolder.of(home.absolute(), path.name))


def _spawn(folder: BuildFolder, lock: int) -> None:
    """Starts the worker, which inherits the held lock: there is no moment at which it runs and is not known to."""
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-S", "-s", "-m", "chalicelib.adapters.embedded.build_worker", str(folder.path), str(lock)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=Path(chalicelib.__path__[0]).parent,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            pass_fds=(lock,),
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that it does not stay as a zombie


def _ended(result: Result, folder: BuildFolder, log: bytes) -> BuildStatus:
    if result.code:
        return BuildStatus(state=JobState.FAILED, log=log, code=result.code, message=result.message, hint=result.hint)
    image = Image(repository=folder.order().repository, digest=result.digest, processes=result.processes)
    return BuildStatus(state=JobState.SUCCEEDED, log=log, image=image)


def _lost(folder: BuildFolder, log: bytes) -> BuildStatus:
    """LOST; but where the worker gave up for want of something outside, its caller is told so first, once, and so waits."""
    trouble = folder.take_trouble()
    if trouble:
        raise Unavailable(trouble["message"], code=trouble["code"], hint=trouble["hint"])
    return BuildStatus(state=JobState.LOST, log=log)


def _end_worker(folder: BuildFolder) -> None:
    """Kills the worker and all that it started, and waits until they are gone."""
    while (process_id := folder.worker()) is not None:
        if process_id:  # else it has just begun, and is about to say
            try:
                os.killpg(process_id, signal.SIGKILL)
            except ProcessLookupError:
                return
        time.sleep(POLL / 4)
