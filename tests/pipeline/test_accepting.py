"""Accepting a request: all of it or nothing, and somebody will look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain import keys
from chalicelib.domain.audit import first_break
from chalicelib.domain.errors import Conflict, StaleWrite, Unavailable
from chalicelib.domain.keys import Key
from chalicelib.domain.runs import Outcome, Request, RunKind
from chalicelib.pipeline.intents import Accepted, accept, accept_tree
from chalicelib.ports.store import Change, Check, Put, Store, all_of, get_one
from tests.simulation.world import World


def test_every_run_and_every_end_has_its_audit_entry(world: World) -> None:
    world.deploy()
    world.deploy_unhealthy()
    world.roll_back_to(1)
    actions = world.audit_actions()
    assert actions == ["deploy", "deploy.ended", "deploy", "deploy.ended", "rollback", "rollback.ended"]


class Rival:
    """A store in which somebody else writes first, as often as is asked for."""

    def __init__(self, store: Store, key: Key[Any], times: int) -> None:
        self._store = store
        self._key = key
        self.left = times

    def commit(self, changes: Sequence[Change]) -> None:
        if self.left:
            self.left -= 1
            self._store.commit([Put(get_one(self._store, self._key))])
        self._store.commit(changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Deaf:
    """A queue that takes no more messages after the first few."""

    def __init__(self, queue: Any, takes: int) -> None:
        self._queue = queue
        self.left = takes

    def send(self, *args: Any, **kwargs: Any) -> None:
        if not self.left:
            raise Unavailable("the queue did not answer")
        self.left -= 1
        self._queue.send(*args, **kwargs)


def deploy_with(world: World, **ports: Any) -> Accepted:
    return accept(replace(world.ports, **ports), world.read_service(), Request(kind=RunKind.DEPLOY, by="ada"))


def test_a_request_that_loses_a_race_for_the_lane_decides_again(world: World) -> None:
    world.deploy()
    rival = Rival(world.store, keys.lane(world.service.id), times=3)
    accepted = deploy_with(world, store=rival)
    assert rival.left == 0 and accepted.run is not None and accepted.run.number == 2
    assert world.audit_actions()[-1] == "deploy"


def test_a_request_gives_up_at_once_where_its_own_record_is_outdated(world: World) -> None:
    world.deploy()
    record = get_one(world.store, keys.snapshot(world.service.id, world.active_snapshot().hash))
    assert record is not None
    outdated = [Check(keys.key_of(record), record.version + 1)]
    rival = Rival(world.store, keys.lane(world.service.id), times=0)
    with pytest.raises(StaleWrite):
        accept(replace(world.ports, store=rival), world.read_service(), Request(kind=RunKind.DEPLOY, by="ada"), changes=outdated)
    assert len(world.runs_of(world.service.id)) == 1


def test_nothing_is_accepted_when_no_look_can_be_sent_before(world: World) -> None:
    with pytest.raises(Unavailable):
        deploy_with(world, queue=Deaf(world.queue, 0))
    assert world.runs_of(world.service.id) == []


def test_what_was_committed_is_accepted_even_if_no_look_can_be_sent_after(world: World) -> None:
    world.push()
    accepted = deploy_with(world, queue=Deaf(world.queue, 1))
    assert world.ended(accepted).outcome is Outcome.SUCCEEDED


def test_a_service_that_is_being_deleted_accepts_nothing(world: World) -> None:
    world.accept(RunKind.TEARDOWN)
    with pytest.raises(Conflict, match="is being deleted") as refused:
        world.accept()
    assert refused.value.code == "service_closing"


def test_unpinning_and_taking_what_was_held_are_one_commit(world: World) -> None:
    world.pin()
    world.accept_push(world.push())
    world.unpin()
    lane = world.lane()
    assert (lane.pinned_by, lane.held, lane.running) == (0, None, 3)
    assert world.audit_actions() == ["pin", "deploy.held", "unpin", "deploy"]


def test_the_deletion_of_an_environment_and_its_end_have_their_audit_entries(world: World) -> None:
    environment = world.find_environment(world.service.address.parent)
    assert environment is not None
    accept_tree(world.ports, environment, "ada")
    again = accept_tree(world.ports, environment, "ada")
    world.settle()
    entries = all_of(world.store, *keys.audit_trail(environment.id))
    assert again.number == 1
    assert [(entry.action, entry.by) for entry in entries] == [("delete", "ada"), ("teardown_tree.ended", "ancla")]
    assert first_break(entries) == 0
