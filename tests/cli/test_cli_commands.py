"""Transcripts of the commands that ask once and show the answer."""

from __future__ import annotations

import pytest

from tests.cli.terminal import API, P, S, Terminal
from tests.sdk.fake_server import FakeServer, answer

SERVICE = {
    "id": "5e2f",
    "slug": "api",
    "name": "API",
    "platform": "wind",
    "url": "http://api.test",
    "repository": "/srv/api.git",
    "branch": "main",
    "auto_deploy_branch": "main",
    "health_check_path": "/_health/",
    "deployment_timeout": 180,
    "process_counts": {"worker": 1, "web": 2},
    "pinned": True,
}


def test_workspaces_are_a_table() -> None:
    rows = [{"slug": "acme", "name": "Acme", "member_count": 3, "project_count": 1}, {"slug": "b", "name": "Beta Ltd"}]
    terminal = Terminal(server=FakeServer().on("GET /workspaces", answer(rows)))
    assert terminal.run("workspaces", "list").out == (
        "SLUG  NAME      MEMBERS  PROJECTS\nacme  Acme      3        1\nb     Beta Ltd  0        0\n"
    )
    assert terminal.run("workspaces", "list", "-q").out == "acme\nb\n"


def test_an_empty_list_is_its_header_and_a_hint_beside_it() -> None:
    terminal = Terminal(server=FakeServer().on(f"GET {P}/envs", answer([])))
    shown = terminal.run("envs", "list", "acme/shop")
    assert shown.out == "ENVIRONMENT  NAME  SERVICES  CREATED\n"
    assert shown.err == "hint: create one with 'ancla envs create acme/shop NAME'\n"
    quiet = terminal.run("envs", "list", "acme/shop", "-q")
    assert (quiet.out, quiet.err) == ("", "")
    assert terminal.run("envs", "list", "acme/shop", "--json").json == []


def test_a_workspace_shows_its_members() -> None:
    body = {"slug": "acme", "name": "Acme", "members": [{"username": "ada", "email": "ada@example.com", "admin": True}]}
    shown = Terminal(server=FakeServer().on("GET /workspaces/acme", answer(body))).run("workspaces", "get", "acme")
    assert shown.out == (
        "workspace  acme\nname       Acme\nprojects   0\nservices   0\n\nUSERNAME  EMAIL            ADMIN\nada       ada@example.com  yes\n"
    )


@pytest.mark.parametrize(
    ("arguments", "route", "sent", "said"),
    [
        (["workspaces", "create", "Acme"], "POST /workspaces", {"name": "Acme"}, "created workspace new\n"),
        (["projects", "create", "acme", "Shop"], "POST /workspaces/acme/projects", {"name": "Shop"}, "created project acme/new\n"),
        (["envs", "create", "acme/shop", "qa"], f"POST {P}/envs", {"name": "qa"}, "created environment acme/shop/new\n"),
        (
            ["services", "create", "acme/shop/staging", "api", "--repository", "/srv/api.git", "--deployment-timeout", "10"],
            f"POST {P}/envs/staging/services",
            {"name": "api", "platform": "wind", "repository": "/srv/api.git", "deployment_timeout": 10},
            "created service acme/shop/staging/new\n",
        ),
    ],
)
def test_what_was_created_is_named_by_its_address(arguments: list[str], route: str, sent: object, said: str) -> None:
    server = FakeServer().on(route, answer({"slug": "new", "name": "New"}, 201))
    shown = Terminal(server=server).run(*arguments)
    assert (shown.code, shown.out, shown.err) == (0, said, "")
    assert server.body() == sent


