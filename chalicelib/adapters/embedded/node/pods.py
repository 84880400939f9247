"""One pod: prepares, starts and probes its process, starts it again when it ends, and ends it gracefully."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from chalicelib.adapters.embedded.node import output, probes
from chalicelib.adapters.embedded.node.environment import process_environment
from chalicelib.adapters.embedded.node.lifecycle import (
    FINAL,
    Phase,
    PodState,
    exited,
    lost,
    matured,
    noted,
    probed,
    starting,
    unstarted,
)
from chalicelib.adapters.embedded.node.ports import listening_ports
from chalicelib.adapters.embedded.node.preparation import Prepared, own_copy, prepare
from chalicelib.adapters.embedded.node.process import Process, adopt, exit_code, spawn
from chalicelib.adapters.embedded.node.specs import PodSpec, Unrunnable
from chalicelib.adapters.embedded.node.supplies import ImageMissing, SecretsDenied, Supplies
from chalicelib.domain.errors import AnclaError

_LOG = logging.getLogger("ancla.node")
_HURRY = 1.5
"""Seconds that a process has to end when the node itself ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    uid: str
    name: str
    namespace: str
    owner: str
    labels: Mapping[str, str]
    template_hash: str
    """Empty for a one-off."""
    spec: PodSpec
    created: float
    min_ready: float


class Surroundings(Protocol):
    """What a pod's runner needs from the node."""

    @property
    def supplies(self) -> Supplies: ...
    @property
    def session(self) -> aiohttp.ClientSession: ...

    def folder(self, uid: str) -> Path: ...

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        """A manifest, as it is wanted now."""

    def take_port(self) -> int:
        """A free port. Raises OSError."""

    def changed(self, runner: PodRunner) -> None:
        """The runner's state is another one: written down before this returns."""

    def gone(self, runner: PodRunner) -> None:
        """The pod has ended for good and is to be forgotten."""

    async def drained(self, uid: str) -> None:
        """Returns when no request is under way to the pod."""


