"""Services whose workers are held, and the whole story around each: what was done before, meanwhile, and what has to come of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore

from chalicelib.domain import keys
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.keys import Index
from chalicelib.pipeline.chores import LATE_PASS
from chalicelib.ports import Ports
from chalicelib.settings import read_settings
from chalicelib.wiring import make_ports
from tests.journeys.ledgers import make_ledger
from tests.journeys.observers import make_observer
from tests.journeys.repository import Repository
from tests.journeys.strange_ancla import StrangeAncla
from tests.journeys.strange_ports import Hold
from tests.journeys.waiting import wait_for

SERVICES = "/workspaces/acme/projects/shop/envs/staging/services"
DELETE = "delete"
BROKEN = "broken"
RELEASED = "released"
"""A version with a release command."""
HELD_FOR = 60.0
PATIENCE = 150.0
"""Seconds for one thing to be done while many others are: on real engines each builds an image and starts pods."""


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


class Held:
    """An Ancla with a service for each case."""

    def __init__(self, ancla: StrangeAncla, folder: Path, *, at_once: int) -> None:
        self.ancla = ancla
        self._falling_asleep, self._going_on = Semaphore(at_once), Semaphore(at_once)
        self.repository = Repository(folder / "repository")
        self.observer = make_observer(ancla)
        self.ledger = make_ledger(ancla, folder, lambda: self._with_a_release)
        self.ids: dict[str, list[str]] = {}
        """The ids of all services that had the name, by slug."""
        self.commits: dict[str, str] = {}
        self._runs: dict[str, int] = {}
        self._with_a_release: list[str] = []

    def commit_versions(self) -> None:
        for version in ("1", "2", "3"):
            self.commits[version] = self.repository.commit_version(version)
        self.commits[BROKEN] = self.repository.commit({"server.py": "raise SystemExit('cannot start')\n"})
        self.commits[RELEASED] = self.repository.commit_version(RELEASED, release=self.ledger.entry("$GREETING"))

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
        if deed == RELEASED:
            self._with_a_release.append(path)
        self._runs[case.slug] = self.ancla.deploy(path, {"ref": self.commits[deed]})

    def wait_until_done(self, case: Case, deed: str) -> None:
        path = case.path
        if deed == DELETE:
            wait_for(lambda: self.ancla.ask("GET", path).status_code == 404, seconds=PATIENCE, what=f"{path} to be gone")
            return
        ended = self.ancla.ended(path, self._runs[case.slug], seconds=PATIENCE)
        assert ended["outcome"] == ("failed" if deed == BROKEN else "succeeded"), ended

    def tell(self, case: Case) -> None:
        """The whole story, from what is done before to what the worker does when it was woken."""
        with self._falling_asleep:
            self._hold(case)
        asleep = time.monotonic()
        self.wait_until_done(case, case.held)
        for deed in case.then:
            with self._going_on:
                self.do(case, deed)
        time.sleep(max(0.0, asleep + HELD_FOR - time.monotonic()))
        self._wake(case)
        # Tidying takes its last look so long after a run: a worker that sleeps longer is none that there can be.
        assert time.monotonic() - asleep < LATE_PASS, f"{case.slug} was held for too long to prove anything"

    def _hold(self, case: Case) -> None:
        for deed in case.before:
            self.do(case, deed)
        self.ask(case, case.held)
        bedroom = self.ancla.bedroom
        wait_for(lambda: bedroom.asleep(case.slug), seconds=PATIENCE, what=f"a worker of {case.slug} to fall asleep", pause=0.1)

    def _wake(self, case: Case) -> None:
        bedroom = self.ancla.bedroom
        bedroom.wake(case.slug)
        wait_for(lambda: bedroom.over(case.slug), what=f"the worker of {case.slug} to be through", pause=0.1)

    def ports(self) -> Ports:
        """What the server itself works with, but nothing strange."""
        return make_ports(read_settings(self.ancla.environ))

    def service_id(self, case: Case) -> str:
        """Of the service that has the name now."""
        return self.ids[case.slug][-1]

    def tidying_to_come(self) -> list[str]:
        store = self.ports().store
        found = store.find(Index.DUE, keys.OPEN).items
        return [each.ref for each in store.get(found) if isinstance(each, Chore) and each.kind is ChoreKind.TIDY]

    def listed(self) -> dict[str, tuple[str, bool]]:
        """What the catalog says of services that have or had one of the names: by id, the commit, and whether it passes its check."""
        known = {service_id for ids in self.ids.values() for service_id in ids}
        found = [each for each in self.ports().catalog.list_registrations() if each.entry.service_id in known]
        return {each.entry.service_id: (each.entry.meta["ancla-commit"], each.passing) for each in found}

    def left_of_deleted(self, case: Case) -> list[str]:
        """What there still is, outside of the records, of the services that had the name and were deleted."""
        return [
            f"{what} of {gone}: {name}" for gone in self._deleted_ids(case) for what, names in self.kept_of(gone).items() for name in names
        ]

    def kept_of(self, service_id: str) -> dict[str, Sequence[str]]:
        """All that there is of a service outside of the records."""
        return {
            "objects": [f"{each.kind} {each.name}" for each in self.observer.objects_of(service_id)],
            "registrations": [listed for listed in self.listed() if listed == service_id],
            "snapshots": [str(path) for path in (self.ancla.home / "logs" / "services" / service_id / "snapshots").glob("*")],
            **self.observer.kept_of(service_id),
        }

    def _deleted_ids(self, case: Case) -> list[str]:
        return self.ids[case.slug][: None if not case.since_made else -1]
