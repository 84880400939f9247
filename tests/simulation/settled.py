"""What must hold once all is quiet: every request has ended, and what exists outside is what the records say, no more and no less."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.domain import keys
from chalicelib.domain.addresses import Address
from chalicelib.domain.audit import first_break
from chalicelib.domain.builds import Build, BuildState
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.deploys import Deploy, DeployState, Running
from chalicelib.domain.keep import Keep
from chalicelib.domain.lanes import Lane
from chalicelib.domain.promotions import ConfigFrom
from chalicelib.domain.retention import image_name
from chalicelib.domain.runs import Outcome, Run, RunKind
from chalicelib.manifests.names import PROCESS_LABEL, SERVICE_LABEL, repository_of
from chalicelib.manifests.vault import scope_path, snapshot_path, snapshot_prefix
from chalicelib.pipeline.retirement import needed_images
from chalicelib.ports.store import all_of, get_one
from tests.simulation.story import SEQUENCE, Story
from tests.simulation.world import World

DONE_WELL = frozenset({Outcome.SUCCEEDED, Outcome.UNCHANGED, Outcome.INCLUDED})
PULL_GRANT_LIFE = timedelta(days=30)


def assert_settled(story: Story) -> None:
    world = story.world
    live = {service_id for service_id, address in world.ids.items() if _is_live(world, service_id, address)}
    for service_id in world.ids:
        lane, runs = world.lane_of(service_id), world.runs_of(service_id)
        assert all(run.finished for run in runs), [(run.number, run.stage) for run in runs if not run.finished]
        assert lane.running == 0 and not lane.waiting
        assert lane.held is None or lane.pinned_by
        assert lane.closed == (service_id not in live)
        _records_have_their_outcome(world, service_id)
        _chores_are_done(world, lane)
        if service_id in live and lane.active is not None:
            _runs_as_recorded(world, lane, lane.active)
            _secrets_are_those_that_were_set(story, lane.service_id, lane.active)
            _no_change_is_lost(story, lane, runs)
        if service_id in live:
            assert_retired(world, service_id)
    _nothing_outlives_its_record(world, live)
    _releases_ran_at_most_once(world)
    _deleted_environments_are_gone(world)


def assert_credentials_are_fresh(world: World) -> None:
    """Whatever runs can be pulled again: its pull secret was written less than its life ago."""
    for ref, held in world.engines.cluster.objects.items():
        if ref.kind == "Secret":
            assert world.clock.now() - held.written_at < PULL_GRANT_LIFE, f"{ref.name} has expired"


def _is_live(world: World, service_id: str, address: Address) -> bool:
    service = world.find_service(address)
    return service is not None and service.id == service_id


def _records_have_their_outcome(world: World, service_id: str) -> None:
    builds: list[Build] = all_of(world.store, *keys.builds(service_id))
    assert not [build.number for build in builds if build.state in {BuildState.PENDING, BuildState.BUILDING}]
    deploys: list[Deploy] = all_of(world.store, *keys.deploys(service_id))
    assert not [deploy.number for deploy in deploys if deploy.state is DeployState.PENDING]


def _chores_are_done(world: World, lane: Lane) -> None:
    """All but one: the renewal of what the active deploy pulls with."""
    chores: list[Chore] = all_of(world.store, f"OF#{lane.service_id}", "CHORE#")
    left = [(chore.kind, chore.number) for chore in chores if chore.kind is not ChoreKind.RENEW]
    assert not left, f"chores are left open: {left}"
    renewals = [chore.number for chore in chores if lane.active is not None and chore.number == lane.active.run]
    assert lane.closed or lane.active is None or len(renewals) == 1, "nobody renews the pull secret"


def _runs_as_recorded(world: World, lane: Lane, active: Running) -> None:
    snapshot, cluster = world.snapshot_of(lane.service_id, active.snapshot), world.engines.cluster
    assert cluster.running(lane.service_id) == dict.fromkeys(snapshot.processes, snapshot.image.digest)
    anchors = cluster.list_anchors("ancla-acme", lane.service_id)
    assert len(anchors) == 1, f"more than the newest anchor is left: {list(anchors.values())}"
    mine = {ref: held for ref, held in cluster.objects.items() if held.manifest["metadata"]["labels"].get(SERVICE_LABEL) == lane.service_id}
    assert {held.owner for held in mine.values() if held.owner} == {anchor.uid for anchor in anchors}
    counts = {
        held.manifest["metadata"]["labels"][PROCESS_LABEL]: held.manifest["spec"]["replicas"]
        for ref, held in mine.items()
        if ref.kind == "Deployment"
    }
    assert counts == dict(active.counts)
    assert world.engines.catalog.entries[lane.service_id].meta["ancla-commit"] == snapshot.commit
    assert world.engines.registry.has(snapshot.image.repository, snapshot.image.digest), "what runs cannot be pulled any more"


def _secrets_are_those_that_were_set(story: Story, service_id: str, active: Running) -> None:
    """What is frozen are the values that counted when the snapshot was made, whatever was set since."""
    snapshot, entries = story.world.snapshot_of(service_id, active.snapshot), story.world.engines.vault.entries
    frozen = entries[snapshot_path(service_id, active.snapshot)][-1] if snapshot.secret_names else {}
    assert frozen is not None and set(frozen) == set(snapshot.secret_names), "secrets of what runs are gone"
    for name, value in frozen.items():
        assert value not in story.lost, "a value counts that nobody committed"
        origin = snapshot.config[name]
        scope = entries.get(scope_path(origin.scope_id))  # gone with its service, where that was promoted from
        if scope is not None:
            counted = scope[origin.vault_version - 1]
            assert counted is not None and counted[name] == value


def assert_retired(world: World, service_id: str) -> None:
    """What can be chosen is there with all that it needs, and what has been retired is gone."""
    registry, vault = world.engines.registry, world.engines.vault
    for record in all_of(world.store, *keys.snapshots(service_id)):
        assert record.keep is Keep.LIVE, "a snapshot is left between marked and removed"
        assert registry.has(record.repository, record.digest), "the image of a snapshot that can be chosen is gone"
        entry = vault.read(snapshot_path(service_id, record.hash), version=record.secrets) if record.secrets else {}
        assert entry is not None, "the secrets of a snapshot that can be chosen are gone"
    needed = needed_images(world.ports, [service for service in map(world.find_service, world.ids.values()) if service])
    builds = [build for build in all_of(world.store, *keys.builds(service_id)) if build.image is not None]
    needed |= {image_name(build) for build in builds if build.keep is Keep.LIVE}
    for build in builds:
        assert build.keep is not Keep.EXPIRING, "a build is left between marked and removed"
        repository, digest = image_name(build)
        there = registry.images.get(repository, {}).get(digest)
        if image_name(build) in needed:
            assert there is not None, f"the image of build {build.number} is gone and can still be chosen"
        else:
            assert there is None or there > build.number, f"the image of build {build.number} is still there"


def _no_change_is_lost(story: Story, lane: Lane, runs: list[Run]) -> None:
    """A config change that ended well is live, unless a rollback or another service's config came after it."""
    if lane.active is None:
        return
    others = (run.number for run in runs if run.outcome is Outcome.SUCCEEDED and _brings_other_config(run))
    since = max(others, default=0)
    wanted = [
        story.changes[lane.service_id, run.number]
        for run in runs
        if run.number > since and run.outcome in DONE_WELL and (lane.service_id, run.number) in story.changes
    ]
    plain = story.world.snapshot_of(lane.service_id, lane.active.snapshot).plain
    assert int(plain.get(SEQUENCE, "0")) >= max(wanted, default=0), "a change that ended well is not live"


