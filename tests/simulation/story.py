"""What people and webhooks do, by chance: every kind of request, at every service, in any order."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta

from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.errors import Conflict, NotFound, Unavailable
from chalicelib.domain.promotions import ConfigFrom
from chalicelib.domain.runs import RunKind
from chalicelib.domain.secrets import Secret
from chalicelib.pipeline import intents
from chalicelib.usecases import deploys, promotions, webhooks
from chalicelib.usecases.deploys import DeployWish
from chalicelib.usecases.promotions import Promotion
from tests.simulation.faults import Faults
from tests.simulation.world import API, FILES, REPOSITORY, Death, World

PRODUCTION = Address("acme", "shop", "production", "api")
WEB = Address("acme", "shop", "staging", "web")
SERVICES = (API, WEB, PRODUCTION)
CANARY = "canary-"
"""Every secret's value begins with it, so that it can be looked for."""
SEQUENCE = "SEQUENCE"
"""The variable that counts the changes of a service's config."""
REDELIVERIES = 40
ALLOWED = frozenset(
    {
        "build_not_usable",
        "deploy_not_good",
        "image_expired",
        "nothing_deployed",
        "service_closing",
        "snapshot_expired",
        "stale_write",
    }
)
"""What a request may be refused with: each says that something else came first."""


class Story:
    """A world in which things are done by chance, and what is known of them afterwards."""

    def __init__(self, world: World, faults: Faults, seed: int) -> None:
        self.world = world
        self.faults = faults
        self.chance = random.Random(seed)
        self.number = 0
        self.pushed: dict[str, int] = {}
        """The order in which commits were pushed."""
        self.changes: dict[tuple[str, int], int] = {}
        """By the config-only run that was accepted for it: how many changes there were."""
        self.lost: list[Secret] = []
        """Values in the vault whose writer died before the commit that would have made them count."""
        world.put_service(API, auto_deploy_branch="main")
        world.make_service(WEB, auto_deploy_branch="main")
        world.make_service(PRODUCTION)

    def act(self) -> None:
        """One thing that somebody does. What dies under it may or may not have been accepted."""
        self.number += 1
        self.faults.between()
        act = self.chance.choices(*zip(*_ACTIONS, strict=True))[0]
        at = self.chance.choices(SERVICES, (5, 2, 3))[0]
        try:
            act(self, at)
        except (Death, Unavailable, NotFound):
            pass
        except Conflict as conflict:
            assert conflict.code in ALLOWED, conflict

    def push(self, **files: str) -> str:
        commit = self.world.push({**FILES, "VERSION": str(self.number), **files})
        self.pushed[commit] = len(self.pushed)
        return commit

    def deliver(self, commit: str) -> None:
        repository = {"full_name": "acme/api", "clone_url": REPOSITORY}
        body = {"ref": "refs/heads/main", "after": commit, "repository": repository, "pusher": {"name": "ada"}}
        webhooks.take_delivery(self.world.ports, event="push", body=json.dumps(body).encode())


def _deploy(story: Story, at: Address) -> None:
    story.push()
    story.world.accept(at=at)


def _fewer_processes(story: Story, at: Address) -> None:
    story.push(Procfile="web: python server.py\n")
    story.world.accept(at=at)


def _delivery(story: Story, at: Address) -> None:
    """The host sends it again until it is taken, and once more for good measure."""
    commit = story.push()
    for _ in range(REDELIVERIES):
        try:
            story.deliver(commit)
            break
        except (Death, Unavailable, Conflict):
            story.world.advance(1)
    story.deliver(commit)


def _unhealthy(story: Story, at: Address) -> None:
    cluster = story.world.engines.cluster
    commit = story.push(Procfile=FILES["Procfile"] + "clock: python clock.py\n")
    story.chance.choice((cluster.unhealthy, cluster.crashing)).add(story.world.digest_of_commit(commit))
    story.world.accept(at=at)


def _broken(story: Story, at: Address) -> None:
    story.world.engines.builder.broken.add(story.push())
    story.world.accept(at=at)


def _build_only(story: Story, at: Address) -> None:
    story.push()
    story.world.accept(RunKind.BUILD_ONLY, at=at)


