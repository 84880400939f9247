from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ancla_sdk import Client
from ancla_sdk.models import MASK

from tests.sdk.fake_server import FakeServer, FakeTime, answer

API = "acme/shop/staging/api"
S = "/workspaces/acme/projects/shop/envs/staging/services/api"
P = "/workspaces/acme/projects/shop"

CALLS: list[tuple[Callable[[Client], object], str, Any]] = [
    (lambda c: c.workspaces.list(), "GET /workspaces", None),
    (lambda c: c.workspaces.get("acme"), "GET /workspaces/acme", None),
    (lambda c: c.workspaces.create(name="Acme"), "POST /workspaces", {"name": "Acme"}),
    (lambda c: c.workspaces.rename("acme", name="A"), "PATCH /workspaces/acme", {"name": "A"}),
    (lambda c: c.workspaces.delete("acme"), "DELETE /workspaces/acme", None),
    (lambda c: c.members.list("acme"), "GET /workspaces/acme/members", None),
    (lambda c: c.members.add("acme", "maria", role="viewer"), "POST /workspaces/acme/members", {"username": "maria", "role": "viewer"}),
    (lambda c: c.members.change("acme", "maria", role="admin"), "PATCH /workspaces/acme/members/maria", {"role": "admin"}),
    (lambda c: c.members.remove("acme", "a/b"), "DELETE /workspaces/acme/members/a%2Fb", None),
    (lambda c: c.teams.list("acme"), "GET /workspaces/acme/teams", None),
    (lambda c: c.teams.create("acme", name="Core"), "POST /workspaces/acme/teams", {"name": "Core"}),
    (lambda c: c.keys.list(), "GET /keys?limit=100", None),
    (lambda c: c.keys.create(name="ci"), "POST /keys", {"name": "ci", "scopes": []}),
    (
        lambda c: c.keys.create(name="ci", scopes=["deploy"], expires_at="2030-01-31T00:00:00Z"),
        "POST /keys",
        {"name": "ci", "scopes": ["deploy"], "expires_at": "2030-01-31T00:00:00Z"},
    ),
    (lambda c: c.keys.revoke("k1"), "POST /keys/k1/revoke", None),
    (lambda c: c.keys.delete("k1"), "DELETE /keys/k1", None),
    (lambda c: c.projects.list("acme"), "GET /workspaces/acme/projects", None),
    (lambda c: c.projects.get("acme/shop"), f"GET {P}", None),
    (lambda c: c.projects.create("acme", name="Shop"), "POST /workspaces/acme/projects", {"name": "Shop"}),
    (lambda c: c.projects.rename("acme/shop", name="S"), f"PATCH {P}", {"name": "S"}),
    (lambda c: c.projects.delete("acme/shop"), f"DELETE {P}", None),
    (lambda c: c.environments.list("acme/shop"), f"GET {P}/envs", None),
    (lambda c: c.environments.get("acme/shop/qa"), f"GET {P}/envs/qa", None),
    (lambda c: c.environments.create("acme/shop", name="qa"), f"POST {P}/envs", {"name": "qa"}),
    (lambda c: c.environments.rename("acme/shop/qa", name="q"), f"PATCH {P}/envs/qa", {"name": "q"}),
    (lambda c: c.environments.delete("acme/shop/qa"), f"DELETE {P}/envs/qa", None),
    (lambda c: c.services.list("acme/shop/staging"), f"GET {P}/envs/staging/services", None),
    (lambda c: c.services.get(API), f"GET {S}", None),
    (
        lambda c: c.services.create("acme/shop/staging", name="api", repository="/srv/api.git"),
        f"POST {P}/envs/staging/services",
        {"name": "api", "platform": "wind", "repository": "/srv/api.git"},
    ),
    (lambda c: c.services.update(API, deployment_timeout=10), f"PATCH {S}", {"deployment_timeout": 10}),
    (lambda c: c.services.update(API, name="API"), f"PATCH {S}", {"name": "API"}),
    (lambda c: c.services.delete(API), f"DELETE {S}", None),
    (lambda c: c.services.scale(API, {"web": 2}), f"POST {S}/scale", {"process_counts": {"web": 2}}),
    (lambda c: c.services.pin(API), f"POST {S}/pin", None),
    (lambda c: c.services.unpin(API), f"POST {S}/unpin", None),
    (lambda c: c.config.list("acme"), "GET /workspaces/acme/config", None),
    (lambda c: c.config.list("acme", team="core"), "GET /workspaces/acme/teams/core/config", None),
    (lambda c: c.config.resolved(API), f"GET {S}/config/resolved", None),
    (lambda c: c.config.set("acme/shop", "A", "1"), f"POST {P}/config", {"name": "A", "value": "1"}),
    (
        lambda c: c.config.set(API, "A", "1", secret=True, buildtime=False),
        f"POST {S}/config",
        {"name": "A", "value": "1", "secret": True, "buildtime": False},
    ),
    (
        lambda c: c.config.import_text("acme/shop", "A=1", secret=True),
        f"POST {P}/config/bulk",
        {"raw": "A=1", "secret": True},
    ),
    (lambda c: c.config.delete(API, "A"), f"DELETE {S}/config/A", None),
    (lambda c: c.builds.list(API), f"GET {S}/builds", None),
    (lambda c: c.builds.get(API, 3), f"GET {S}/builds/3", None),
    (lambda c: c.builds.log(API, 3), f"GET {S}/builds/3/log", None),
    (lambda c: c.builds.create(API), f"POST {S}/builds/trigger", None),
    (lambda c: c.deploys.list(API), f"GET {S}/deploys", None),
    (lambda c: c.deploys.get(API, "1234abcd"), f"GET {S}/deploys/1234abcd", None),
    (lambda c: c.deploys.log(API, "1234abcd"), f"GET {S}/deploys/1234abcd/log", None),
    (lambda c: c.deploys.create(API), f"POST {S}/deploy", {}),
    (lambda c: c.deploys.create(API, ref="v1"), f"POST {S}/deploy", {"ref": "v1"}),
    (lambda c: c.deploys.create(API, config_only=True), f"POST {S}/deploy", {"config_only": True}),
    (lambda c: c.deploys.create(API, version=2), f"POST {S}/deploy", {"version": 2}),
    (lambda c: c.deploys.rollback(API), f"POST {P}/pipeline/rollback?service=api&env=staging", {}),
    (lambda c: c.deploys.rollback(API, to=4), f"POST {P}/pipeline/rollback?service=api&env=staging", {"version": 4}),
    (lambda c: c.deploys.status(API), f"GET {P}/pipeline/status?service=api&env=staging", None),
    (
        lambda c: c.deploys.preview(API, "production"),
        f"GET {P}/promote/preview?service=api&source_env=staging&target_env=production",
        None,
    ),
    (
        lambda c: c.deploys.promote(API, "production", hash="h", config="target"),
        f"POST {P}/promote",
        {"service": "api", "source_env": "staging", "target_env": "production", "hash": "h", "config": "target"},
    ),
    (lambda c: c.runs.get(API, 7), f"GET {S}/runs/7", None),
    (lambda c: c.runs.list(API, limit=3), f"GET {P}/pipeline/history?service=api&env=staging&limit=3", None),
]


