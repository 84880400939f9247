"""Which pods are started and stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.adapters.embedded.node.plan import Action, PodView, Start, Stop, plan_replicas
from chalicelib.adapters.embedded.node.specs import DeploymentSpec


def wanting(replicas: int, *, surge: int = 1) -> DeploymentSpec:
    return DeploymentSpec(replicas=replicas, template={}, template_hash="new", surge=surge, min_ready=0)


def view(uid: str, *, available: bool = True, created: float = 0) -> PodView:
    return PodView(uid=uid, template_hash=uid.partition("-")[0], available=available, created=created)


def test_the_first_pods_start_all_at_once() -> None:
    assert plan_replicas(wanting(3), []) == [Start(3)]


def test_nothing_is_done_when_all_is_as_wanted() -> None:
    assert plan_replicas(wanting(2), [view("new-1"), view("new-2", available=False)]) == []


def test_a_replacement_starts_before_anything_stops() -> None:
    assert plan_replicas(wanting(2), [view("old-1"), view("old-2")]) == [Start(1)]


def test_an_older_pod_stays_until_the_newer_one_is_available() -> None:
    assert plan_replicas(wanting(1), [view("old-1"), view("new-1", available=False)]) == []


def test_an_older_pod_stops_when_a_newer_one_took_its_place() -> None:
    assert plan_replicas(wanting(2), [view("old-1", created=1), view("old-2", created=2), view("new-1")]) == [Stop("old-1")]


def test_a_broken_older_pod_makes_room_only_for_a_newer_one_that_is_available() -> None:
    broken = [view(f"old-{n}", available=False) for n in range(3)]

    assert plan_replicas(wanting(3), [*broken, view("new-1", available=False)]) == []
    assert plan_replicas(wanting(3), [*broken, view("new-1")]) == [Stop("old-0")]


def test_scaling_down_takes_the_broken_and_then_the_youngest() -> None:
    pods = [view("new-1", created=1), view("new-2", created=2), view("new-3", created=3), view("new-4", created=0, available=False)]

    assert plan_replicas(wanting(2), pods) == [Stop("new-4"), Stop("new-3")]


def test_scaled_to_nothing_all_pods_stop() -> None:
    pods = [view("new-1"), view("old-1"), view("old-2", available=False)]

    assert plan_replicas(wanting(0), pods) == [Stop("new-1")]
    assert plan_replicas(wanting(0), pods[1:]) == [Stop("old-2"), Stop("old-1")]


def test_every_roll_out_ends_with_the_wanted_pods_and_never_has_fewer_available() -> None:
    for replicas in range(1, 6):
        for surge in range(1, 4):
            for before in range(6):
                pods = [view(f"old-{n}") for n in range(before)]
                lowest, pods = rolled_out(wanting(replicas, surge=surge), pods)
                assert lowest >= min(replicas, before)
                assert [pod.template_hash for pod in pods] == ["new"] * replicas


def test_a_broken_template_never_takes_an_available_pod_away() -> None:
    pods = [view(f"old-{n}") for n in range(3)]
    for _ in range(10):
        pods = moved(pods, plan_replicas(wanting(3), pods))

    assert sum(pod.available for pod in pods) == 3


def rolled_out(deployment: DeploymentSpec, pods: list[PodView]) -> tuple[int, list[PodView]]:
    """The lowest number of available pods on the way, and the pods in the end."""
    lowest = len(pods)
    for _ in range(40):
        pods = moved(pods, plan_replicas(deployment, pods))
        lowest = min(lowest, sum(pod.available for pod in pods))
        pods = [replace(pod, available=True) for pod in pods]
    assert plan_replicas(deployment, pods) == []
    return lowest, pods


def moved(pods: list[PodView], actions: Sequence[Action]) -> list[PodView]:
    stopped = {action.uid for action in actions if isinstance(action, Stop)}
    started = sum(action.count for action in actions if isinstance(action, Start))
    new = [view(f"new-{len(pods)}-{n}", available=False) for n in range(started)]
    return [*(pod for pod in pods if pod.uid not in stopped), *new]