@pytest.mark.parametrize(
    ("arguments", "route", "said"),
    [
        (["workspaces", "delete", "acme"], "DELETE /workspaces/acme", "deleting workspace acme\n"),
        (["projects", "delete", "acme/shop"], f"DELETE {P}", "deleting project acme/shop\n"),
        (["envs", "delete", "acme/shop/qa"], f"DELETE {P}/envs/qa", "deleting environment acme/shop/qa\n"),
        (["services", "delete", API], f"DELETE {S}", f"deleting service {API}\n"),
    ],
)
def test_a_deletion_asks_first_and_then_does_it(arguments: list[str], route: str, said: str) -> None:
    server = FakeServer().on(route, answer(status=204))
    assert Terminal(server=server).run(*arguments).code == 2
    assert Terminal(server=server, interactive=True, stdin="n\n").run(*arguments).code == 1
    assert server.calls == []
    shown = Terminal(server=server, interactive=True, stdin="y\n").run(*arguments)
    assert (shown.code, shown.out) == (0, said)
    assert Terminal(server=server).run(*arguments, "--yes").out == said


def test_a_service_shows_what_is_set() -> None:
    shown = Terminal(server=FakeServer().on(f"GET {S}", answer(SERVICE))).run("services", "get", API)
    assert shown.out == (
        "service             acme/shop/staging/api\n"
        "name                API\n"
        "url                 http://api.test\n"
        "source              /srv/api.git\n"
        "branch              main\n"
        "deploys on push to  main\n"
        "platform            wind\n"
        "health check        /_health/\n"
        "roll-out timeout    180 s\n"
        "processes           web=2 worker=1\n"
        "pinned              yes\n"
    )


def test_a_service_without_a_web_process_shows_no_address_where_nothing_answers() -> None:
    worker = {**SERVICE, "process_counts": {"worker": 1}}
    server = FakeServer().on(f"GET {S}", answer(worker)).on(f"GET {P}/pipeline/status", answer({"active": 1}))
    for command in (["services", "get", API], ["status", API]):
        assert "http://api.test" not in Terminal(server=server).run(*command).out
    assert Terminal(server=server).run("status", API, "--json").json["url"] == ""


def test_an_update_sends_what_was_named_and_an_empty_text_too() -> None:
    server = FakeServer().on(f"PATCH {S}", answer(SERVICE))
    shown = Terminal(server=server).run("services", "update", API, "--auto-deploy-branch", "", "--health-check-path", "/up")
    assert shown.code == 0
    assert server.body() == {"auto_deploy_branch": "", "health_check_path": "/up"}


def test_an_update_of_nothing_is_wrong_usage() -> None:
    server = FakeServer()
    assert Terminal(server=server).run("services", "update", API).code == 2
    assert server.calls == []


def test_scaling_sends_the_processes_that_were_named() -> None:
    server = FakeServer().on(f"POST {S}/scale", answer(SERVICE))
    shown = Terminal(server=server).run("scale", API, "web=2")
    assert shown.out == "scaling acme/shop/staging/api to web=2 worker=1\n"
    assert server.body() == {"process_counts": {"web": 2}}


def test_scaling_to_nothing_asks_first() -> None:
    server = FakeServer().on(f"POST {S}/scale", answer(SERVICE))
    assert Terminal(server=server).run("scale", API, "worker=0").code == 2
    no = Terminal(server=server, interactive=True, stdin="n\n").run("scale", API, "worker=0")
    assert (no.code, no.err) == (
        1,
        "Stop worker of acme/shop/staging/api? [y/N] error: the answer was no: nothing was done (declined)\n",
    )
    assert server.calls == []
    assert Terminal(server=server).run("scale", API, "worker=0", "--yes").code == 0


@pytest.mark.parametrize("count", ["web", "web=", "web=-1", "=2", "web=two"])
def test_a_count_that_is_none_is_named(count: str) -> None:
    shown = Terminal().run("scale", API, count)
    assert shown.err == f"error: {count!r} is not PROCESS=COUNT (usage)\nhint: write for example web=2\n"


