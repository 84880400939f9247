"""`ancla deploy` and its like, followed to the end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from ancla_cli.trail import FINISHED, PHASES

from chalicelib.domain.runs import Stage
from tests.cli.terminal import API, P, S, Terminal
from tests.sdk.fake_server import FakeServer, FakeTime, answer, refusal

ACCEPTED = answer({"ok": True, "build_id": "b1", "version": 2, "deploy_id": "d1", "run": 7, "status": "accepted"}, 202)
SERVICE = answer({"slug": "api", "url": "http://api-staging-shop-acme.localhost:8701", "active_deploy": 3})


def run_at(stage: str, **fields: Any) -> httpx.Response:
    return answer({"run": 7, "kind": "deploy", "stage": stage, "outcome": "", "failure": None, "build": 2, **fields})


def ended(outcome: str, **fields: Any) -> httpx.Response:
    return run_at("finished", outcome=outcome, **fields)


def server_with(*looks: httpx.Response | Exception) -> FakeServer:
    return FakeServer().on(f"POST {S}/deploy", ACCEPTED).on(f"GET {S}/runs/7", *looks).on(f"GET {S}", SERVICE)


HAPPY = [
    run_at("waiting"),
    run_at("resolve"),
    run_at("watch_build", commit="3f2a9c1d77"),
    run_at("snapshot", commit="3f2a9c1d77"),
    run_at("watch_roll_out", commit="3f2a9c1d77", deploy=4),
    run_at("activate", commit="3f2a9c1d77", deploy=4),
    ended("succeeded", commit="3f2a9c1d77", deploy=4),
]


def test_a_deploy_tells_each_phase_with_its_time_and_ends_with_the_url() -> None:
    shown = Terminal(server=server_with(*HAPPY)).run("deploy", API)
    assert shown.code == 0
    assert shown.err == (
        "✓ wait          0.2 s\n"
        "✓ build         0.5 s  v2 of 3f2a9c1\n"
        "✓ prepare       0.2 s\n"
        "✓ roll out      0.2 s  deploy 4\n"
        "✓ activate      0.2 s\n"
    )
    assert (
        shown.out
        == "deploy 4 of acme/shop/staging/api is active: build v2 of 3f2a9c1 (1.5 s)\nhttp://api-staging-shop-acme.localhost:8701\n"
    )


def test_as_json_a_deploy_is_the_run_that_it_ended_as() -> None:
    shown = Terminal(server=server_with(*HAPPY)).run("deploy", API, "--json")
    assert shown.code == 0
    assert {name: shown.json[name] for name in ("run", "outcome", "deploy", "url", "seconds")} == {
        "run": 7,
        "outcome": "succeeded",
        "deploy": 4,
        "url": "http://api-staging-shop-acme.localhost:8701",
        "seconds": 1.5,
    }


def test_quietly_a_deploy_says_its_outcome_alone() -> None:
    shown = Terminal(server=server_with(*HAPPY)).run("deploy", API, "-q")
    assert (shown.code, shown.out, shown.err) == (0, "succeeded\n", "")


def test_on_a_terminal_the_phase_at_work_ticks_in_place() -> None:
    looks = [run_at("watch_build"), run_at("watch_build"), ended("succeeded", deploy=4)]
    shown = Terminal(server=server_with(*looks), interactive=True).run("deploy", API)
    assert shown.err == ("\r\x1b[2K… build         0.0 s  v2\r\x1b[2K… build         0.2 s  v2\r\x1b[2K✓ build         0.6 s  v2\n")


def test_on_a_terminal_a_run_that_waits_says_for_what() -> None:
    looks = [run_at("waiting"), ended("superseded")]
    shown = Terminal(server=server_with(*looks), interactive=True).run("deploy", API)
    assert "… wait          0.0 s  for the one before it to end" in shown.err


FAILURE = {
    "code": "health_check_failed",
    "message": "web was not healthy within 10 s",
    "hint": "make GET /_health/ answer 200",
    "evidence": ["web-1: GET /_health/ answered 500: boom", "web-1 | Traceback"],
}


def test_a_failed_deploy_shows_which_phase_failed_and_the_whole_reason() -> None:
    looks = [run_at("watch_roll_out", deploy=5), run_at("watch_revert", deploy=5), ended("failed", deploy=5, failure=FAILURE)]
    shown = Terminal(server=server_with(*looks)).run("deploy", API)
    assert (shown.code, shown.out) == (1, "")
    assert shown.err == (
        "✗ roll out      0.2 s  deploy 5\n"
        "✓ revert        0.2 s  all is as it was before\n"
        "✓ deploy 3 is still active\n"
        "error: web was not healthy within 10 s (health_check_failed)\n"
        "  | web-1: GET /_health/ answered 500: boom\n"
        "  | web-1 | Traceback\n"
        "hint: make GET /_health/ answer 200\n"
    )


def test_a_failed_build_is_the_last_phase_and_fails_the_command() -> None:
    failure = {"code": "build_failed", "message": "the build failed", "hint": "", "evidence": []}
    shown = Terminal(server=server_with(run_at("watch_build"), ended("failed", failure=failure))).run("deploy", API)
    assert shown.code == 1
    assert shown.err == "✗ build         0.2 s  v2\n✓ deploy 3 is still active\nerror: the build failed (build_failed)\n"


@pytest.mark.parametrize(("stage", "deploy"), [("waiting", 0), ("waiting", 5), ("watch_build", 5)])
def test_a_phase_that_was_passed_before_the_failure_is_not_blamed(stage: str, deploy: int) -> None:
    shown = Terminal(server=server_with(run_at(stage), ended("failed", deploy=deploy, failure=FAILURE))).run("deploy", API)
    assert shown.code == 1
    assert "✗" not in shown.err


def test_when_nothing_was_active_before_nothing_is_said_to_be() -> None:
    failure = {"code": "build_failed", "message": "the build failed", "hint": "", "evidence": []}
    server = server_with(ended("failed", failure=failure)).on(f"GET {S}", answer({"slug": "api", "active_deploy": 0}))
    assert Terminal(server=server).run("deploy", API).err == "error: the build failed (build_failed)\n"


def test_as_json_a_failed_deploy_is_one_value_with_the_reason_and_exit_1() -> None:
    shown = Terminal(server=server_with(ended("failed", failure=FAILURE))).run("deploy", API, "--json")
    assert shown.code == 1
    assert shown.json["outcome"] == "failed"
    assert shown.json["failure"] == FAILURE


def test_a_superseded_deploy_did_not_happen() -> None:
    shown = Terminal(server=server_with(ended("superseded", detail="by run 8"))).run("deploy", API)
    assert (shown.code, shown.out) == (1, "")
    assert shown.err == (
        "error: run 7 of acme/shop/staging/api was superseded: by run 8 (superseded)\n"
        "hint: see the newer one with 'ancla status acme/shop/staging/api'\n"
    )


@pytest.mark.parametrize(
    ("outcome", "detail", "said"),
    [
        ("unchanged", "", "nothing to do: acme/shop/staging/api runs this already (0.0 s)\nhttp://api-staging-shop-acme.localhost:8701\n"),
        ("included", "included in deploy 9", "done: included in deploy 9 (0.0 s)\n"),
    ],
)
def test_what_needed_no_deploy_of_its_own_is_no_failure(outcome: str, detail: str, said: str) -> None:
    shown = Terminal(server=server_with(ended(outcome, detail=detail))).run("deploy", API)
    assert (shown.code, shown.out) == (0, said)


def test_a_held_request_is_said_to_be_held() -> None:
    server = FakeServer().on(f"POST {S}/deploy", answer({"ok": True, "run": 0, "status": "held"}, 202))
    shown = Terminal(server=server).run("deploy", API)
    assert shown.code == 1
    assert shown.err == (
        "error: acme/shop/staging/api is pinned by a rollback: the request is held and nothing was deployed (held)\n"
        "hint: let it go on with 'ancla unpin acme/shop/staging/api'\n"
    )


def test_without_following_the_command_ends_at_once() -> None:
    server = server_with(*HAPPY)
    shown = Terminal(server=server).run("deploy", API, "--ref", "v1.4.0", "--no-follow")
    assert shown.code == 0
    assert shown.out == "run 7 of acme/shop/staging/api is on its way\n"
    assert shown.err == "hint: see how it does with 'ancla status acme/shop/staging/api'\n"
    assert server.calls == [f"POST {S}/deploy"]
    assert server.body() == {"ref": "v1.4.0"}


def test_control_c_stops_following_and_says_that_the_deploy_goes_on() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    shown = Terminal(server=server_with(*HAPPY), time=FakeTime(at_sleep=interrupt)).run("deploy", API)
    assert shown.code == 130
    assert shown.err == (
        "error: stopped following; run 7 of acme/shop/staging/api goes on (follow_stopped)\n"
        "hint: see how it does with 'ancla status acme/shop/staging/api'\n"
    )


def test_a_server_that_restarts_is_waited_for() -> None:
    away: list[httpx.Response | Exception] = [httpx.ConnectError("refused")] * 6
    shown = Terminal(server=server_with(run_at("build"), *away, ended("succeeded", deploy=4))).run("deploy", API)
    assert shown.code == 0
    assert shown.out.startswith("deploy 4 of acme/shop/staging/api is active")


def test_times_of_the_server_are_used_where_the_run_has_them() -> None:
    stages = [
        {"stage": "waiting", "since": "2026-01-01T00:00:00Z"},
        {"stage": "resolve", "since": "2026-01-01T00:00:00.100000Z"},
        {"stage": "watch_build", "since": "2026-01-01T00:00:01Z"},
        {"stage": "roll_out", "since": "2026-01-01T00:00:03Z"},
        {"stage": "finished", "since": "2026-01-01T00:01:08Z"},
    ]
    looks = [ended("succeeded", deploy=4, stages=stages, finished="2026-01-01T00:01:08Z")]
    shown = Terminal(server=server_with(*looks)).run("deploy", API)
    assert shown.err == "✓ wait          0.1 s\n✓ build         2.9 s  v2\n✓ roll out   1 m 05 s  deploy 4\n"


def test_every_stage_of_the_pipeline_belongs_to_a_phase() -> None:
    assert {stage.value for stage in Stage} == {*PHASES, FINISHED}


def test_flags_that_exclude_each_other_reach_no_server() -> None:
    server = server_with(*HAPPY)
    shown = Terminal(server=server).run("deploy", API, "--ref", "a", "--config-only")
    assert (shown.code, server.calls) == (2, [])


def test_a_rollback_says_that_the_service_is_pinned_now() -> None:
    server = server_with(ended("succeeded", kind="rollback", deploy=6))
    server.on(f"POST {P}/pipeline/rollback", ACCEPTED)
    shown = Terminal(server=server).run("rollback", API, "--to", "4")
    assert server.body(0) == {"version": 4}
    assert shown.out == (
        "deploy 6 of acme/shop/staging/api is active: build v2 (0.0 s)\n"
        "http://api-staging-shop-acme.localhost:8701\n"
        "pinned: pushes wait until 'ancla unpin acme/shop/staging/api', or a deploy by hand\n"
    )


def test_a_build_only_run_ends_with_its_version() -> None:
    server = server_with(ended("succeeded", kind="build_only"))
    server.on(f"POST {S}/builds/trigger", ACCEPTED)
    shown = Terminal(server=server).run("builds", "trigger", API)
    assert shown.out == "build v2 of acme/shop/staging/api is ready (0.0 s)\n"


PRODUCTION = S.replace("staging", "production")
CHANGES = [
    {"what": "image", "before": "r/5e2f@sha256:0123456789abcdef0123456789", "after": "r/5e2f@sha256:fedcba9876543210fedcba9876"},
    {"what": "commit", "kind": "changed", "name": "", "before": "3f2a9c1d77", "after": "b1946ac924", "origin": ""},
    {"what": "variable", "kind": "added", "name": "GREETING", "before": "", "after": "hello", "origin": "acme/shop/staging"},
]
CARRIED = [{"name": "GREETING", "origin": "acme/shop/staging", "level": "environment"}]


def promoting() -> FakeServer:
    server = FakeServer()
    server.on(f"GET {P}/promote/preview", answer({"changes": CHANGES, "carried": CARRIED, "hash": "h1"}))
    server.on(f"POST {P}/promote", answer({"success": True, "message": "", "deploy_id": "d9", "run": 3}, 201))
    server.on(f"GET {PRODUCTION}/runs/3", answer({"run": 3, "kind": "promotion", "outcome": "succeeded", "deploy": 2}))
    return server.on(f"GET {PRODUCTION}", answer({"url": "http://api-production-shop-acme.localhost:8701"}))


PREVIEW = (
    "acme/shop/production/api would change:\n"
    "WHAT      NAME      FROM                      TO                        SET AT\n"
    "image     -         sha256:0123456789abcdef…  sha256:fedcba9876543210…  -\n"
    "commit    -         3f2a9c1d                  b1946ac9                  -\n"
    "variable  GREETING  -                         hello                     acme/shop/staging\n"
    "hint: set for the source alone, and taken along: GREETING; '--config target' keeps the target's own\n"
)


def test_a_promotion_shows_its_preview_asks_and_does_exactly_that() -> None:
    server = promoting()
    shown = Terminal(server=server, interactive=True, stdin="y\n").run("promote", API, "production")
    assert shown.code == 0
    assert shown.err == PREVIEW + "Promote acme/shop/staging/api to acme/shop/production/api? [y/N] "
    assert shown.out == "deploy 2 of acme/shop/production/api is active (0.0 s)\nhttp://api-production-shop-acme.localhost:8701\n"
    assert server.body(1) == {"service": "api", "source_env": "staging", "target_env": "production", "hash": "h1"}


def test_a_promotion_that_is_not_confirmed_does_nothing() -> None:
    server = promoting()
    shown = Terminal(server=server, interactive=True, stdin="\n").run("promote", API, "production")
    assert shown.code == 1
    assert len(server.calls) == 1


@pytest.mark.parametrize(("interactive", "more"), [(False, []), (False, ["--json"]), (True, ["--json"])])
def test_off_a_terminal_and_for_json_a_promotion_needs_the_flag(interactive: bool, more: list[str]) -> None:
    server = promoting()
    shown = Terminal(server=server, interactive=interactive, stdin="y\n").run("promote", API, "production", *more)
    assert shown.code == 2
    assert len(server.calls) == 1
    assert "pass --yes" in shown.out + shown.err


def test_a_preview_alone_changes_nothing() -> None:
    server = promoting()
    shown = Terminal(server=server).run("promote", API, "production", "--preview")
    assert (shown.code, shown.out, shown.err) == (0, PREVIEW, "")
    assert server.calls == [f"GET {P}/promote/preview?service=api&source_env=staging&target_env=production"]


def test_an_outdated_preview_is_told_by_the_server() -> None:
    server = promoting().on(f"POST {P}/promote", refusal(409, "preview_outdated", "it would do something else by now", "look again"))
    shown = Terminal(server=server).run("promote", API, "production", "--yes")
    assert shown.code == 1
    assert shown.err.endswith("error: it would do something else by now (preview_outdated)\nhint: look again\n")
