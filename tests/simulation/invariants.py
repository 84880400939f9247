"""What must hold after every step of a story, however much goes wrong meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from chalicelib.domain import keys
from chalicelib.domain.audit import AuditEntry, first_break
from chalicelib.domain.chores import ChoreKind
from chalicelib.domain.deploys import Deploy, DeployState, Running
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import STRENGTHS, Outcome, Run, RunKind, Trigger
from chalicelib.manifests import names
from chalicelib.ports.cluster import ObjectRef
from chalicelib.ports.store import all_of, get_one
from tests.simulation.story import CANARY, Story

GOOD = frozenset({Outcome.SUCCEEDED, Outcome.UNCHANGED})
KINDS = frozenset(kind.value for kind in RunKind) | {"delete"}


class Heard(logging.Handler):
    """Everything that the program logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(logging.Formatter().format(record))


class Watch:
    """Looks at a story's world after each message and after each thing that people do, and remembers what has to stay."""

    def __init__(self, story: Story, heard: Heard) -> None:
        self.story = story
        self.world = story.world
        self.heard = heard
        self.active: dict[str, Running] = {}
        self.pushed: dict[str, int] = {}
        """The newest push that was deployed, by service."""
        self.read = [0, 0, 0, 0]

    def after_message(self) -> None:
        for service_id in self.world.ids:
            lane = self.world.lane_of(service_id)
            if lane.active is not None and not lane.closed:
                if self.active.get(service_id, lane.active).run != lane.active.run or service_id not in self.active:
                    self._became_active(service_id, lane.active)
                self.active[service_id] = lane.active
                self._nothing_that_runs_is_taken_away(service_id, lane.active)

    def after_step(self) -> None:
        for service_id in self.world.ids:
            lane, runs = self.world.lane_of(service_id), self.world.runs_of(service_id)
            self._lane_holds_what_is_open(lane, runs)
            self._pin_is_somebodys(lane, runs)
            assert_audit_matches(lane, runs, all_of(self.world.store, *keys.audit_trail(lane.subject)))
        self._open_work_is_visible()
        self._each_delivery_is_taken_once()
        self._no_secret_shows()

    def _became_active(self, service_id: str, active: Running) -> None:
        """What becomes active is complete, healthy at that moment, and no older code than what was, unless a rollback says so."""
        run, before = self._run(service_id, active.run), self.active.get(service_id)
        deploy: Deploy | None = get_one(self.world.store, keys.deploy(service_id, active.deploy))
        assert deploy is not None and deploy.state is DeployState.COMPLETE
        statuses = self.world.engines.cluster.watch("ancla-acme", self._deployments(service_id, active), seconds=0)
        assert len(statuses) == len(active.counts) and all(status.settled for status in statuses), "it became active and was not healthy"
        if run.request.trigger is Trigger.PUSH:
            pushed = self.story.pushed[run.facts["commit"]]
            assert pushed > self.pushed.get(service_id, -1), "a push brought older code than an earlier one"
            self.pushed[service_id] = pushed
        if before is None:
            return
        if run.kind is RunKind.CONFIG_ONLY:
            assert self._digest(service_id, active) == self._digest(service_id, before), "a config change brought other code"
        else:
            assert run.number > before.run, f"active moved from run {before.run} back to {run.number}"

    def _nothing_that_runs_is_taken_away(self, service_id: str, active: Running) -> None:
        missing = [
            name
            for name in self._deployments(service_id, active)
            if ObjectRef("Deployment", "ancla-acme", name) not in self.world.engines.cluster.objects
        ]
        assert not missing, f"{missing} is active and gone"

    def _lane_holds_what_is_open(self, lane: Lane, runs: Sequence[Run]) -> None:
        by_number = {run.number: run for run in runs}
        held = {number for number in (lane.running, *lane.waiting.values()) if number}
        open_runs = {run.number for run in runs if not run.finished and run.kind in STRENGTHS}
        assert open_runs == held, f"open runs {open_runs} are not those of the lane {held}"
        if lane.running:
            assert by_number[lane.running].turn == lane.turn
        for strength, number in lane.waiting.items():
            assert by_number[number].strength == strength

    def _pin_is_somebodys(self, lane: Lane, runs: Sequence[Run]) -> None:
        """What pins a lane is a person, or a rollback that has not failed; what is held back is pinned or about to be taken."""
        pinning = next((run for run in runs if run.number == lane.pinned_by), None)
        if pinning is not None:
            assert pinning.kind is RunKind.ROLLBACK and (not pinning.finished or pinning.outcome in GOOD), "a failed rollback pins"
        if lane.held is not None and not lane.pinned_by:
            chores = all_of(self.world.store, f"OF#{lane.service_id}", f"CHORE#{ChoreKind.TAKE_HELD.value}")
            assert chores, "a push is held back, and nobody will take it"

    def _open_work_is_visible(self) -> None:
        if self.world.index_lag:
            return  # the index is behind on purpose
        found = {keys.key_of(record) for record in self.world.open_records()}
        for owner in (*self.world.ids, *self.world.environment_ids):
            for run in self.world.runs_of(owner):
                assert run.finished or keys.key_of(run) in found, f"run {run.number} is open and the sweep cannot see it"

    def _each_delivery_is_taken_once(self) -> None:
        for service_id in self.world.ids:
            made = [run.request.delivery for run in self.world.runs_of(service_id) if run.request.delivery]
            assert len(made) == len(set(made)), "one delivery made two runs of a service"

    def _no_secret_shows(self) -> None:
        for number, written in enumerate((self.world.table.written, self.world.logs.written, self.world.queue.written, self.heard.written)):
            for text in written[self.read[number] :]:
                assert CANARY not in text, f"a secret shows: {text}"
            self.read[number] = len(written)
        shown = (self.world.engines.cluster.objects, self.world.engines.catalog.entries, self.world.engines.notifier.notices)
        assert CANARY not in repr(shown)

    def _run(self, service_id: str, number: int) -> Run:
        run = get_one(self.world.store, keys.run(service_id, number))
        assert run is not None
        return run

    def _digest(self, service_id: str, active: Running) -> str:
        return self.world.snapshot_of(service_id, active.snapshot).image.digest

    def _deployments(self, service_id: str, active: Running) -> list[str]:
        return [names.resource_name(self.world.ids[service_id], process) for process in active.counts]


def assert_audit_matches(lane: Lane, runs: Sequence[Run], entries: Sequence[AuditEntry]) -> None:
    """Each accepted request and each run's end has exactly one entry, and the chain holds."""
    assert first_break(list(entries)) == 0
    accepted = [entry.detail["run"] for entry in entries if entry.action in KINDS]
    ended = [entry.detail["run"] for entry in entries if entry.action.endswith(".ended")]
    assert sorted(accepted) == sorted(str(run.number) for run in runs)
    assert sorted(ended) == sorted(str(run.number) for run in runs if run.finished)