@pytest.mark.parametrize(("call", "route", "body"), CALLS, ids=[route for _, route, _ in CALLS])
def test_each_method_makes_the_call_of_the_wire_contract(call: Callable[[Client], object], route: str, body: Any) -> None:
    a_list = route.startswith("GET") and not route.split("?")[0].endswith(("/acme", "/shop", "/qa", "/api", "/3", "/7", "/log", "abcd"))
    is_object = "status" in route or "preview" in route
    server = FakeServer().on(route.split("?")[0], answer([] if a_list and not is_object else {}))
    call(Client("http://ancla.test", "k", transport=server.transport))
    assert server.calls == [route]
    assert server.body() == body


def test_the_echo_of_a_secret_goes_no_further_than_the_client() -> None:
    echo = {"id": "1", "name": "TOKEN", "value": "s3cr3t", "secret": True}
    server = FakeServer().on(f"POST {S}/config", answer(echo, 201))
    variable = Client("http://ancla.test", "k", transport=server.transport).config.set(API, "TOKEN", "s3cr3t", secret=True)
    assert variable.value == MASK
    assert "s3cr3t" not in repr(variable)


def test_watching_looks_often_after_a_change_and_less_and_less_while_nothing_happens() -> None:
    stages = ["build"] * 14 + ["roll_out"] * 2
    server = FakeServer().on(
        f"GET {S}/runs/7", *(answer({"run": 7, "stage": stage}) for stage in stages), answer({"run": 7, "outcome": "succeeded"})
    )
    time = FakeTime()
    seen = list(Client("http://ancla.test", "k", transport=server.transport, sleep=time.sleep).runs.watch(API, 7))
    assert [run.stage for run in seen] == [*stages, ""]
    assert time.pauses[0] == 0.25
    assert time.pauses[:14] == sorted(time.pauses[:14])
    assert time.pauses[13] == 2.0
    assert time.pauses[14] == 0.25
