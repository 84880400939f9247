"""GitHub's deliveries: who is believed, what starts, and that nothing starts twice."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain import keys
from chalicelib.domain.errors import Malformed, Unauthorized
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.receipts import Delivery
from chalicelib.domain.runs import Outcome, Trigger
from chalicelib.ports.store import Change, Store, get_one
from chalicelib.usecases import runs, services, webhooks
from tests.usecases.pipeline import RacingStore, lane_of, push, runs_of, settle, with_code
from tests.world import World

SECRET = "hook"
COMMIT = "c0ffee00" * 5


@pytest.fixture
def service(world: World) -> Service:
    return with_code(world, branch="main")


def payload(**changes: Any) -> dict[str, Any]:
    repository = {"full_name": "acme/api", "clone_url": "https://github.com/acme/api.git", "private": True}
    return {"ref": "refs/heads/main", "after": COMMIT, "deleted": False, "repository": repository, "pusher": {"name": "maria"}, **changes}


def deliver(world: World, content: Any = None, *, event: str = "push") -> Delivery:
    body = json.dumps(payload() if content is None else content).encode()
    return webhooks.take_delivery(world.ports, event=event, body=body)


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_what_was_signed_with_the_secret_is_believed() -> None:
    webhooks.check_signature(SECRET, b"{}", signed(b"{}"))


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha256=00", signed(b"{} "), signed(b"{}", "another"), signed(b"{}").upper(), signed(b"{}")[7:], "sha1=abc", "ä"],
)
def test_whatever_else_is_not(signature: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        webhooks.check_signature(SECRET, b"{}", signature)
    assert caught.value.code == "signature_invalid"


def test_without_a_secret_nothing_is_believed_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unauthorized):
        webhooks.check_signature("", b"{}", signed(b"{}", ""))
    assert "ANCLA_WEBHOOK_SECRET is not set" in caplog.text


def test_a_push_becomes_a_run_of_the_pushed_commit(world: World, service: Service) -> None:
    taken = deliver(world)
    (run,) = runs_of(world, service)
    assert (run.request.trigger, run.request.ref, run.request.by) == (Trigger.PUSH, COMMIT, "github:maria")
    assert run.request.delivery == taken.id


def test_a_push_deploys_without_anybody(world: World, service: Service) -> None:
    deliver(world, payload(after=push(world)))
    settle(world)
    assert runs_of(world, service)[0].outcome is Outcome.SUCCEEDED


def test_the_same_delivery_twice_makes_one_run(world: World, service: Service) -> None:
    assert deliver(world).runs == deliver(world).runs == {str(service.address): service.id}
    assert len(runs_of(world, service)) == 1


def test_two_deliveries_make_two_runs(world: World, service: Service) -> None:
    deliver(world)
    deliver(world, payload(after="d" * 40))
    assert len(runs_of(world, service)) == 2


def test_one_push_reaches_every_service_that_is_made_of_the_repository(world: World, service: Service) -> None:
    others = [with_code(world, "worker", branch="main"), with_code(world, environment="acme/shop/staging", branch="main")]
    taken = deliver(world)
    assert len(taken.runs) == 3
    assert [len(runs_of(world, each)) for each in (service, *others)] == [1, 1, 1]


@pytest.mark.parametrize("location", ["git@github.com:Acme/API.git", "https://github.com/acme/api", "ssh://git@github.com/acme/api.git"])
def test_the_repository_is_known_however_its_address_is_written(world: World, location: str) -> None:
    service = with_code(world, branch="main", repository=location)
    deliver(world)
    assert len(runs_of(world, service)) == 1


def test_a_service_with_the_short_form_is_known_by_its_full_name(world: World) -> None:
    service = with_code(world, branch="main", github_repository="acme/api")
    deliver(world, payload(repository={"full_name": "acme/api"}))
    assert len(runs_of(world, service)) == 1


def test_a_service_on_another_server_is_known_by_its_clone_url(world: World) -> None:
    service = with_code(world, branch="main", repository="https://git.example/acme/api.git")
    deliver(world, payload(repository={"full_name": "x/y", "clone_url": "https://git.example/acme/api.git"}))
    assert len(runs_of(world, service)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"ref": "refs/heads/other"},
        {"ref": "refs/heads/feature/main"},
        {"ref": "refs/tags/main"},
        {"deleted": True, "after": "0" * 40},
        {"deleted": True},
        {"after": "0" * 40},
        {"repository": {"full_name": "acme/other", "clone_url": "https://github.com/acme/other.git"}},
        {"repository": {}},
    ],
)
def test_what_is_no_push_to_its_branch_leaves_a_service_alone(world: World, service: Service, changes: dict[str, Any]) -> None:
    assert deliver(world, payload(**changes)).runs == {}
    assert runs_of(world, service) == []


def test_a_service_that_follows_no_branch_is_left_alone(world: World) -> None:
    service = with_code(world, branch="")
    deliver(world)
    assert runs_of(world, service) == []


def test_a_service_that_is_being_deleted_is_passed_by_and_the_others_are_not(world: World, service: Service) -> None:
    other = with_code(world, "worker", branch="main")
    services.delete_service(world.ports, world.ada, service.address)
    assert list(deliver(world).runs) == [str(other.address)]


@pytest.mark.parametrize("event", ["ping", "pull_request", "installation"])
def test_other_events_are_noted_and_do_nothing(world: World, service: Service, event: str) -> None:
    taken = deliver(world, {"zen": "anything"}, event=event)
    noted = get_one(world.ports.store, keys.delivery(taken.id))
    assert noted is not None and (noted.event, noted.runs) == (event, {})
    assert runs_of(world, service) == []
    deliver(world, {"zen": "anything"}, event=event)


@pytest.mark.parametrize(
    "content",
    [
        [],
        "text",
        {},
        {"ref": "refs/heads/main"},
        payload(ref=7),
        payload(after="not-a-commit"),
        payload(after=None),
        payload(after="--option"),
        payload(repository="acme/api"),
    ],
)
def test_what_cannot_be_read_is_malformed(world: World, service: Service, content: Any) -> None:
    with pytest.raises(Malformed):
        deliver(world, content)
    assert runs_of(world, service) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_malformed(world: World, body: bytes) -> None:
    with pytest.raises(Malformed):
        webhooks.take_delivery(world.ports, event="push", body=body)


@pytest.mark.parametrize(
    ("people", "by"),
    [
        ({"pusher": {"name": "maria"}, "sender": {"login": "bot"}}, "github:maria"),
        ({"pusher": {}, "sender": {"login": "dependabot[bot]"}}, "github:dependabot[bot]"),
        ({"pusher": None}, "github:unknown"),
        ({"pusher": {"name": "a\nb"}}, "github:unknown"),
    ],
)
def test_who_pushed_is_named_as_far_as_it_is_known(people: dict[str, Any], by: str) -> None:
    read = webhooks.read_push(payload(**people))
    assert read is not None and read.by == by


def test_a_pinned_service_holds_the_push_once(world: World, service: Service) -> None:
    runs.pin(world.ports, service, "ada")
    deliver(world)
    deliver(world)
    assert runs_of(world, service) == []
    lane = lane_of(world, service)
    assert lane.held is not None and lane.held.request.ref == COMMIT
    assert lane.intent == 2


class DyingStore:
    """A store whose process dies at one of its commits: before it is written, or after."""

    def __init__(self, store: Store, *, at: int, written: bool) -> None:
        self._store, self._left, self._written = store, at, written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, changes: Sequence[Change]) -> None:
        self._left -= 1
        if self._left == 0 and not self._written:
            raise Death
        self._store.commit(changes)
        if self._left == 0:
            raise Death


class Death(BaseException):
    pass


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_delivery_whose_first_try_died_half_way_is_finished_by_the_next(world: World, service: Service, at: int, written: bool) -> None:
    all_services = [service, with_code(world, "worker", branch="main"), with_code(world, environment="acme/shop/staging", branch="main")]
    dying = replace(world.ports, store=DyingStore(world.ports.store, at=at, written=written))
    with pytest.raises(Death):
        webhooks.take_delivery(dying, event="push", body=json.dumps(payload()).encode())
    deliver(world)
    assert [len(runs_of(world, each)) for each in all_services] == [1, 1, 1]


def test_a_delivery_that_is_taken_twice_at_one_moment_makes_one_run(world: World, service: Service) -> None:
    other = with_code(world, "worker", branch="main")
    racing = replace(world.ports, store=RacingStore(world.ports.store, lambda: deliver(world)))
    taken = webhooks.take_delivery(racing, event="push", body=json.dumps(payload()).encode())
    assert len(taken.runs) == 2
    assert [len(runs_of(world, each)) for each in (service, other)] == [1, 1]
