"""Hostile callers: strangers, forged deliveries, and requests that no client sends. Nothing opens, and nothing breaks."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

import httpx
import pytest

from tests.demo.deliveries import deliver, push_delivery
from tests.journeys.ground import GROUND
from tests.journeys.harness import WEBHOOK_SECRET
from tests.journeys.repository import BRANCH
from tests.journeys.town import PROJECT, SERVICE, WORKSPACE, Town, check_refused

pytestmark = pytest.mark.journey

MIB = 1024 * 1024


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [WORKSPACE, PROJECT, f"{PROJECT}/envs/staging", SERVICE])
def test_what_belongs_to_somebody_else_is_not_there(town: Town, method: str, path: str) -> None:
    body = {"name": "mine"} if method == "PATCH" else None
    there = town.ancla.ask(method, path, body, key=town.stranger)
    gone = town.ancla.ask(method, path.replace("acme", "nowhere"), body, key=town.stranger)
    told = check_refused(there, 404, "workspace_not_found")
    assert told["message"] == check_refused(gone, 404, "workspace_not_found")["message"].replace("nowhere", "acme")


@pytest.mark.usefixtures("nothing_changes")
def test_other_peoples_ids_open_nothing(town: Town) -> None:
    run = town.runs()[0]
    service = town.ancla.api("GET", SERVICE)
    build = town.ancla.api("GET", f"{SERVICE}/builds")["items"][-1]
    by_id = f"/workspaces/{town.ancla.api('GET', WORKSPACE)['id']}/projects/shop/envs/staging/services/{service['id']}"
    own = "/workspaces/elsewhere/projects/shop/envs/staging/services"
    paths = [
        f"/builds/{build['id']}",
        f"/builds/{build['id'][:8]}/log",
        f"/deploys/{run['deploy_id']}/detail",
        by_id,
        f"{own}/{service['id']}",
    ]
    for path in paths:
        assert town.ancla.ask("GET", path, key=town.stranger).status_code == 404, path
    assert town.ancla.ask("POST", f"{SERVICE}/deploy", {}, key=town.stranger).status_code == 404
    keys = town.ancla.api("GET", "/keys")
    check_refused(town.ancla.ask("DELETE", f"/keys/{keys['items'][0]['key_id']}", key=town.stranger), 404, "key_not_found")


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("key", ["", "x", "ancla_" + "a" * 60, "ANCLA_X", "é"])
def test_a_key_that_is_none_opens_nothing(town: Town, key: str) -> None:
    answer = httpx.get(f"{town.ancla.url}/api/v1/workspaces", headers={b"X-API-Key": key.encode()}, trust_env=False)
    assert check_refused(answer, 401, "key_malformed" if key else "key_missing")


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("signature", [b"", b"sha256=", b"sha256=" + b"0" * 64, b"sha1=x", "é".encode()])
def test_a_delivery_that_is_not_signed_is_refused_before_it_is_read(town: Town, signature: bytes) -> None:
    told = check_refused(town.hook(b"{", {"X-Hub-Signature-256": signature}), 401, "signature_invalid")
    assert "set the same secret" in told["hint"]


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"[" * 100_000, b'{"ref": 1, "repository": {}}'])
def test_a_signed_delivery_that_cannot_be_read_is_refused(town: Town, body: bytes) -> None:
    check_refused(town.hook(body), 400, "delivery_malformed")


@pytest.mark.usefixtures("nothing_changes")
def test_a_delivery_of_another_content_type_is_refused(town: Town) -> None:
    told = check_refused(town.hook(b"payload={}", {"Content-Type": "application/x-www-form-urlencoded"}), 415, "unsupported_media_type")
    assert "application/json" in told["hint"]


@pytest.mark.usefixtures("nothing_changes")
def test_the_webhook_takes_5_mib_and_no_more(town: Town) -> None:
    assert town.hook(b"{}" + b" " * (5 * MIB - 2), {"X-GitHub-Event": "ping"}).status_code == 201
    check_refused(town.hook(b"{}" + b" " * (5 * MIB - 1)), 413, "too_large", "limit")


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("event", ["ping", "star", "x" * 1000])
def test_an_event_that_means_nothing_here_is_taken_and_ignored(town: Town, event: str) -> None:
    assert town.hook(b"{}", {"X-GitHub-Event": event}).json()["ok"] is True


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(
    "repository",
    [
        {},
        {"clone_url": "http://host/\ud800", "full_name": "\ud800/x"},
        {"clone_url": "http://[::1"},
        {"full_name": "x" * 100_000},
        {"url": 3},
    ],
)
def test_a_push_of_a_repository_that_cannot_be_is_taken_and_ignored(town: Town, repository: dict[str, Any]) -> None:
    push = {"ref": f"refs/heads/{BRANCH}", "after": "a" * 40, "repository": repository}
    assert town.hook(json.dumps(push).encode()).status_code == 201


def test_the_same_delivery_twice_makes_one_run(town: Town) -> None:
    before = len(town.runs())
    commit = town.repository.commit_version("2")
    push = push_delivery(repository=town.repository.location, branch=BRANCH, before="0" * 40, after=commit, secret=WEBHOOK_SECRET)
    assert [deliver(town.ancla.url, push) for _ in range(2)] == [201, 201]
    run = town.ancla.ended(SERVICE, town.runs()[0]["run"])
    assert (run["trigger"], run["commit"], run["outcome"]) == ("push", commit, "succeeded")
    assert len(town.runs()) == before + 1


PATHS = [
    "/",
    "//",
    "/api/v1",
    "/api/v1/workspaces//acme",
    "/api/v1/workspaces/..%2f..",
    "/api/v1/workspaces/%2e%2e/acme",
    "/api/v1/workspaces/acme/../acme",
    "/api/v1/workspaces/%00",
    "/api/v1/workspaces/%ff%fe",
    "/api/v1/workspaces/%",
    "/api/v1/workspaces/%F0%9F%A6%80",
    "/api/v1/workspaces/{ws}",
    "/api/v1/workspaces/acme%0d%0aSet-Cookie:x",
    "/api/v1/workspaces/" + "a" * 5000,
    "/api/v1/builds/%25",
    "/api/v1/builds/" + "f" * 5000,
    f"/api/v1{SERVICE}/builds/" + "9" * 5000,
    f"/api/v1{SERVICE}/builds/%C2%B2",
    f"/api/v1{SERVICE}/runs/" + "9" * 5000,
    f"/api/v1{SERVICE}/runs/-1",
    f"/api/v1{SERVICE}/builds?page=0",
    f"/api/v1{SERVICE}/builds?page=" + "9" * 5000,
    f"/api/v1{SERVICE}/builds?page=%ff",
    f"/api/v1{SERVICE}/builds?%00=&=&&",
    f"/api/v1{PROJECT}/pipeline/status?service=../x&env=%F0%9F%A6%80",
    f"/api/v1{PROJECT}/pipeline/history?service=web&env=staging&limit=-1",
    "/compat/x/api/v1/workspaces",
    "/compat/..%2f/api/v1/workspaces",
]
HEAD = "GET /api/v1/workspaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
REQUESTS = {
    "no request": b"\0\1\2\r\n\r\n",
    "a huge header": f"{HEAD}X-Filler: {'x' * 200_000}\r\n\r\n".encode(),
    "many headers": (HEAD + "".join(f"X-{number}: x\r\n" for number in range(2000)) + "\r\n").encode(),
    "a header of bytes": HEAD.encode() + b"X-API-Key: \xff\xfe\r\n\r\n",
    "two lengths": f"{HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!".encode(),
    "a length below zero": f"{HEAD}Content-Length: -1\r\n\r\n".encode(),
    "a length and chunks": f"{HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(),
    "a chunk of no size": f"{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n".encode(),
    "another method": HEAD.replace("GET", "BREW").encode() + b"\r\n",
    "a path of bytes": b"GET /api/v1/workspaces/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a whole address": HEAD.replace(" /api", " http://elsewhere/api").encode() + b"\r\n",
}


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_leads_nowhere_is_refused(town: Town, path: str) -> None:
    status, body = _sent(town, f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {town.ancla.key}\r\nConnection: close\r\n\r\n".encode())
    assert status in {404, 422}, body[:500]
    told = json.loads(body)
    assert told["hint"]
    assert len(told["message"]) < 400


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_that_no_client_sends_breaks_nothing(town: Town, name: str) -> None:
    status, body = _sent(town, REQUESTS[name])
    assert 400 <= status < 500, body[:500]


def test_the_answer_to_a_head_leaves_the_connection_usable(town: Town) -> None:
    follow_up = b"GET /api/v1/integrations/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for path in ("/api/v1/workspaces", "/nowhere"):
        status, rest = _sent(town, f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() + follow_up)
        assert 400 <= status < 500
        assert rest.startswith("HTTP/1.1 200 OK\r\n")


def test_of_all_that_was_asked_nothing_was_a_defect(town: Town) -> None:
    assert "Traceback" not in town.ancla.log.read_text()


def _sent(town: Town, request: bytes) -> tuple[int, str]:
    """The status and the body that are answered to these bytes."""
    with socket.create_connection((GROUND.host, town.ancla.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    assert "Traceback" not in answer
    head, _, body = answer.partition("\r\n\r\n")
    match = re.match(r"HTTP/1\.[01] (\d{3}) ", head)
    assert match is not None, answer[:500]
    return int(match[1]), body
