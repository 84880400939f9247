"""Which pods of a Deployment to start and to stop now: rolling replacement in which nothing that is available goes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.adapters.embedded.node.specs import DeploymentSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """A pod as planning sees it. Pods that are ending are not shown: they are neither wanted nor in the way."""

    uid: str
    template_hash: str
    available: bool
    created: float


@dataclass(frozen=True, slots=True)
class Start:
    count: int


@dataclass(frozen=True, slots=True)
class Stop:
    uid: str


Action = Start | Stop


def plan_replicas(deployment: DeploymentSpec, pods: Sequence[PodView]) -> list[Action]:
    """Brings the pods one move closer to `replicas` of the newest template, never below `replicas` available ones."""
    newest = [pod for pod in pods if pod.template_hash == deployment.template_hash]
    older = [pod for pod in pods if pod.template_hash != deployment.template_hash]
    surplus = _surplus(newest, deployment.replicas)
    stops = surplus or _replaced(newest, older, deployment.replicas)
    room = deployment.replicas + deployment.surge - len(pods)
    missing = min(deployment.replicas - len(newest), room)
    starts: list[Action] = [Start(missing)] if missing > 0 else []
    return [*starts, *(Stop(pod.uid) for pod in stops)]


def _surplus(newest: list[PodView], replicas: int) -> list[PodView]:
    """The pods of the newest template beyond the count: those that are not available first, then the youngest."""
    by_worth = sorted(newest, key=lambda pod: (not pod.available, pod.created), reverse=True)
    return by_worth[: max(0, len(newest) - replicas)]


def _replaced(newest: list[PodView], older: list[PodView], replicas: int) -> list[PodView]:
    """The older pods whose place is taken. A broken one goes too only when a newer one is available in its stead: while a roll-out
    is still open, its revert may want them back."""
    broken = [pod for pod in older if not pod.available]
    working = [pod for pod in older if pod.available]
    newest_available = sum(pod.available for pod in newest)
    newest_waiting = len(newest) - newest_available
    dispensable = max(0, len(newest) + len(older) - replicas - newest_waiting)
    gone = broken[:dispensable]
    spare = max(0, newest_available + len(working) - replicas)
    return [*gone, *sorted(working, key=lambda pod: pod.created)[:spare]]
