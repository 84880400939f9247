"""One record of each kind, with something in every field that a codec could get wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from chalicelib.domain.addresses import Address, Level
from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.builds import Build, BuildState, Image, KnownImage
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.config import Scope, Variable
from chalicelib.domain.deploys import Deploy, Running
from chalicelib.domain.failures import Failure
from chalicelib.domain.hierarchy import Environment, Project, Service, Source, Workspace
from chalicelib.domain.lanes import Held, Lane
from chalicelib.domain.people import ApiKey, ApiKeyOfUser, Membership, Role, Team, User, WorkspaceOfUser
from chalicelib.domain.receipts import Answered, Delivery
from chalicelib.domain.runs import Request, Run, RunKind, Stage, Trigger
from chalicelib.domain.snapshots import SnapshotRecord

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
ELSEWHERE = datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=2)))
ADDRESS = Address("acme", "shop", "production", "web")
IMAGE = Image(repository="acme/web", digest="sha256:" + "0" * 64, processes={"web": "python app.py", "release": "migrate"})
REQUEST = Request(kind=RunKind.DEPLOY, trigger=Trigger.PUSH, by="u1", ref="main")


def lane(service_id: str = "s1", **fields: Any) -> Lane:
    return Lane(service_id=service_id, **fields)


def run(number: int, *, owner: str = "s1", stage: Stage = Stage.WAITING, look_at: datetime = AT, **fields: Any) -> Run:
    return Run(
        owner=owner,
        number=number,
        id=f"run-{number}",
        address=ADDRESS,
        request=REQUEST,
        stage=stage,
        accepted=AT,
        stage_since=AT,
        look_at=look_at,
        **fields,
    )


def service(slug: str = "web", *, service_id: str = "aaaaaaaa-1", location: str = "") -> Service:
    address = ADDRESS.parent.child(slug)
    return Service(id=service_id, address=address, name=slug, source=Source(location=location), created=AT, updated=AT)


def variable(name: str, value: str) -> Variable:
    return Variable(id=f"id-{name}", name=name, value=value, size=len(value.encode()), set_by="u1", created=AT, updated=AT)


def scope(*variables: Variable) -> Scope:
    by_name = {entry.name: entry for entry in variables}
    return Scope(id="scope", workspace="acme", owner="acme", level=Level.WORKSPACE, variables=by_name)


def big_scope(number: int, size: int) -> Scope:
    return replace(scope(variable("BIG", "x" * size)), owner=f"acme/p{number}")


RUNNING = Running(deploy=1, deploy_id="d1", snapshot="f" * 64, build=1, run=1, counts={"web": 2})
SAMPLES: tuple[Any, ...] = (
    Workspace(id="w1", slug="acme", name="Äcme ☂", personal=True, created=AT, updated=ELSEWHERE, audit_number=2, audit_head="ab"),
    Membership(workspace="acme", user_id="u1", username="ada", role=Role.ADMIN, created=AT),
    WorkspaceOfUser(user_id="u1", workspace="acme"),
    Team(id="t1", workspace="acme", slug="core", name="Core", created=AT),
    Project(id="p1", address=Address("acme", "shop"), name="Shop", closing=True, created=AT, updated=AT),
    Environment(id="e1", address=ADDRESS.parent, name="production", automatic=True, created=AT, updated=AT),
    service(location="https://github.com/acme/web.git"),
    scope(variable("GREETING", 'grüße\n"☂" \\ 🎉 \u2028'), variable("EMPTY", "")),
    User(id="u1", username="ada", email="ada@example.com", created=AT),
    ApiKey(id="k1", key_hash="ab" * 32, user_id="u1", name="ci", scopes=("deploy",), metadata={"a": "b"}, created=AT, expires=AT),
    ApiKeyOfUser(user_id="u1", id="k1", key_hash="ab" * 32),
    lane(waiting={3: 7, 1: 9}, held=Held(number=4, request=REQUEST), active=RUNNING, previous=RUNNING, pinned_by=3),
    run(7, facts={"anchor": "x"}, counts={"web": 3}, failure=Failure(code="c", message="m", evidence=("one", "two")), deadline=AT),
    Build(service_id="s1", number=3, id="b3", state=BuildState.SUCCEEDED, image=IMAGE, created=AT, updated=AT),
    KnownImage(service_id="s1", fingerprint="ff", build=3, image=IMAGE),
    Deploy(service_id="s1", number=2, id="d2", run=7, snapshot="f" * 64, build=3, commit="c0ffee", created=AT, updated=AT),
    SnapshotRecord(service_id="s1", hash="f" * 64, build=3, created=AT),
    Chore(service_id="s1", kind=ChoreKind.TIDY, number=7, turn=2, facts={"a": "b"}, look_at=AT),
    AuditEntry(subject="s1", number=1, at=AT, by="u1", action="create", detail={"name": "web"}, hash="aa"),
    Answered(user_id="u1", key="☂ a/b#c", request_hash="aa", status=201, body='{"id":"1"}', expires=AT),
    Delivery(id="g1", event="push", runs={"acme/shop/production/web": "s1/7"}, received=AT),
)
