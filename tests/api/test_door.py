"""The door itself: declarations, slashes, paths, errors."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalGateway

from chalicelib.api.http import register, unknown_path
from chalicelib.api.routes import Call, Reply, Route, check_routes
from chalicelib.api.surface import ROUTES
from chalicelib.api.views import Body, View
from chalicelib.domain.policy import Action
from chalicelib.ports import Ports
from tests.api.client import Api
from tests.world import World


class Word(View, frozen=True, kw_only=True):
    word: str


def say(call: Call) -> Reply:
    return Reply(body=Word(word=call.params.get("word", "")))


class Perhaps(Body, frozen=True, kw_only=True):
    word: str = "silence"


def say_perhaps(call: Call) -> Reply:
    return Reply(body=Word(word=call.body.word))


def fail(call: Call) -> Reply:
    raise LookupError("the password is hunter2")


GOOD = Route("GET", "/api/say/{word}", Action.PUBLIC, say, "Say a word", returns=Word)


def test_all_routes_of_the_surface_can_be_served() -> None:
    check_routes(ROUTES)


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        (replace(GOOD, action=None), "no policy"),  # type: ignore[arg-type]
        (replace(GOOD, returns=None), "no schema for its answer"),
        (replace(GOOD, summary=""), "no summary"),
        (replace(GOOD, action=Action.DEPLOY), "needs {ws}"),
        (replace(GOOD, path="/api/say/{word}/"), "must begin with"),
        (replace(GOOD, path="/api/{proj}/{ws}"), "in the order"),
        (replace(GOOD, method="TRACE"), "the method"),
    ],
)
def test_a_route_that_leaves_something_open_does_not_start(route: Route, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_routes([route])


def test_two_operations_of_one_name_do_not_start() -> None:
    with pytest.raises(ValueError, match="twice"):
        check_routes([GOOD, replace(GOOD, path="/api/tell/{word}")])


def test_two_names_for_one_part_of_the_path_do_not_start() -> None:
    with pytest.raises(ValueError, match="called"):
        check_routes([GOOD, replace(GOOD, path="/api/say/{text}/loud", name="shout")])


@pytest.mark.parametrize("path", ["/workspaces", "/workspaces/", "/workspaces/acme", "/workspaces/acme/"])
def test_every_path_answers_with_and_without_a_slash(world: World, path: str) -> None:
    world.make_workspace()
    assert Api(world).get(path).status == 200


@pytest.mark.parametrize("part", ["%00", "a%2Fb", "%ff", "a%0Ab", "%E2%80%8B"])
def test_a_path_part_that_can_name_nothing_is_not_found(world: World, part: str) -> None:
    answer = Api(world).get(f"/workspaces/{part}")
    assert (answer.status, answer.code) == (404, "path_not_found")


def test_path_parts_are_decoded_once(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    assert api.get("/workspaces/%61cme").status == 200
    assert api.get("/workspaces/%2561cme").status == 404


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/json; charset=utf-8"}])
def test_an_optional_body_may_be_left_out_whatever_its_content_type(world: World, headers: dict[str, str]) -> None:
    route = Route("POST", "/api/say", Action.PUBLIC, say_perhaps, "Say it", body=Perhaps, body_optional=True, returns=Word)
    api = Api(world, routes=[route])
    assert api.post("/api/say", headers=headers).json == {"word": "silence"}
    assert api.post("/api/say", {"word": "hello"}).json == {"word": "hello"}


def test_a_body_that_is_needed_is_asked_for(world: World) -> None:
    assert Api(world).post("/workspaces").code == "malformed"


def test_an_error_has_the_one_shape(world: World) -> None:
    answer = Api(world).get("/workspaces/nowhere")
    body: dict[str, Any] = answer.json
    assert answer.status == 404
    assert list(body) == ["status", "status_code", "message", "detail", "code", "hint", "request_id", "extra"]
    assert (body["status"], body["status_code"]) == (404, 404)
    assert body["message"] == body["detail"]
    assert body["hint"]
    assert body["request_id"] == answer.headers["x-request-id"]


def test_what_nobody_expected_tells_nothing_of_the_inside(world: World) -> None:
    answer = Api(world, routes=[replace(GOOD, handler=fail)]).get("/api/say/x")
    assert (answer.status, answer.code) == (500, "internal")
    assert "hunter2" not in answer.text
    assert "LookupError" not in answer.text


def test_a_method_that_is_not_there_has_the_same_shape(world: World) -> None:
    answer = Api(world).call("PUT", "/workspaces")
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method_not_allowed", "GET, POST")
    assert answer.json["hint"] == "possible are GET, POST"


def test_an_unknown_path_has_the_same_shape() -> None:
    sent = unknown_path("r-1")
    assert sent.status == 404
    assert '"code":"path_not_found"' in sent.body


def test_ports_are_made_once_and_not_before_the_first_request(world: World) -> None:
    made: list[Ports] = []

    def make() -> Ports:
        made.append(world.ports)
        return world.ports

    app = Chalice("ancla-test", configure_logs=False, env={})
    register(app, [GOOD], make)
    assert made == []
    gateway = LocalGateway(app, Config())
    for _ in range(2):
        gateway.handle_request("GET", "/api/say/x", {}, b"")
    assert len(made) == 1


def test_requests_of_many_threads_do_not_mix(world: World) -> None:
    app = Chalice("ancla-test", configure_logs=False, env={})
    register(app, [GOOD], lambda: world.ports)
    gateway = LocalGateway(app, Config())
    wrong: list[str] = []

    def ask(word: str) -> None:
        for _ in range(20):
            body = gateway.handle_request("GET", f"/api/say/{word}", {}, b"")["body"]
            if body != f'{{"word":"{word}"}}':
                wrong.append(body)

    threads = [threading.Thread(target=ask, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_dialect_prefix_serves_the_same_api(world: World) -> None:
    world.make_workspace()
    api = Api(world)
    assert "members" in api.get("/workspaces/acme").json
    assert "members" not in api.get("/workspaces/acme", prefix="/compat/terraform").json
    assert api.get("/workspaces/acme", prefix="/compat/klingon").status == 404


def test_browsers_elsewhere_may_ask_and_read_answers(world: World) -> None:
    app = Chalice("ancla-test", configure_logs=False, env={})
    register(app, [GOOD], lambda: world.ports)
    gateway = LocalGateway(app, Config())
    asked = gateway.handle_request("OPTIONS", "/api/say/x", {}, None)["headers"]["Access-Control-Allow-Headers"].lower().split(",")
    assert {"x-api-key", "content-type", "idempotency-key", "if-match"} <= set(asked)
    assert gateway.handle_request("GET", "/api/say/x", {}, None)["headers"]["Access-Control-Allow-Origin"] == "*"
