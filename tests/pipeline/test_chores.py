"""Work after an outcome is settled: it goes on until it is done, and never changes the outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.fences import Anchor, Fence, Phase
from chalicelib.domain.runs import Outcome, RunKind
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.kubernetes import render_anchor
from chalicelib.manifests.vault import snapshot_path
from chalicelib.ports.catalog import Entry
from chalicelib.ports.cluster import Manifest
from chalicelib.ports.store import all_of
from tests.simulation.world import FILES, Death, World


def test_the_tidied_cluster_holds_the_newest_anchor_alone(world: World) -> None:
    world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    world.advance(300)
    anchors = world.engines.cluster.list_anchors("ancla-acme", world.service.id)
    assert [fence.turn for fence in anchors.values()] == [2]


def chores_of(world: World, kind: ChoreKind) -> list[Chore]:
    return all_of(world.store, f"OF#{world.service.id}", f"CHORE#{kind.value}")


def pull_secret_age(world: World) -> timedelta:
    (written,) = [held.written_at for ref, held in world.engines.cluster.objects.items() if ref.kind == "Secret"]
    return world.clock.now() - written


def test_pull_credentials_are_renewed_at_half_their_life_for_as_long_as_the_deploy_runs(world: World) -> None:
    world.deploy()
    world.rest(days=16)
    assert pull_secret_age(world) < timedelta(days=2)
    world.rest(days=45)
    assert pull_secret_age(world) < timedelta(days=16)


def test_a_later_run_that_changes_nothing_does_not_end_the_renewal(world: World) -> None:
    world.deploy()
    world.engines.builder.broken.add(world.push({**FILES, "VERSION": "broken"}))
    world.ended(world.accept())
    world.deploy_unhealthy()
    world.rest(days=45)
    assert pull_secret_age(world) < timedelta(days=16)


def test_renewed_credentials_belong_to_the_anchor_of_what_runs(world: World) -> None:
    world.deploy()
    world.advance(300)
    (owner,) = world.engines.cluster.list_anchors("ancla-acme", world.service.id)
    stray = render_anchor(world.service.address, world.service.id, 7, Phase.ROLL_OUT)
    world.engines.cluster.ensure_anchor(stray, Fence(world.service.id, 7))
    world.rest(days=16)
    assert pull_secret_age(world) < timedelta(days=2)
    assert {held.owner for ref, held in world.engines.cluster.objects.items() if ref.kind == "Secret"} == {owner.uid}


def test_only_the_active_deploy_is_renewed(world: World) -> None:
    world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    world.put_service(process_counts={"web": 2})
    world.ended(world.accept(RunKind.SCALE))
    world.rest(days=16)
    assert [chore.number for chore in chores_of(world, ChoreKind.RENEW)] == [2]


def test_a_chore_that_fails_is_tried_again_ever_more_rarely_and_is_gone_once_it_works(world: World) -> None:
    world.engines.notifier.failures = 3
    began = world.clock.now()
    world.deploy()
    assert chores_of(world, ChoreKind.ANNOUNCE) == []
    assert world.clock.now() - began >= timedelta(seconds=2 + 4 + 8)
    assert [notice.state for notice in world.engines.notifier.notices.values()] == ["success"]


def test_a_chore_never_changes_an_outcome(world: World) -> None:
    world.engines.notifier.failures = 10_000
    run = world.deploy()
    world.advance(3600)
    assert world.run(run.number).outcome is Outcome.SUCCEEDED
    assert chores_of(world, ChoreKind.ANNOUNCE)[0].attempts > 5


def test_an_anchor_of_a_run_that_failed_before_it_applied_anything_goes(world: World) -> None:
    world.deploy()
    world.put_service(process_counts={"web": 1, "worker": 1})
    world.ended(world.accept(RunKind.SCALE))
    stray = render_anchor(world.service.address, world.service.id, world.lane().turn, Phase.ROLL_OUT)
    world.engines.cluster.ensure_anchor(stray, Fence(world.service.id, world.lane().turn))
    world.advance(300)
    anchors = world.engines.cluster.list_anchors("ancla-acme", world.service.id)
    assert [fence.turn for fence in anchors.values()] == [1]


class DeadlyCluster:
    """A cluster at which the next worker that makes an anchor dies of it, if it is `deadly`."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.deadly = False

    def ensure_anchor(self, manifest: Manifest, fence: Fence) -> Anchor:
        anchor: Anchor = self._cluster.ensure_anchor(manifest, fence)
        if self.deadly:
            self.deadly = False
            raise Death
        return anchor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