def _config(story: Story, at: Address) -> None:
    story.world.set_variable(SEQUENCE, str(story.number), at=at)
    if story.chance.random() < 0.6:
        story.world.set_secret("TOKEN", f"{CANARY}{story.number}", at=at, buildtime=story.chance.random() < 0.3)
    accepted = story.world.accept(RunKind.CONFIG_ONLY, at=at)
    if accepted.run is not None:
        story.changes[accepted.run.owner, accepted.run.number] = story.number


def _rotate(story: Story, at: Address) -> None:
    """A secret gets a new value that nobody deploys, or its writer dies before the commit and the value counts for nothing."""
    committed = story.chance.random() < 0.5 or not story.world.scope_of(at).vault_version
    if not committed:
        story.lost.append(Secret(f"{CANARY}{story.number}"))
    story.world.set_secret("TOKEN", f"{CANARY}{story.number}", at=at, committed=committed)


def _scale(story: Story, at: Address) -> None:
    story.world.put_service(at, process_counts={"web": story.chance.randrange(4), "worker": story.chance.randrange(3)})
    story.world.accept(RunKind.SCALE, at=at)


def _rollback(story: Story, at: Address) -> None:
    """To any earlier deploy, also one that was never good or whose snapshot has gone."""
    service = story.world.read_service(at)
    number = story.chance.randrange(story.world.lane_of(service.id).deploys + 1)
    deploys.rollback(story.world.ports, service, number, "ada")


def _old_build(story: Story, at: Address) -> None:
    service = story.world.read_service(at)
    number = story.chance.randrange(story.world.lane_of(service.id).builds + 1)
    deploys.deploy(story.world.ports, service, DeployWish(build=number), "ada")


def _old_commit(story: Story, at: Address) -> None:
    if story.pushed:
        story.world.accept(at=at, ref=story.chance.choice(sorted(story.pushed)))


def _promote(story: Story, at: Address) -> None:
    config = story.chance.choice(list(ConfigFrom))
    promotion = Promotion(story.world.read_service(API), story.world.read_service(PRODUCTION), config)
    promotions.promote(story.world.ports, promotion, shown="", by="ada")


def _pin(story: Story, at: Address) -> None:
    intents.pin(story.world.ports, story.world.read_service(at), "ada")


def _unpin(story: Story, at: Address) -> None:
    intents.unpin(story.world.ports, story.world.read_service(at), "ada")


def _release(story: Story, at: Address) -> None:
    story.world.engines.cluster.release_takes = timedelta(seconds=story.chance.choice((0, 5)))
    story.push(Procfile=FILES["Procfile"] + "release: python migrate.py\n")
    story.world.accept(at=at)


def _teardown(story: Story, at: Address) -> None:
    """Deletes the service; once it is gone, one of the same name is made."""
    try:
        story.world.accept(RunKind.TEARDOWN, at=at)
    finally:
        story.world.advance(400)
        _make_again(story.world)


def _environment_teardown(story: Story, at: Address) -> None:
    """Deletes the environment with its services; once it is gone, all are made again."""
    environment = story.world.find_environment(at.at(Level.ENVIRONMENT))
    try:
        if environment is not None:
            intents.accept_tree(story.world.ports, environment, "ada")
    finally:
        story.world.advance(400)
        _make_again(story.world)


def _make_again(world: World) -> None:
    for address in SERVICES:
        environment = address.at(Level.ENVIRONMENT)
        if world.find_environment(environment) is None:
            world.make_environment(environment)
        found = world.find_environment(environment)
        if world.find_service(address) is None and found is not None and not found.closing:
            world.make_service(address, auto_deploy_branch="" if address == PRODUCTION else "main")


_ACTIONS: tuple[tuple[Callable[[Story, Address], None], float], ...] = (
    (_deploy, 5),
    (_fewer_processes, 1),
    (_delivery, 4),
    (_unhealthy, 2),
    (_broken, 1),
    (_build_only, 1),
    (_config, 3),
    (_rotate, 1),
    (_scale, 2),
    (_rollback, 2),
    (_old_build, 1.5),
    (_old_commit, 1.5),
    (_promote, 3),
    (_pin, 1),
    (_unpin, 1.5),
    (_release, 2),
    (_teardown, 0.6),
    (_environment_teardown, 0.4),
)