def _brings_other_config(run: Run) -> bool:
    return run.kind is RunKind.ROLLBACK or (run.kind is RunKind.PROMOTION and run.request.config == ConfigFrom.SOURCE)


def _nothing_outlives_its_record(world: World, live: set[str]) -> None:
    engines = world.engines
    assert {held.manifest["metadata"]["labels"][SERVICE_LABEL] for held in engines.cluster.objects.values()} <= live
    active = {service_id for service_id in live if world.lane_of(service_id).active is not None}
    assert set(engines.catalog.entries) == active
    assert set(engines.vault.allowed) <= live
    scopes = [get_one(world.store, keys.scope("acme", str(address))) for address in world.ids.values()]
    prefixes = (*(f"{snapshot_prefix(service_id)}/" for service_id in live), *(scope_path(scope.id) for scope in scopes if scope))
    assert [path for path in engines.vault.entries if not path.startswith(prefixes)] == [], "secrets outlive their service"
    repositories = {repository_of(world.ids[service_id], service_id) for service_id in live}
    repositories |= {
        repository_of(Address.parse(run.request.source_address), run.request.source_service_id)
        for service_id in live
        for run in world.runs_of(service_id)
        if run.kind is RunKind.PROMOTION
    }
    repositories |= {  # a promoted image is another service's
        world.snapshot_of(service_id, deploy.snapshot).image.repository
        for service_id in live
        for deploy in all_of(world.store, *keys.deploys(service_id))
    }
    assert set(engines.registry.images) <= repositories, "images outlive their service"


def _releases_ran_at_most_once(world: World) -> None:
    released = world.engines.cluster.released
    runs = [run for service_id in world.ids for run in world.runs_of(service_id)]
    recorded = [run.facts["release_uid"] for run in runs if "release_uid" in run.facts]
    assert len(released) == len(set(released)) and len(recorded) == len(set(recorded))
    assert set(released) <= set(recorded), "a release command ran whose pod no run had recorded"


def _deleted_environments_are_gone(world: World) -> None:
    for address in {service.parent for service in world.ids.values()}:
        environment = world.find_environment(address)
        assert environment is None or not environment.closing, f"{address} is still being deleted"
    for run in world.trees():
        entries = all_of(world.store, *keys.audit_trail(run.owner))
        assert first_break(entries) == 0
        assert [entry.action for entry in entries] == ["delete", "teardown_tree.ended"]
