"""Workers that are held for a minute right before or right after they write something outside. Meanwhile another one takes their run
over, and more may happen to the service; then they wake and go on as if nothing had been. Whatever they still do leaves no trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.lanes import Lane
from chalicelib.manifests.names import ANCHOR_LABEL
from chalicelib.pipeline.chores import LATE_PASS
from chalicelib.pipeline.loads import load_snapshot
from chalicelib.pipeline.wanted import service_set
from chalicelib.ports.cluster import Manifest
from chalicelib.ports.store import get_one
from tests.journeys.ground import GROUND
from tests.journeys.held_workers import BROKEN, DELETE, RELEASED, Case, Held
from tests.journeys.observers import DERIVED
from tests.journeys.strange_ancla import StrangeAncla
from tests.journeys.waiting import wait_for

pytestmark = pytest.mark.journey

AT_ONCE = 2 if GROUND.real else 4
"""So many fall asleep, and so many stories go on, at the same time. On real engines a node of two cores has room for what runs in the
end, and for a few pods more."""
DEPLOYMENT, ROLLING_OUT, REVERTING = "'kind': 'Deployment'", "Phase.ROLL_OUT", "Phase.REVERT"

CASES = [
    Case("shared", "cluster.ensure_shared", held="2", then=("3",)),
    Case("anchor-reverted", "cluster.ensure_anchor", before=("1",), held=BROKEN, mentions=(ROLLING_OUT,)),
    Case("anchor-overtaken", "cluster.ensure_anchor", held="2", then=("3",)),
    Case("anchor-gone", "cluster.ensure_anchor", held="2", then=(DELETE,)),
    Case("anchor-again", "cluster.ensure_anchor", held="2", then=(DELETE, "3"), after=True),
    Case("prepare-again", "cluster.apply", held="2", then=(DELETE, "3"), mentions=("'ServiceAccount'",)),
    Case("prepare-reverted", "cluster.apply", before=("1",), held=BROKEN, mentions=("'ServiceAccount'",), after=True),
    Case("roll-out-reverted", "cluster.apply", before=("1",), held=BROKEN, mentions=(DEPLOYMENT, ROLLING_OUT)),
    Case("roll-out-again", "cluster.apply", held="2", then=(DELETE, "3"), mentions=(DEPLOYMENT,)),
    Case("roll-out-gone", "cluster.apply", held="2", then=(DELETE,), mentions=(DEPLOYMENT,)),
    Case("roll-out-overtaken", "cluster.apply", held="2", then=("3",), mentions=(DEPLOYMENT,)),
    Case("rolled-out", "cluster.apply", held="2", then=("3",), mentions=(DEPLOYMENT,), after=True),
    Case("revert", "cluster.apply", before=("1",), held=BROKEN, then=("3",), mentions=(DEPLOYMENT, REVERTING)),
    Case("gated-overtaken", "cluster.start_gated_pod", held=RELEASED, then=("3",)),
    Case("gate", "cluster.start_gated_pod", held=RELEASED),
    Case("gated", "cluster.start_gated_pod", held=RELEASED, after=True),
    Case("lift", "cluster.lift_gate", held=RELEASED),
    Case("lifted-overtaken", "cluster.lift_gate", held=RELEASED, then=("3",), after=True),
    Case("tidy", "cluster.delete_anchor", before=("1",), held="2", then=("3",)),
    Case("tidied", "cluster.delete_anchor", before=("1",), held=BROKEN, after=True),
    Case("take-down", "cluster.delete_anchor", before=("1",), held=DELETE, then=("3",)),
    Case("register-overtaken", "catalog.register", held="2", then=("3",)),
    Case("register-again", "catalog.register", held="2", then=(DELETE, "3")),
    Case("registered-gone", "catalog.register", held="2", then=(DELETE,), after=True),
    Case("deregister", "catalog.deregister", held=BROKEN, then=("3",)),
    Case("deregister-again", "catalog.deregister", before=("1",), held=DELETE, then=("3",)),
    Case("freeze", "vault.write", held="2", then=(DELETE,)),
    Case("allow-again", "vault.allow", held="2", then=(DELETE, "3")),
    Case("allowed", "vault.allow", before=("1",), held="2", after=True),
    Case("pull", "registry.grant_pull", held="2", then=("3",)),
    Case("pull-reverted", "registry.grant_pull", before=("1",), held=BROKEN, after=True),
    Case("activate", "store.commit", held="2", then=("3",), mentions=("Stage.FINISHED",)),
    Case("activated", "store.commit", before=("1",), held="2", mentions=("Stage.FINISHED",), after=True),
    Case("anchored-again", "store.commit", held="2", then=(DELETE, "3"), mentions=("Stage.PREPARE",), after=True),
    Case("document", "logs.write", held="2", then=(DELETE,), mentions=("/snapshots/",)),
    Case("told-reverted", "logs.write", before=("1",), held=BROKEN, mentions=("rolling out",)),
]
GONE = [case for case in CASES if not case.since_made]
RUNNING = [case for case in CASES if case.since_made]


@pytest.fixture(scope="module")
def woken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """All workers were held, everything else went on meanwhile, and now all of them woke and did what they were about to do."""
    folder = tmp_path_factory.mktemp("held")
    with StrangeAncla(folder, holds=tuple(case.hold for case in CASES)) as ancla:
        held = Held(ancla, folder, at_once=AT_ONCE)
        held.commit_versions()
        ancla.make_service("acme/shop/staging/first", held.repository)  # so that no two make what is above it
        for_each(CASES, held.tell, at_once=len(CASES))
        yield held


@pytest.fixture(scope="module")
def tidied(woken: Held) -> Held:
    """And then it was two minutes later: all tidying has taken its second look."""
    start_again(woken.ancla, ahead=LATE_PASS)
    wait_for(lambda: not woken.tidying_to_come(), seconds=60, what="the late tidying to be done")
    start_again(woken.ancla)  # others, such as the registry, never were in that future
    return woken


def start_again(ancla: StrangeAncla, **strange: Any) -> None:
    ancla.kill()
    ancla.plan(**strange)
    ancla.start()


def for_each(cases: Sequence[Case], do: Callable[[Case], None], *, at_once: int = AT_ONCE) -> None:
    """Does it for a few at a time, and raises what goes wrong with one."""
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(do, cases))


def in_the_end(look: Callable[[], list[str]], held: Held) -> list[str]:
    """What is still seen when the grace is over, or nothing as soon as nothing is."""
    deadline = time.monotonic() + held.observer.grace
    while (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return seen


def shown(case: Case) -> str:
    return case.slug


@pytest.mark.parametrize("case", RUNNING, ids=shown)
def test_what_a_woken_worker_does_changes_nothing_of_what_runs(woken: Held, case: Case) -> None:
    ancla = woken.ancla
    assert ancla.answer(case.path) == answer_of(case, case.version)
    assert ancla.api("GET", case.path)["active_deploy"] == case.active
    deploys = ancla.api("GET", f"{case.path}/deploys")["items"]
    assert {each["version"]: each["status"] for each in deploys} == {
        number: "error" if version == BROKEN else "success" for number, version in enumerate(case.since_made, 1)
    }
    assert [each["version"] for each in deploys if each["active"]] == [case.active]
    history = ancla.api("GET", f"/workspaces/acme/projects/shop/pipeline/history?env=staging&service={case.slug}")
    assert [run["run"] for run in history] == list(range(len(case.since_made), 0, -1))


def test_the_catalog_lists_what_runs_and_nothing_else(woken: Held) -> None:
    assert woken.listed() == {woken.service_id(case): (woken.commits[case.version], True) for case in RUNNING}


def test_a_release_command_whose_worker_was_held_ran_once(woken: Held) -> None:
    released = sorted(case.slug for case in CASES if RELEASED in case.done)
    assert sorted(woken.ledger.lines()) == released
    assert woken.ledger.begun() == len(released)


@pytest.mark.parametrize("case", RUNNING, ids=shown)
def test_in_the_cluster_is_what_the_active_deploy_wants_below_one_anchor(tidied: Held, case: Case) -> None:
    ports, service_id, observer = tidied.ports(), tidied.service_id(case), tidied.observer
    lane: Lane | None = get_one(ports.store, keys.lane(service_id))
    assert lane is not None and lane.active is not None and not lane.running
    snapshot = load_snapshot(ports, service_id, lane.active.snapshot)
    wanted = service_set(ports, Address.parse(case.address), service_id, snapshot, lane.active.counts)
    objects = observer.objects_of(service_id)
    [anchor] = [each for each in objects if ANCHOR_LABEL in each.labels]
    applied = {(each.kind, each.name): each for each in objects if each.kind not in DERIVED and each is not anchor}
    assert not [each.name for each in objects if "schedulingGates" in each.manifest.get("spec", {})]
    assert {each.owner for each in applied.values()} == {anchor.uid}
    for manifest in wanted:
        assert content(applied[name_of(manifest)].manifest) == content(observer.applied(manifest))
    assert [name for kind, name in applied if kind == "Deployment"] == [name for kind, name in map(name_of, wanted) if kind == "Deployment"]


@pytest.mark.parametrize("case", [case for case in CASES if DELETE in case.done], ids=shown)
def test_nothing_of_a_deleted_service_is_left(tidied: Held, case: Case) -> None:
    assert in_the_end(lambda: tidied.left_of_deleted(case), tidied) == []


def test_of_a_service_that_runs_there_is_something_everywhere(tidied: Held) -> None:
    assert [what for what, names in tidied.kept_of(tidied.service_id(RUNNING[0])).items() if not names] == []


def test_no_process_runs_but_those_of_the_active_deploys(tidied: Held) -> None:
    wait_for(lambda: len(tidied.observer.running()) == len(RUNNING), what="the processes of what is gone to end")


def test_names_that_were_given_up_can_be_taken_again(tidied: Held) -> None:
    for_each(GONE, lambda case: tidied.do(case, "3"))
    for case in GONE:
        assert tidied.ancla.answer(case.path) == answer_of(case, "3")


def answer_of(case: Case, version: str) -> dict[str, str]:
    return {"version": version, "GREETING": case.slug, "TOKEN": f"token of {case.slug}"}


def name_of(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def content(manifest: Manifest) -> dict[str, Any]:
    """All but the metadata, where fence and owner are, and what the cluster itself says of it."""
    return {field: value for field, value in manifest.items() if field not in {"metadata", "status"}}
