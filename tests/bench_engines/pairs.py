"""Deploys and rollbacks of Ancla, kubectl and helm, one after the other and over again, each time in another order."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engines.site import read_site
from tests.bench.deploys import timeline
from tests.bench.figures import Figure, percentile, spread
from tests.bench_engines.calls import Call, made_by, read_calls
from tests.bench_engines.objects import moved, running, with_variable
from tests.bench_engines.rivals import Helm, Kubectl, Rival, Span, Yard
from tests.bench_engines.stage import NAMESPACE, SECRET, VARIABLE, WORKSPACE, Stage, programs
from tests.bench_engines.vault import Readers, reading_shared_secret, shared_secret

ADDRESS = f"{WORKSPACE}/shop/production/web"
QUIET = 1.0
"""Seconds before each measurement: what the one before left to do is not to be counted."""
OURS, KUBECTL, HELM = "Ancla", Kubectl.name, Helm.name
MORE_CALLS = 1.5
"""So many times the calls of kubectl are well."""


@dataclass(slots=True)
class Rounds:
    """What each of the three took, in the order of the rounds."""

    spans: dict[str, list[Span]] = field(default_factory=lambda: {OURS: [], KUBECTL: [], HELM: []})
    runs: list[Mapping[str, Any]] = field(default_factory=list)

    def seconds(self, name: str) -> list[float]:
        return [span.seconds for span in self.spans[name]]

    def differences(self, name: str) -> list[float]:
        """Ancla's seconds less that one's, round by round."""
        return [ours - theirs for ours, theirs in zip(self.seconds(OURS), self.seconds(name), strict=True)]


@dataclass(slots=True)
class Pairs:
    deploys: Rounds = field(default_factory=Rounds)
    rollbacks: Rounds = field(default_factory=Rounds)
    calls: list[Call] = field(default_factory=list)
    users: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Whose requests are counted for each, and to which namespace: all of a rival's, which include discovery."""

    def counts(self, name: str, spans: Sequence[Span]) -> list[float]:
        user, namespace = self.users[name]
        return [float(made_by(self.calls, user, began=span.began, ended=span.ended, namespace=namespace)) for span in spans]


def measure_pairs(stage: Stage, count: int, say: Callable[[str], None]) -> Pairs:
    """`count` rounds: each of the three deploys another value of a variable, then each goes back to the one before."""
    path = stage.make_service(ADDRESS)
    secret = secrets.token_urlsafe(16)
    stage.set_variable(path, SECRET, secret, secret=True)
    stage.set_variable(path, VARIABLE, "first")
    stage.deploy(path)
    here = running(stage.ancla.environ, ADDRESS)
    tools, pairs, since = programs(stage.ancla.environ), Pairs(), time.time()
    rivals = [kind(tools, stage.folder, here.deployment) for kind in (Kubectl, Helm)]
    pairs.users = {OURS: (stage.user, NAMESPACE), **{rival.name: (rival.user, None) for rival in rivals}}
    objects = {rival.name: reading_shared_secret(moved(here.objects(), rival.namespace)) for rival in rivals}
    readers = Readers(here.account, [rival.namespace for rival in rivals])
    with Yard(tools) as yard, shared_secret(read_site(), readers, {SECRET: secret}):
        for rival in rivals:
            yard.admit(rival, [one for one in objects[rival.name] if one["kind"] == "Namespace"])
            rival.deploy(with_variable(objects[rival.name], VARIABLE, "first"))
        for number in range(count):
            _round(stage, path, pairs, rivals, objects, f"value-{number}")
            say(f"round {number + 1} of {count}")
        pairs.calls = read_calls(stage.audit_log, since=since)
    return pairs


def figures_of(pairs: Pairs) -> list[Figure]:
    found = []
    for verb, rounds in (("deploy", pairs.deploys), ("rollback", pairs.rollbacks)):
        for name in (OURS, KUBECTL, HELM):
            found += spread(f"{verb}: {name}", rounds.seconds(name), "s")
        found += spread(f"{verb}: Ancla less kubectl", rounds.differences(KUBECTL), "s", p50=0.5, p95=1.0)
        found += spread(f"{verb}: Ancla less helm", rounds.differences(HELM), "s", p50=0.0)
        calls = {name: percentile(pairs.counts(name, rounds.spans[name]), 50) for name in (OURS, KUBECTL, HELM)}
        found += [
            Figure(
                name=f"{verb}: API calls of {name}", measured=number, unit="", goal=MORE_CALLS * calls[KUBECTL] if name == OURS else None
            )
            for name, number in calls.items()
        ]
    return found


def samples_of(pairs: Pairs) -> dict[str, object]:
    return {
        verb: {name: {"seconds": rounds.seconds(name), "calls": pairs.counts(name, rounds.spans[name])} for name in rounds.spans}
        for verb, rounds in (("deploy", pairs.deploys), ("rollback", pairs.rollbacks))
    }


def timelines_of(pairs: Pairs) -> dict[str, dict[str, float]]:
    """Where Ancla's time goes, in seconds on the average."""
    return {"deploy": timeline(pairs.deploys.runs), "rollback": timeline(pairs.rollbacks.runs)}


def _round(stage: Stage, path: str, pairs: Pairs, rivals: Sequence[Rival], objects: Mapping[str, Any], value: str) -> None:
    before = stage.active(path)
    stage.set_variable(path, VARIABLE, value)
    deploys: dict[str, Callable[[], Span]] = {OURS: lambda: stage.timed_deploy(path)}
    for rival in rivals:
        deploys[rival.name] = _deploying(rival, with_variable(objects[rival.name], VARIABLE, value))
    _in_any_order(pairs.deploys, deploys)
    pairs.deploys.runs.append(stage.runs.pop())
    rollbacks: dict[str, Callable[[], Span]] = {rival.name: rival.roll_back for rival in rivals}
    _in_any_order(pairs.rollbacks, {OURS: lambda: stage.timed_rollback(path, before), **rollbacks})
    pairs.rollbacks.runs.append(stage.runs.pop())


def _deploying(rival: Rival, objects: Sequence[Any]) -> Callable[[], Span]:
    return lambda: rival.deploy(objects)


def _in_any_order(rounds: Rounds, actions: Mapping[str, Callable[[], Span]]) -> None:
    for name in random.sample(list(actions), len(actions)):
        time.sleep(QUIET)
        rounds.spans[name].append(actions[name]())