def test_an_anchor_whose_maker_died_goes_though_its_run_came_no_further_than_preflight() -> None:
    world = World(wrap=lambda name, port: DeadlyCluster(port) if name == "cluster" else port)
    world.deploy()
    cluster = world.ports.cluster
    assert isinstance(cluster, DeadlyCluster)
    cluster.deadly = True
    world.push({**FILES, "VERSION": "2"})
    accepted = world.accept()
    while cluster.deadly:
        world.tick()
    assert len(world.engines.cluster.list_anchors("ancla-acme", world.service.id)) == 2
    world.engines.vault.sealed = True
    run = world.ended(accepted)
    assert run.failure is not None and "preflight" in run.failure.message
    world.advance(300)
    assert [fence.turn for fence in world.engines.cluster.list_anchors("ancla-acme", world.service.id).values()] == [1]


def test_what_a_service_that_is_gone_left_in_the_vault_late_goes_too(world: World) -> None:
    world.deploy()
    world.ended(world.accept(RunKind.TEARDOWN))
    world.engines.vault.write(snapshot_path(world.service.id, "late"), {"TOKEN": Secret("hush")}, cas=0)
    world.advance(300)
    assert world.engines.vault.entries == {}


def test_a_release_pod_that_has_ended_goes_while_its_deploy_runs_on(world: World) -> None:
    world.deploy({"Procfile": FILES["Procfile"] + "release: python migrate.py\n"})
    world.advance(300)
    assert [ref.name for ref in world.engines.cluster.objects if ref.kind == "Pod"] == []
    assert set(world.engines.cluster.running(world.service.id)) == {"web", "worker"}


def test_a_catalog_entry_that_somebody_wrote_late_is_put_right(world: World) -> None:
    world.deploy()
    right = world.engines.catalog.entries[world.service.id]
    world.engines.catalog.entries[world.service.id] = replace(right, port=1)
    world.advance(300)
    assert world.engines.catalog.entries[world.service.id] == right


def test_a_catalog_entry_of_a_first_deploy_that_failed_goes(world: World) -> None:
    entry = Entry(service_id=world.service.id, name="api", address="127.0.0.1", port=1)
    world.deploy_unhealthy()
    world.engines.catalog.entries[world.service.id] = entry
    world.advance(300)
    assert world.engines.catalog.entries == {}


def test_the_builder_forgets_the_secrets_of_a_build_whose_run_has_ended(world: World) -> None:
    world.set_secret("NPM_TOKEN", "hush", buildtime=True)
    world.engines.builder.duration = timedelta(seconds=30)
    world.push()
    run = world.accept().run
    assert run is not None
    world.advance(10)
    assert world.engines.builder.secrets_of(run.build_id) == {"NPM_TOKEN": Secret("hush")}
    world.settle()
    assert world.run(run.number).outcome is Outcome.SUCCEEDED
    assert world.engines.builder.secrets_of(run.build_id) == {}


def test_a_build_that_outlives_its_run_is_ended(world: World) -> None:
    world.engines.builder.duration = timedelta(hours=9)
    world.push()
    run = world.accept().run
    assert run is not None
    world.rest(days=1)
    assert world.run(run.number).outcome is Outcome.FAILED
    assert run.build_id in world.engines.builder.cancelled
