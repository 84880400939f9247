"""A request that comes twice does its work once."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.domain import keys
from chalicelib.domain.receipts import Answered
from chalicelib.pipeline.sweep import PAGE, forget_receipts
from chalicelib.ports.store import Delete, Put, get_one
from tests.api.client import Answer, Api
from tests.world import World

PROJECTS = "/workspaces/acme/projects"
KEY = {"Idempotency-Key": "k-1"}


def receipt(world: World) -> Answered | None:
    return get_one(world.ports.store, keys.answered(world.ada.user_id, "k-1"))


def test_the_same_request_gets_the_same_answer_and_is_done_once(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    first, again = (api.post(PROJECTS, {"name": "Shop"}, headers=KEY) for _ in range(2))
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(api.get(PROJECTS).json) == 1


def test_without_a_key_it_is_done_again(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    statuses = [api.post(PROJECTS, {"name": "Shop"}).status for _ in range(2)]
    assert statuses == [201, 409]


def test_the_same_key_with_another_request_is_refused(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    api.post(PROJECTS, {"name": "Shop"}, headers=KEY)
    for other in (api.post(PROJECTS, {"name": "Blog"}, headers=KEY), api.post("/workspaces", {"name": "Shop"}, headers=KEY)):
        assert (other.status, other.code) == (422, "idempotency_key_reused")


def test_the_same_path_written_otherwise_is_the_same_request(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    api.post(PROJECTS, {"name": "Shop"}, headers=KEY)
    assert api.post("/workspaces/%61cme/projects/", {"name": "Shop"}, headers=KEY).status == 201


def test_the_keys_of_two_users_are_two_keys(world: World) -> None:
    api, other = Api(world), Api(world, key=world.make_key(world.make_user("max")))
    assert api.post("/workspaces", {"name": "One"}, headers=KEY).status == 201
    assert other.post("/workspaces", {"name": "Two"}, headers=KEY).status == 201


def test_after_a_day_the_key_is_new_again(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    api.post(PROJECTS, {"name": "Shop"}, headers=KEY)
    world.clock.passes(hours=24)
    assert api.post(PROJECTS, {"name": "Blog"}, headers=KEY).status == 201


def test_an_error_does_not_use_the_key_up(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    assert api.post(PROJECTS, {"name": "settings"}, headers=KEY).status == 422
    assert api.post(PROJECTS, {"name": "Shop"}, headers=KEY).status == 201


def claimed(world: World, api: Api) -> Answer:
    """The same request again, where the first one was never finished."""
    api.post(PROJECTS, {"name": "Shop"}, headers=KEY)
    done = receipt(world)
    assert done is not None
    world.ports.store.commit([Delete(done)])
    claim = Answered(user_id=done.user_id, key=done.key, request_hash=done.request_hash, expires=world.clock.now().replace(minute=1))
    world.ports.store.commit([Put(claim)])
    return api.post(PROJECTS, {"name": "Shop"}, headers=KEY)


def test_a_request_that_is_being_worked_on_is_not_done_at_the_same_time(world: World) -> None:
    world.make_workspace()
    answer = claimed(world, Api(world))
    assert (answer.status, answer.code) == (409, "idempotency_in_progress")


def test_a_claim_that_a_dead_worker_left_is_taken_over(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    claimed(world, api)
    world.clock.passes(minutes=2)
    assert api.post(PROJECTS, {"name": "Shop"}, headers=KEY).code == "slug_taken"


def test_work_that_was_committed_is_not_done_again_when_its_answer_is_lost(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    api.post(PROJECTS, {"name": "Shop"}, headers=KEY)
    done = receipt(world)
    assert done is not None and done.spent is not None
    # As if the worker had died right after the commit of its work.
    world.ports.store.commit([Put(replace(done, status=0, body=""))])
    assert api.post(PROJECTS, {"name": "Shop"}, headers=KEY).code == "idempotency_in_progress"
    world.clock.passes(minutes=2)
    late = api.post(PROJECTS, {"name": "Shop"}, headers=KEY)
    assert (late.status, late.code) == (409, "idempotency_answer_lost")


def test_a_stored_answer_never_holds_a_value(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    body = {"name": "TOKEN", "value": "hunter2", "secret": True}
    first, again = (api.post("/workspaces/acme/config", body, headers=KEY) for _ in range(2))
    stored = receipt(world)
    assert stored is not None
    assert "hunter2" not in repr(stored)
    assert (first.json["value"], again.json["value"]) == ("hunter2", "hunter2")
    assert again.json == first.json


def test_a_stored_answer_never_holds_an_api_key(world: World) -> None:
    api = Api(world)
    first, again = (api.post("/api/keys", {"name": "ci"}, headers=KEY) for _ in range(2))
    stored = receipt(world)
    assert stored is not None
    assert first.json["key"] not in repr(stored)
    assert again.json == {**first.json, "key": ""}


def test_a_key_that_cannot_be_one_is_refused(world: World) -> None:
    for bad in ("", "x" * 256, "é"):
        assert Api(world).post("/workspaces", {"name": "One"}, headers={"Idempotency-Key": bad}).code == "idempotency_key_invalid"


def test_a_receipt_goes_once_it_has_expired_and_not_before(world: World) -> None:
    world.make_workspace()
    Api(world).post(PROJECTS, {"name": "Shop"}, headers=KEY)
    world.clock.passes(hours=23, minutes=59)
    assert forget_receipts(world.ports) == 0
    assert receipt(world) is not None
    world.clock.passes(minutes=2)
    assert forget_receipts(world.ports) == 1
    assert receipt(world) is None


def test_of_many_expired_receipts_each_sweep_removes_a_page(world: World) -> None:
    for number in range(PAGE + 1):
        expired = Answered(user_id="u", key=f"k-{number}", request_hash="h", expires=world.clock.now())
        world.ports.store.commit([Put(expired)])
    world.clock.passes(minutes=1)
    assert [forget_receipts(world.ports) for _ in range(3)] == [PAGE, 1, 0]
