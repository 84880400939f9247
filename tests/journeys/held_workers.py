"""Services whose workers are held, and the whole story around each: what was done before, meanwhile, and what has to come of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.adapters.embedded.node.objects import Object, open_objects
from chalicelib.domain import keys
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.keys import Index
from chalicelib.manifests.names import SERVICE_LABEL
from chalicelib.manifests.vault import snapshot_prefix
from chalicelib.ports import Ports
from chalicelib.settings import read_settings
from chalicelib.wiring import make_ports
from tests.journeys.repository import Repository
from tests.journeys.strange_ancla import StrangeAncla
from tests.journeys.strange_ports import Hold
from tests.journeys.waiting import wait_for

SERVICES = "/workspaces/acme/projects/shop/envs/staging/services"
DELETE = "delete"
BROKEN = "broken"
RELEASED = "released"
"""A version with a release command."""


@dataclass(frozen=True)
class Case:
    """A service: what is done to it before; what is done while its worker falls asleep; and what is done before that one wakes. Each is
    the version that is deployed, or that it is deleted."""

    slug: str
    call: str
    held: str
    then: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    after: bool = False

    @property
    def address(self) -> str:
        return f"acme/shop/staging/{self.slug}"

    @property
    def path(self) -> str:
        return f"{SERVICES}/{self.slug}"

    @property
    def hold(self) -> Hold:
        run = len(self.before) + 1
        return Hold(service=self.slug, run=run, call=self.call, mentions=self.mentions, after=self.after)

    @property
    def done(self) -> list[str]:
        return [*self.before, self.held, *self.then]

    @property
    def since_made(self) -> list[str]:
        """What was done to the service that has the name now: nothing when it is deleted."""
        deletions = [place for place, deed in enumerate(self.done) if deed == DELETE]
        return self.done[deletions[-1] + 1 :] if deletions else self.done

    @property
    def active(self) -> int:
        """The number of the deploy that has to be active."""
        return max((number for number, version in enumerate(self.since_made, 1) if version != BROKEN), default=0)

    @property
    def version(self) -> str:
        return self.since_made[self.active - 1]


@dataclass
class Held:
    """An Ancla with a service for each case."""

    ancla: StrangeAncla
    repository: Repository
    ledger: Path
    ids: dict[str, list[str]] = field(default_factory=dict)
    """The ids of all services that had the name, by slug."""
    commits: dict[str, str] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)

    def commit_versions(self) -> None:
        for version in ("1", "2", "3"):
            self.commits[version] = self.repository.commit_version(version)
        self.commits[BROKEN] = self.repository.commit({"server.py": "raise SystemExit('cannot start')\n"})
        self.commits[RELEASED] = self.repository.commit_version(RELEASED, release=f"echo $GREETING >> {self.ledger}")

    def do(self, case: Case, deed: str) -> None:
        self.ask(case, deed)
        self.wait_until_done(case, deed)

    def ask(self, case: Case, deed: str) -> None:
        path = case.path
        if deed == DELETE:
            self.ancla.api("DELETE", path)
            return
        if self.ancla.ask("GET", path).status_code == 404:
            self.ancla.make_service(case.address, self.repository)
            self.ids.setdefault(case.slug, []).append(self.ancla.api("GET", path)["id"])
            self.ancla.api("POST", f"{path}/config", {"name": "GREETING", "value": case.slug})
            self.ancla.api("POST", f"{path}/config", {"name": "TOKEN", "value": f"token of {case.slug}", "secret": True})
        self.runs[case.slug] = self.ancla.deploy(path, {"ref": self.commits[deed]})

    def wait_until_done(self, case: Case, deed: str) -> None:
        path = case.path
        if deed == DELETE:
            wait_for(lambda: self.ancla.ask("GET", path).status_code == 404, seconds=60, what=f"{path} to be gone")
            return
        ended = self.ancla.ended(path, self.runs[case.slug])
        assert ended["outcome"] == ("failed" if deed == BROKEN else "succeeded"), ended

    def hold(self, case: Case) -> None:
        for deed in case.before:
            self.do(case, deed)
        self.ask(case, case.held)
        bedroom = self.ancla.bedroom
        wait_for(lambda: bedroom.asleep(case.slug), what=f"a worker of {case.slug} to fall asleep", pause=0.1)

    def go_on(self, case: Case) -> None:
        self.wait_until_done(case, case.held)
        for deed in case.then:
            self.do(case, deed)

    def wake(self, case: Case) -> None:
        bedroom = self.ancla.bedroom
        bedroom.wake(case.slug)
        wait_for(lambda: bedroom.over(case.slug), what=f"the worker of {case.slug} to be through", pause=0.1)

    def ports(self) -> Ports:
        """What the server itself works with, but nothing strange."""
        environ = self.ancla.environ
        return make_ports(read_settings({name: environ[name] for name in ("ANCLA_HOME", "ANCLA_PORT", "ANCLA_ROUTER_PORT")}))

    def service_id(self, case: Case) -> str:
        """Of the service that has the name now."""
        return self.ids[case.slug][-1]

    def deleted_ids(self, case: Case) -> list[str]:
        return self.ids[case.slug][: None if not case.since_made else -1]

    def objects_of(self, service_id: str) -> list[Object]:
        """All of the service's that is in the cluster."""
        with open_objects(self.ancla.home) as objects:
            return objects.labelled("ancla-acme", SERVICE_LABEL, service_id)

    def tidying_to_come(self) -> list[str]:
        store = self.ports().store
        found = store.find(Index.DUE, keys.OPEN).items
        return [each.ref for each in store.get(found) if isinstance(each, Chore) and each.kind is ChoreKind.TIDY]

    def left_of(self, service_id: str) -> dict[str, Sequence[str]]:
        """What there still is of a service outside of the records."""
        with closing(sqlite3.connect(self.ancla.home / "vault" / "vault.db")) as vault:
            paths = [path for (path,) in vault.execute("SELECT path FROM entry") if path.startswith(snapshot_prefix(service_id))]
            rules = [rule for (rule,) in vault.execute("SELECT service_id FROM rule") if rule == service_id]
        catalog = self.ports().catalog.list_registrations()
        return {
            "objects": [f"{each.kind} {each.name}" for each in self.objects_of(service_id)],
            "registrations": [each.entry.name for each in catalog if each.entry.service_id == service_id],
            "secrets": paths,
            "rules": rules,
            "snapshots": [str(path) for path in (self.ancla.home / "logs" / "services" / service_id / "snapshots").glob("*")],
        }