def test_unpinning_says_what_happens_now() -> None:
    server = FakeServer().on(f"POST {S}/unpin", answer({"pinned": False, "run": 0}), answer({"pinned": False, "run": 9}))
    assert Terminal(server=server).run("unpin", API).out == "unpinned acme/shop/staging/api: pushes deploy again\n"
    assert Terminal(server=server).run("unpin", API).out == (
        "unpinned acme/shop/staging/api: pushes deploy again; run 9 deploys the one that was held\n"
    )


def test_the_status_shows_both_stages_and_what_is_active() -> None:
    server = FakeServer().on(f"GET {S}", answer(SERVICE))
    failed = {"status": "error", "version": 3, "error_detail": "web was not healthy\nhint: look"}
    body = {
        "build": {"status": "success", "version": 4},
        "deploy": failed,
        "active": 2,
        "pinned": True,
        "run": 9,
        "held": {"ref": "3f2a9c1d77", "by": "github:ada"},
    }
    server.on(f"GET {P}/pipeline/status", answer(body))
    shown = Terminal(server=server).run("status", API)
    assert shown.out == (
        "service  acme/shop/staging/api\n"
        "url      http://api.test\n"
        "build    success v4\n"
        "deploy   error 3\n"
        "active   deploy 2\n"
        "pinned   yes, pushes wait until 'ancla unpin acme/shop/staging/api'\n"
        "held     push of 3f2a9c1d by github:ada\n"
        "| web was not healthy\n"
        "| hint: look\n"
    )


def test_a_service_that_was_never_deployed_has_a_status_too() -> None:
    server = FakeServer().on(f"GET {S}", answer({"slug": "api"})).on(f"GET {P}/pipeline/status", answer({"build": None, "deploy": None}))
    assert Terminal(server=server).run("status", API).out == "service  acme/shop/staging/api\nbuild    -\ndeploy   -\n"


BUILDING = {"id": "b2b2b2b2-1", "version": 2, "status": "building"}
BUILT = {"id": "b1b1b1b1-1", "version": 1, "status": "success", "commit": "3f2a9c1d77", "commit_message": "Greet"}
BUILDS = answer({"items": [BUILDING, BUILT]})
DEPLOYS = answer(
    [
        {
            "id": "d2d2d2d2-1",
            "version": 2,
            "status": "success",
            "active": True,
            "build": 2,
            "commit": "3f2a9c1d77",
            "created": "2026-11-25T02:23:38.057781Z",
        },
        {"id": "d1d1d1d1-1", "status": "deploying", "created": "2026-11-25T02:23:38Z"},
    ]
)


def test_builds_are_a_table() -> None:
    shown = Terminal(server=FakeServer().on(f"GET {S}/builds", BUILDS)).run("builds", "list", API)
    assert shown.out == (
        "VERSION  ID        STATUS    COMMIT    MESSAGE  CREATED\n"
        "v2       b2b2b2b2  building  -         -        -\n"
        "v1       b1b1b1b1  success   3f2a9c1d  Greet    -\n"
    )


def test_a_build_without_an_image_shows_why() -> None:
    overtaken = {"id": "b3b3b3b3-1", "version": 3, "status": "error", "error_detail": "a newer request (run 6) took over\nhint: follow it"}
    shown = Terminal(server=FakeServer().on(f"GET {S}/builds", answer([overtaken]))).run("builds", "list", API)
    assert shown.out.splitlines()[1] == "v3       b3b3b3b3  error   -       a newer request (run 6) took over  -"


def test_deploys_are_a_table() -> None:
    shown = Terminal(server=FakeServer().on(f"GET {S}/deploys", DEPLOYS)).run("deploys", "list", API)
    assert shown.out == (
        "DEPLOY  ID        STATUS     ACTIVE  BUILD  COMMIT    CREATED\n"
        "2       d2d2d2d2  success    yes     v2     3f2a9c1d  2026-11-25 02:23:38Z\n"
        "-       d1d1d1d1  deploying  -       -      -         2026-11-25 02:23:38Z\n"
    )


