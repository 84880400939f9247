"""Brings the pods to what the objects want, again and again: each look starts from everything that is wanted and everything that runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from chalicelib.adapters.embedded.disk import remove_tree
from chalicelib.adapters.embedded.node import output
from chalicelib.adapters.embedded.node.lifecycle import FINAL, Phase, PodState, parse_state
from chalicelib.adapters.embedded.node.meter import Meter, Running
from chalicelib.adapters.embedded.node.objects import Object, Objects
from chalicelib.adapters.embedded.node.plan import PodView, Start, plan_replicas
from chalicelib.adapters.embedded.node.pods import Pod, PodRunner
from chalicelib.adapters.embedded.node.ports import free_port
from chalicelib.adapters.embedded.node.router import Router
from chalicelib.adapters.embedded.node.routes import Target, targets
from chalicelib.adapters.embedded.node.specs import HASH_LABEL, DeploymentSpec, read_deployment, read_pod_spec
from chalicelib.adapters.embedded.node.supplies import Supplies

_LOG = logging.getLogger("ancla.node")
CREATED = "ancla.dev/created"
MIN_READY = "ancla.dev/min-ready-seconds"
_TICK = 1.0
"""Seconds between two looks when nobody pokes."""
_FLOODED = 0.05
"""The same while a process writes without end: it would fill the disk in a few seconds."""


class Supervisor:
    """The node's one loop, and what its pods' runners need from it (pods.Surroundings)."""

    def __init__(self, home: Path, objects: Objects, router: Router, session: aiohttp.ClientSession, supplies: Supplies) -> None:
        self.supplies, self.session = supplies, session
        self._home, self._store, self._router = home, objects, router
        self._runners: dict[str, PodRunner] = {}
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._targets: dict[str, Target] = {}
        self._seen_version = -1
        self._wake = asyncio.Event()
        self._closing = False
        self._meter = Meter()

    # -- the loop ---------------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Finds the pods of an earlier node again, and what is wanted. What that one had no time to clear away goes."""
        self._look()
        self._remove_stray_folders()
        for item in self._objects.values():
            if item.kind == "Pod" and item.status:
                self._run(item)
        self.reconcile()

    async def work(self) -> None:
        """Until cancelled."""
        pause = _TICK
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
            # Runners wake it, and what others commit shows in the version: without either, a look would decide the same again.
            if self._wake.is_set() or self._store.data_version() != self._seen_version:
                self._wake.clear()
                self.reconcile()
            self._meter.look(self._running(), time.time())
            was_cut = [output.cut(self.folder(uid)) for uid in self._runners]
            pause = _FLOODED if any(was_cut) else _TICK

    def poke(self) -> None:
        self._wake.set()

    def reconcile(self) -> None:
        """One look: garbage goes, Deployments get their pods, one-offs that may run begin, the router learns its routes."""
        self._look()
        self._collect_garbage()
        for item in list(self._objects.values()):
            if item.kind == "Deployment":
                self._scale(item)
            elif item.kind == "Pod" and item.uid not in self._runners and not read_pod_spec(item.manifest["spec"]).gated:
                self._run(item)
        self._route()

    async def close(self, *, leave: bool) -> None:
        """Ends all pods quickly, or leaves their processes running for the next node."""
        self._closing = True
        for runner in self._runners.values():
            if leave:
                runner.leave()
            else:
                runner.stop(forget=False, hurry=True)
        if not leave:
            await asyncio.gather(*(runner.ended() for runner in self._runners.values()))

    # -- what runners need ------------------------------------------------------------------------------------------------------

    def folder(self, uid: str) -> Path:
        return self._home / "pods" / uid

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        found = self._store.find(kind, namespace, name)
        return found.manifest if found else None

    def take_port(self) -> int:
        return free_port({runner.state.port for runner in self._runners.values()})

    def changed(self, runner: PodRunner) -> None:
        durable = self._store.surviving_power_loss() if runner.pod.spec.once else contextlib.nullcontext()
        with durable:
            self._store.set_status(runner.pod.uid, runner.state.as_json())
        self._route()
        self._wake.set()

    def gone(self, runner: PodRunner) -> None:
        self._store.delete(runner.pod.uid)
        self._runners.pop(runner.pod.uid, None)
        self._seen_version = -1
        _remove_folder(self.folder(runner.pod.uid))
        self._wake.set()

    async def drained(self, uid: str) -> None:
        await self._router.drained(uid)

    def _remove_stray_folders(self) -> None:
        """Of pods that are forgotten: the node died between that and the removal of their folders."""
        pods = self._home / "pods"
        known = {item.uid for item in self._objects.values() if item.kind == "Pod"}
        for folder in pods.iterdir() if pods.is_dir() else ():
            if folder.name not in known:
                _remove_folder(folder)

    # -- the parts of a look ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        version = self._store.data_version()
        if version != self._seen_version:
            self._objects = {(item.kind, item.namespace, item.name): item for item in self._store.all()}
            self._targets = targets(self._objects.values())
            self._seen_version = version

    def _collect_garbage(self) -> None:
        """Deletes what has lost its owner, and then what has lost it thereby; a pod only begins to end."""
        while garbage := [item for item in self._store.garbage() if item.kind != "Pod" or item.uid not in self._runners]:
            with self._store.transaction():
                for item in garbage:
                    self._store.delete(item.uid)
            self._seen_version = -1
        self._look()
        owners = {item.uid for item in self._objects.values()}
        for runner in self._runners.values():
            if runner.pod.owner not in owners:
                runner.stop(forget=True)

    def _scale(self, item: Object) -> None:
        if self._closing:
            return
        deployment = read_deployment(item.manifest)
        sets = {other.uid: other for other in self._objects.values() if other.kind == "ReplicaSet" and other.owner == item.uid}
        runners = [runner for runner in self._runners.values() if runner.pod.owner in sets]
        views = [_view(runner) for runner in runners if not runner.stopping]
        for action in plan_replicas(deployment, views):
            if isinstance(action, Start):
                newest = next(one for one in sets.values() if one.manifest["metadata"]["labels"][HASH_LABEL] == deployment.template_hash)
                for _ in range(action.count):
                    self._create_pod(newest, deployment)
            else:
                self._runners[action.uid].stop(forget=True)
        self._prune(sets, deployment.template_hash)

    def _create_pod(self, replica_set: Object, deployment: DeploymentSpec) -> None:
        uid = str(uuid.uuid4())
        template, name = deployment.template, f"{replica_set.name}-{uid[:5]}"
        labels = {**template["metadata"]["labels"], HASH_LABEL: deployment.template_hash}
        annotations = {CREATED: str(time.time()), MIN_READY: str(deployment.min_ready)}
        metadata = {"name": name, "namespace": replica_set.namespace, "uid": uid, "labels": labels, "annotations": annotations}
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        pod = Object(
            uid=uid,
            kind="Pod",
            namespace=replica_set.namespace,
            name=name,
            owner=replica_set.uid,
            manifest=manifest,
            status=PodState().as_json(),
        )
        self._store.create(pod)
        self._run(pod)

    def _prune(self, sets: Mapping[str, Object], newest: str) -> None:
        """Deletes the replica sets that have no pod left and are not the newest."""
        used = {runner.pod.owner for runner in self._runners.values()}
        for uid, replica_set in sets.items():
            if uid not in used and replica_set.manifest["metadata"]["labels"][HASH_LABEL] != newest:
                self._store.delete(uid)
                self._seen_version = -1

    def _run(self, item: Object) -> None:
        runner = PodRunner(_pod(item), parse_state(item.status), self)
        self._runners[item.uid] = runner
        if runner.state.phase not in FINAL or not runner.pod.spec.once:
            self.folder(item.uid).mkdir(parents=True, exist_ok=True, mode=0o700)
        runner.start()

    def _route(self) -> None:
        ready = [runner for runner in self._runners.values() if runner.state.ready and not runner.stopping]
        self._router.update(
            {
                host: {runner.pod.uid: runner.state.port for runner in ready if target.takes(runner.pod.namespace, runner.pod.labels)}
                for host, target in self._targets.items()
            }
        )

    def _running(self) -> list[Running]:
        alive = [runner for runner in self._runners.values() if runner.state.phase is Phase.RUNNING]
        return [Running(self.folder(runner.pod.uid), runner.state.run, runner.state.started) for runner in alive]


def _remove_folder(folder: Path) -> None:
    """Also what its process has made read-only; what resists is tried again by the next node."""
    try:
        remove_tree(folder)
    except OSError as error:
        _LOG.warning("the folder %s of a pod that ended could not be removed: %s", folder, error)


def _view(runner: PodRunner) -> PodView:
    pod = runner.pod
    return PodView(uid=pod.uid, template_hash=pod.template_hash, available=runner.state.available, created=pod.created)


def _pod(item: Object) -> Pod:
    metadata = item.manifest["metadata"]
    annotations = metadata.get("annotations", {})
    return Pod(
        uid=item.uid,
        name=item.name,
        namespace=item.namespace,
        owner=item.owner,
        labels=metadata.get("labels", {}),
        template_hash=metadata.get("labels", {}).get(HASH_LABEL, ""),
        spec=read_pod_spec(item.manifest["spec"]),
        created=float(annotations.get(CREATED, 0)),
        min_ready=float(annotations.get(MIN_READY, 0)),
    )