class PodRunner:
    def __init__(self, pod: Pod, state: PodState, surroundings: Surroundings) -> None:
        self.pod, self.state = pod, state
        self._node = surroundings
        self._folder = surroundings.folder(pod.uid)
        self._stop, self._hurry = asyncio.Event(), asyncio.Event()
        self._forget = False
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def start(self) -> None:
        """Begins, or goes on where an earlier node stopped."""
        if self.state.phase is Phase.STOPPING:
            self.stop(forget=True)
        self._task = asyncio.create_task(self._live(), name=self.pod.name)
        self._task.add_done_callback(self._check)

    def stop(self, *, forget: bool, hurry: bool = False) -> None:
        """Lets the pod end: out of the router first, then its requests, then the process. `forget`: for good."""
        self._forget = self._forget or forget
        self._stop.set()
        if hurry:
            self._hurry.set()

    async def ended(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    def leave(self) -> None:
        """Stops looking after the pod; its process runs on."""
        if self._task is not None:
            self._task.remove_done_callback(self._check)
            self._task.cancel()
        if self._process is not None:
            self._process.leave()

    async def _live(self) -> None:
        self._resume()
        while not self._stop.is_set():
            if self.state.phase in FINAL:
                await self._stop.wait()
            elif self._process is not None:
                await self._attend(self._process)
            elif (delay := self.state.retry_at - time.time()) > 0:
                await self._first(self._stop.wait(), within=delay)
            else:
                self._process = await self._begin()
        await self._end()

    def _resume(self) -> None:
        """Finds the process that an earlier node started, or says what became of it."""
        if self._process is not None or self.state.phase not in {Phase.RUNNING, Phase.STOPPING}:
            return
        self._process = adopt(self._folder, self.state.run)
        if self._process is None and self.state.phase is Phase.RUNNING:
            self._record_exit(exit_code(self._folder, self.state.run))

    async def _begin(self) -> Process | None:
        """A new process; None when none could be started, and the state says why."""
        once, failure = self.pod.spec.once, ""
        try:
            prepared = await prepare(self.pod.spec, self.pod.namespace, self._node.find, self._node.supplies)
            return self._spawn(await asyncio.to_thread(own_copy, prepared, self._folder))
        except SecretsDenied as denied:
            self._end_as_envconsul_would(str(denied))
            return None
        except ImageMissing as missing:
            message, failure = str(missing), "image_unavailable"
        except Unrunnable as unrunnable:
            message = str(unrunnable)
        except AnclaError as unavailable:
            message = unavailable.message
        except OSError as error:
            message = f"no process could be started: {error}"
        except ValueError:
            # The error could quote the value, which may be a secret.
            message = "no process could be started: a variable's name or value is none that a process can have (NUL, '=' in a name)"
        self._become(unstarted(self.state, message=message, failure=failure, once=once, now=time.time()))
        return None

    def _spawn(self, prepared: Prepared) -> Process | None:
        if self._stop.is_set():
            return None
        home = self._folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        port = self._node.take_port()
        environment = process_environment(self.pod.spec.environment, prepared.secrets, port=port, home=home)
        # Written down first: a one-off that may have begun must never begin again.
        self._become(starting(self.state, port=port, now=time.time()))
        return spawn(self._folder, self.state.run, work=prepared.work, command=prepared.command, environment=environment)

    def _end_as_envconsul_would(self, reason: str) -> None:
        """envconsul exits when the vault refuses, and what it wrote is in the pod's log."""
        self._folder.mkdir(parents=True, exist_ok=True)
        output.append(self._folder, f"envconsul: {reason}")
        begun = starting(self.state, port=0, now=time.time())
        self._become(exited(noted(begun, reason), 1, once=self.pod.spec.once, now=time.time()))

    async def _attend(self, process: Process) -> None:
        """Until the process ended or the pod is to end: probes it."""
        probing = asyncio.create_task(self._probe(process))
        try:
            await self._first(process.exited, self._stop.wait(), probing)
            if probing.done() and not probing.cancelled():
                probing.result()
                await self._first(process.exited, self._stop.wait())
        finally:
            probing.cancel()
        if process.exited.done():
            self._process = None
            if not self._stop.is_set():
                self._record_exit(process.exited.result())

    def _record_exit(self, code: int | None) -> None:
        once = self.pod.spec.once
        self._become(lost(self.state, once=once) if code is None else exited(self.state, code, once=once, now=time.time()))

    async def _probe(self, process: Process) -> None:
        """Probes until cancelled; returns early when there is nothing (more) to probe."""
        probe = self.pod.spec.probe
        if probe is None:
            await self._settle_unprobed()
            return
        failures, hinted = 0, 0.0
        while True:
            answer = await probes.ask(self._node.session, self.state.port, probe)
            now = time.time()
            failures = 0 if answer.healthy else failures + 1
            ready = answer.healthy or (self.state.ready and failures < probe.failures)
            hint = answer.hint
            if answer.refused:
                due = now - max(hinted, self.state.started) > 1
                hint = probes.port_hint(self.state.port, listening_ports(process.session)) if due else self.state.hint
                hinted = now if due else hinted
            self._become(probed(self.state, ready=ready, probe=answer.text, hint=hint, now=now))
            if ready and not self.state.available and now - self.state.ready_since >= self.pod.min_ready:
                self._become(matured(self.state))
            if self._overdue(now):
                self._become(noted(self.state, f"process {self.state.run} was not healthy within its start-up time and is ended"))
                await self._terminate(process, self.pod.spec.grace)
                return
            await asyncio.sleep(probes.probe_delay(now - self.state.started, ready=ready, period=probe.period))

    async def _settle_unprobed(self) -> None:
        """A process without a probe is ready when it runs, and available when it has run for long enough."""
        if self.pod.spec.once:
            return
        if not self.state.ready:
            self._become(probed(self.state, ready=True, probe="", hint="", now=time.time()))
        await asyncio.sleep(max(0.0, self.state.ready_since + self.pod.min_ready - time.time()))
        if not self.state.available:
            self._become(matured(self.state))

    def _overdue(self, now: float) -> bool:
        startup = self.pod.spec.startup
        if startup is None or self.state.ready or self.state.ready_since >= self.state.started:
            return False
        return now - self.state.started > startup.period * startup.failures

    async def _end(self) -> None:
        process, grace = self._process, self.pod.spec.grace
        cut_off = process is not None and not process.exited.done()
        if process is not None and cut_off:
            self._become(replace(self.state, phase=Phase.STOPPING, ready=False, available=False))
            await self._first(self._node.drained(self.pod.uid), process.exited, self._hurried(), within=grace)
            await self._terminate(process, grace)
        if self._forget:
            self._node.gone(self)
        elif self.pod.spec.once and self.state.run and process is not None:
            if cut_off:
                # Its exit code would tell of the signal, and nothing of how far it got.
                self._become(replace(self.state, phase=Phase.FAILED, exit_code=None, message="the node was stopped while it ran"))
            else:
                self._record_exit(process.exited.result())
        elif not self.pod.spec.once:
            self._become(replace(self.state, phase=Phase.WAITING, ready=False, available=False, retry_at=0.0))

    async def _terminate(self, process: Process, grace: float) -> None:
        """SIGTERM, and after the grace SIGKILL, to all that the process started."""
        await process.end(signal.SIGTERM)
        await self._first(process.exited, self._hurried(), within=grace)
        if not process.exited.done():
            await process.end(signal.SIGKILL)
            await process.exited

    async def _hurried(self) -> None:
        await self._hurry.wait()
        await asyncio.sleep(_HURRY)

    async def _first(self, *aims: asyncio.Future[Any] | Coroutine[Any, Any, Any], within: float | None = None) -> None:
        """Waits for the first of the aims, at most `within` seconds. Futures are left alone, what was begun here is cancelled."""
        begun = [asyncio.ensure_future(aim) for aim in aims]
        try:
            await asyncio.wait(begun, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for aim, task in zip(aims, begun, strict=True):
                if aim is not task:
                    task.cancel()

    def _become(self, state: PodState) -> None:
        if state != self.state:
            self.state = state
            self._node.changed(self)

    def _check(self, task: asyncio.Task[None]) -> None:
        """A defect here must not leave a pod without anybody: say so, and begin anew."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("pod %s: unexpected error, its runner begins anew", self.pod.name, exc_info=error)
            asyncio.get_running_loop().call_later(1.0, self.start)