def test_the_log_of_the_newest_build_is_shown() -> None:
    server = FakeServer().on(f"GET {S}/builds", BUILDS).on(f"GET {S}/builds/2/log", answer({"status": "success", "log_text": "one\ntwo\n"}))
    assert Terminal(server=server).run("builds", "log", API).out == "one\ntwo\n"
    assert Terminal(server=server).run("builds", "log", API, "v2", "--json").json["log_text"] == "one\ntwo\n"


def test_a_log_that_is_followed_is_told_once_and_to_its_end() -> None:
    texts = ["", "one\nha", "one\nhalf\nthree\n"]
    looks = [answer({"status": "deploying", "log_text": text}) for text in texts]
    server = FakeServer().on(f"GET {S}/deploys", DEPLOYS)
    server.on(f"GET {S}/deploys/d2d2d2d2-1/log", *looks, answer({"status": "success", "log_text": "one\nhalf\nthree\nend"}))
    shown = Terminal(server=server).run("logs", API, "--follow")
    assert (shown.code, shown.out, shown.err) == (0, "one\nhalf\nthree\nend\n", "")


def test_as_json_a_followed_log_is_one_value_at_the_end() -> None:
    server = FakeServer().on(f"GET {S}/deploys", DEPLOYS)
    looks = [answer({"status": status, "log_text": "one\n"}) for status in ("deploying", "success")]
    server.on(f"GET {S}/deploys/d2d2d2d2-1/log", *looks)
    assert Terminal(server=server).run("logs", API, "--follow", "--json").json == {"status": "success", "log_text": "one\n"}


def test_what_follows_two_dashes_is_no_flag() -> None:
    server = FakeServer().on("POST /workspaces", answer({"slug": "json"}, 201))
    assert Terminal(server=server).run("workspaces", "create", "--", "--json").out == "created workspace json\n"


def test_a_deploy_is_found_by_its_number_and_by_the_beginning_of_its_id() -> None:
    server = FakeServer().on(f"GET {S}/deploys", DEPLOYS)
    server.on(f"GET {S}/deploys/d2d2d2d2-1", answer({"id": "d2d2d2d2-1", "version": 2, "status": "error", "error_detail": "boom"}))
    server.on(f"GET {S}/deploys/d2d2d2d2", answer({"id": "d2d2d2d2-1", "version": 2}))
    assert Terminal(server=server).run("deploys", "get", API, "2").out == "deploy  2\nid      d2d2d2d2-1\nstatus  error\n| boom\n"
    assert Terminal(server=server).run("deploys", "get", API, "d2d2d2d2").code == 0
    assert server.calls[-1] == f"GET {S}/deploys/d2d2d2d2"


def test_a_deploy_that_is_not_there_is_told_and_where_to_look() -> None:
    shown = Terminal(server=FakeServer().on(f"GET {S}/deploys", DEPLOYS)).run("logs", API, "--deploy", "9")
    assert shown.code == 1
    assert shown.err == (
        "error: acme/shop/staging/api has no deploy 9 (deploy_not_found)\nhint: see 'ancla deploys list acme/shop/staging/api'\n"
    )


def test_colour_is_for_terminals() -> None:
    server = FakeServer().on(f"GET {S}/builds", answer([]))
    assert (
        Terminal(server=server, colored=True).run("builds", "list", API).out
        == "\x1b[2mVERSION  ID  STATUS  COMMIT  MESSAGE  CREATED\x1b[0m\n"
    )


def test_the_log_of_a_service_without_a_build_is_not_found() -> None:
    shown = Terminal(server=FakeServer().on(f"GET {S}/builds", answer([]))).run("builds", "log", API)
    assert (shown.code, shown.out) == (1, "")
    assert shown.err == f"error: {API} has no build yet (build_not_found)\nhint: make one with 'ancla deploy {API}'\n"
