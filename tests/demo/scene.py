"""What the steps share: the server, the terminal, the repository, the visitor, and the checks that come up more than once."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ancla_sdk import Client
from ancla_sdk.models import Deploy, Run

from tests.demo.deliveries import deliver, push_delivery
from tests.demo.repository import BRANCH, SampleRepository
from tests.demo.server import Server
from tests.demo.telling import CheckFailed, Telling
from tests.demo.terminal import Terminal
from tests.demo.visitors import Place, SteadyClient

STAGING, PRODUCTION = "acme/shop/staging/api", "acme/shop/production/api"
GREETING = "hello from staging"
RUN_WITHIN = 60.0


@dataclass
class Scene:
    """What the steps share."""

    server: Server
    code: Path
    """Where the sample's repository is made."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    commits: list[str] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)
    """What the summary shows: a name and seconds."""

    @cached_property
    def terminal(self) -> Terminal:
        return Terminal(self.server.url, self.server.key, self.server.home)

    @cached_property
    def client(self) -> Client:
        """For waiting: what a person would look at again and again."""
        return Client(self.server.url, self.server.key, user_agent="ancla-demo")

    @cached_property
    def repository(self) -> SampleRepository:
        return SampleRepository(self.code)

    @cached_property
    def visitor(self) -> SteadyClient:
        """Asks the service in staging all along, from its first deploy on."""
        return SteadyClient(self.place(STAGING))

    @property
    def token_hash(self) -> str:
        return hashlib.sha256(self.token.encode()).hexdigest()

    def place(self, address: str) -> Place:
        return Place(urlsplit(self.client.services.get(address).url).hostname or "", self.server.router_port)

    def deploys(self) -> list[Deploy]:
        return self.client.deploys.list(STAGING)

    def close(self) -> None:
        if "visitor" in self.__dict__:
            self.visitor.stop()


def pushed(scene: Scene, step: Telling, commit: str) -> Run:
    """Delivers the push of `commit`, twice as GitHub may, and returns the one run that it made when that has ended."""
    before = scene.client.runs.list(STAGING, limit=1)[0].run
    delivery = push_delivery(
        repository=str(scene.repository.address),
        branch=BRANCH,
        before=scene.commits[-1],
        after=commit,
        secret=scene.server.webhook_secret,
    )
    scene.commits.append(commit)
    forged = type(delivery)({**delivery.headers, "X-Hub-Signature-256": f"sha256={'0' * 64}"}, delivery.body)
    step.check("a delivery with a wrong signature is refused", deliver(scene.server.url, forged) == 401)
    statuses = [deliver(scene.server.url, delivery) for _ in range(2)]
    step.check("the signed delivery is taken", statuses == [201, 201], statuses)
    newest = scene.client.runs.list(STAGING, limit=1)[0]
    step.check("a delivery that comes twice makes one run", newest.run == before + 1, newest)
    deadline = time.monotonic() + RUN_WITHIN
    for run in scene.client.runs.watch(STAGING, newest.run):
        if run.open and time.monotonic() > deadline:
            raise CheckFailed(f"step {step.number}: run {run.run} is still at {run.stage} after {RUN_WITHIN:.0f} s")
    step.check("the run was triggered by the push", run.trigger == "push" and run.commit == commit, run)
    return run


def check_answer(scene: Scene, step: Telling, answer: dict[str, Any], *, version: str) -> None:
    expected = {"version": version, "greeting": GREETING, "token_sha256": scene.token_hash}
    step.check(f"version {version} answers with the overridden variable and the secret", answer == expected, answer)


def check_no_gap(scene: Scene, step: Telling) -> None:
    step.check("the client that asked all along got answers", scene.visitor.answered > 0)
    step.check("none of its requests failed", not scene.visitor.failures, scene.visitor.failures[:3])


def took(run: Run) -> float:
    return _seconds(run.finished) - _seconds(run.accepted)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def files_with(scene: Scene, text: str) -> list[str]:
    """The files of the home that hold `text`."""
    wanted = text.encode()
    files = (path for path in scene.server.home.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in files if wanted in path.read_bytes()]
