"""Requests that cannot be taken: each gets a clear error, changes nothing, and the next good one works."""

from __future__ import annotations

import json
import socket
import uuid
from typing import Any

import httpx
import pytest

from tests.journeys.ground import GROUND
from tests.journeys.town import CONFIG, PROJECT, SERVICE, SERVICES, WORKSPACE, Town, check_refused

pytestmark = pytest.mark.journey

KIB = 1024
MIB = 1024 * KIB
NOBODY = f"{SERVICES}/nobody"
LONG = "x" * 400_000
TOO_LONG = 7 * MIB
POST = ("POST /api/v1/workspaces HTTP/1.1", "Host: ancla")
CHUNKED = (*POST, "Transfer-Encoding: chunked")
EXPECTING = "Expect: 100-continue"


def request(*lines: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def exchange(town: Town, sent: bytes) -> httpx.Response:
    """What these bytes are answered with, on a connection that the server then closes."""
    with socket.create_connection((GROUND.host, town.ancla.port), timeout=10) as caller:
        caller.sendall(sent)
        answer = b"".join(iter(lambda: caller.recv(64 * KIB), b""))
    head, _, body = answer.decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    return httpx.Response(int(first.split()[1]), headers=dict(field.split(": ", 1) for field in fields), text=body)


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("body", [b"", b"{", b"name=x", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"name": "\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(town: Town, body: bytes) -> None:
    assert "send an object" in check_refused(town.raw("POST", "/api/v1/workspaces", body), 400, "malformed")["hint"]


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("body", [b'{"version": ' + b"9" * 5000 + b"}", b'{"version": 1e400}'])
def test_a_number_beyond_all_bounds_is_refused(town: Town, body: bytes) -> None:
    told = check_refused(town.raw("POST", f"/api/v1{SERVICE}/deploy", body), 400, "malformed")
    assert told["message"] == "the body holds a number that is out of range"


@pytest.mark.usefixtures("nothing_changes")
def test_of_two_fields_of_one_name_the_last_one_counts(town: Town) -> None:
    answer = town.raw("POST", f"/api/v1{CONFIG}", b'{"name": "GOOD", "name": "1X", "value": "2"}')
    check_refused(answer, 422, "variable_name_invalid", "name")


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/workspaces", {}, "name"),
        ("/workspaces", {"name": None}, "name"),
        ("/workspaces", {"name": ["x"]}, "name"),
        ("/workspaces", {"name": "x", "colour": "red"}, "colour"),
        (f"{SERVICE}/deploy", {"version": "1"}, "version"),
        (f"{SERVICE}/deploy", {"config_only": "yes"}, "config_only"),
        (f"{SERVICE}/deploy", {"ref": "x" * 201}, "ref"),
        (f"{SERVICE}/scale", {"process_counts": {"web": None}}, "process_counts[...]"),
        (f"{SERVICE}/scale", {"process_counts": [1]}, "process_counts"),
        (f"{CONFIG}/bulk", {"vars": [{"name": "A", "value": 1}]}, "vars[0].value"),
        (f"{CONFIG}/bulk", [{"name": "A", "value": "1"}, {"name": "B"}], "[1].value"),
        (f"{PROJECT}/promote", {"service": "web", "source_env": "staging", "target_env": None}, "target_env"),
    ],
)
def test_a_wrong_type_or_field_is_named(town: Town, path: str, body: Any, field: str) -> None:
    check_refused(town.ancla.ask("POST", path, body), 422, "invalid", field)


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("role", ["king", LONG, 1])
def test_a_word_of_a_fixed_set_is_answered_with_the_set(town: Town, role: Any) -> None:
    told = check_refused(town.ancla.ask("POST", f"{WORKSPACE}/members", {"username": "stranger", "role": role}), 422, "invalid", "role")
    assert told["hint"] == "use admin or member or viewer"


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("name", ["", " ", "a/b", "..", "a..b", "a\0b", "x" * 200, "🦀", "\u202eabc"])
@pytest.mark.parametrize("path", ["/workspaces", f"{WORKSPACE}/projects", f"{PROJECT}/envs", SERVICES])
def test_what_cannot_be_a_name_is_refused(town: Town, path: str, name: str) -> None:
    check_refused(town.ancla.ask("POST", path, {"name": name}), 422, "name_invalid", "name")


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(
    "address",
    [
        "ext::sh",
        "ext::sh -c id",
        "fd::17",
        "--upload-pack=id",
        "-oProxyCommand=id",
        "ssh://-oProxyCommand=id/x",
        "git@host:-x",
        "ftp://host/x",
        "https://",
        "https://name:word@host/x",
        "http://host:99999/x",
        "https://host/a\nb",
        "x" * 501,
    ],
)
def test_an_address_that_is_code_or_no_address_is_refused(town: Town, address: str) -> None:
    told = check_refused(town.ancla.ask("POST", SERVICES, {"name": "bad", "repository": address}), 422, "repository_invalid", "repository")
    assert "https://github.com/owner/name.git" in told["hint"]


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"branch": "-x"}, "ref_invalid", "branch"),
        ({"auto_deploy_branch": "a b"}, "ref_invalid", "auto_deploy_branch"),
        ({"github_repository": "../.."}, "repository_invalid", "github_repository"),
        ({"github_repository": f"a/{LONG}"}, "repository_invalid", "github_repository"),
        ({"health_check_path": "health"}, "health_check_path_invalid", "health_check_path"),
        ({"deployment_timeout": 0}, "deployment_timeout_invalid", "deployment_timeout"),
        ({"deployment_timeout": 10**30}, "deployment_timeout_invalid", "deployment_timeout"),
        ({"build_strategy": "magic"}, "build_strategy_invalid", "build_strategy"),
    ],
)
def test_a_field_that_cannot_be_is_refused(town: Town, fields: dict[str, Any], code: str, field: str) -> None:
    check_refused(town.ancla.ask("PATCH", SERVICE, fields), 422, code, field)


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"{SERVICE}/deploy", {"ref": "--upload-pack=id"}, 422, "ref_invalid"),
        (f"{SERVICE}/deploy", {"ref": "a..b"}, 422, "ref_invalid"),
        (f"{SERVICE}/deploy", {"ref": "main", "version": 1}, 422, "deploy_ambiguous"),
        (f"{SERVICE}/deploy", {"version": -1}, 404, "build_not_found"),
        (f"{SERVICE}/deploy", {"version": 10**18}, 404, "build_not_found"),
        (f"{NOBODY}/deploy", {}, 404, "service_not_found"),
        (f"{SERVICE}/scale", {"process_counts": {"web": -1}}, 422, "count_invalid"),
        (f"{SERVICE}/scale", {"process_counts": {"web": 10**30}}, 422, "count_invalid"),
        (f"{SERVICE}/scale", {"process_counts": {"worker": 1}}, 422, "process_unknown"),
        (f"{SERVICE}/scale", {"process_counts": {}}, 422, "counts_empty"),
        (f"{SERVICE}/scale", {"process_counts": {f"p{number}": 1 for number in range(20_000)}}, 422, "process_invalid"),
        (SERVICES, {"name": "bad", "slug": LONG}, 422, "slug_invalid"),
        (f"{PROJECT}/pipeline/rollback?service=web&env=staging&version=-1", None, 404, "deploy_not_found"),
        (f"{WORKSPACE}/members", {"username": "x" * 10_000}, 404, "user_not_found"),
        (f"{WORKSPACE}/teams/{'x' * 900}/config", {"name": "A", "value": ""}, 404, "team_not_found"),
    ],
)
def test_what_cannot_be_done_is_refused(town: Town, path: str, body: Any, status: int, code: str) -> None:
    check_refused(town.ancla.ask("POST", path, body), status, code)


@pytest.mark.usefixtures("nothing_changes")
def test_a_body_beyond_1_mib_is_refused(town: Town) -> None:
    body = json.dumps({"name": "x" * MIB}).encode()
    told = check_refused(town.raw("POST", "/api/v1/workspaces", body), 413, "too_large", "limit")
    assert told["extra"] == {"bytes": len(body), "limit": MIB}


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("name", ["1X", "A=B", "", "A B", "A\n", "É", "X" * 256, "x" * 100_000, str(uuid.UUID(int=0))])
def test_what_cannot_be_the_name_of_a_variable_is_refused(town: Town, name: str) -> None:
    check_refused(town.ancla.ask("POST", CONFIG, {"name": name, "value": ""}), 422, "variable_name_invalid", "name")


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("x" * 256 * KIB, "variable_value_too_long"),
        ("é" * 32 * KIB + "x", "variable_value_too_long"),
        ("\0", "variable_value_invalid"),
    ],
)
def test_a_value_that_no_process_could_get_is_refused(town: Town, value: str, code: str) -> None:
    check_refused(town.ancla.ask("POST", CONFIG, {"name": "BIG", "value": value}), 422, code, "value")


def test_a_value_of_64_kib_arrives_in_the_process(town: Town) -> None:
    value = "é" * 32 * KIB
    town.ancla.api("POST", CONFIG, {"name": "GREETING", "value": value})
    assert town.ancla.ended(SERVICE, town.ancla.deploy(SERVICE, {"config_only": True}))["outcome"] == "succeeded"
    assert town.ancla.answer(SERVICE)["GREETING"] == value


@pytest.mark.parametrize("secret", [False, True])
def test_a_scope_that_grows_too_large_is_refused_with_its_sizes(town: Town, secret: bool) -> None:
    at = f"{PROJECT}/envs/production/config"
    for number in range(3):
        town.ancla.api("POST", at, {"name": f"PART_{number}", "value": "x" * 64 * KIB, "secret": secret})
    told = check_refused(town.ancla.ask("POST", at, {"name": "PART_3", "value": "x" * 64 * KIB}), 422, "scope_too_large", "sizes")
    assert told["extra"]["sizes"]["acme/shop/production"] > 256 * KIB
    assert [entry["name"] for entry in town.ancla.api("GET", at)] == ["PART_0", "PART_1", "PART_2"]


@pytest.mark.usefixtures("nothing_changes")
def test_more_variables_than_one_scope_can_keep_are_refused(town: Town) -> None:
    many = {"variables": {f"V{number}": "x" for number in range(20_000)}}
    told = check_refused(town.ancla.ask("POST", f"{CONFIG}/bulk", many), 422, "scope_too_large", "sizes")
    assert "acme/shop/staging/web" in told["message"]


def test_more_than_one_deploy_can_carry_is_refused_with_the_sizes(town: Town) -> None:
    big = {f"PART_{number}": str(number) * 64 * KIB for number in range(3)}
    town.ancla.api("POST", "/workspaces", {"name": "heavy"})
    path = "/workspaces/heavy/projects/shop"
    town.ancla.api("POST", "/workspaces/heavy/projects", {"name": "shop"})
    for at, prefix in (("/workspaces/heavy", "A"), (path, "B")):
        town.ancla.api("POST", f"{at}/config/bulk", {"variables": {f"{prefix}_{name}": value for name, value in big.items()}})
    answer = town.ancla.ask("POST", f"{path}/envs/staging/config/bulk", {"variables": {f"C_{name}": value for name, value in big.items()}})
    told = check_refused(answer, 422, "config_too_large", "sizes")
    assert set(told["extra"]["sizes"]) == {"heavy", "heavy/shop", "heavy/shop/staging"}
    assert town.ancla.api("GET", f"{path}/envs/staging/config") == []


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(
    ("sent", "status", "code", "word"),
    [
        (request("GET / HTTP/1.1", "no colon"), 400, "request_malformed", "Invalid header"),
        (request("GET / HTTP/1.1", " folded: first"), 400, "request_malformed", "Malformed header line"),
        (request("GET / HTTP/1.1", "X-API-Key: k3y\nk3y"), 400, "request_malformed", "Bare CR or LF"),
        (request("get / HTTP/1.1"), 400, "request_malformed", "Malformed HTTP method"),
        (request("hello"), 400, "request_malformed", "Start line is invalid"),
        (request("GET http://[ HTTP/1.1"), 400, "request_malformed", "the address"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "request_malformed", "TLS"),
        (request(*POST, "Content-Length: x"), 400, "request_malformed", "Content-Length is invalid"),
        (request(*POST, "Content-Length: -1"), 400, "request_malformed", "Content-Length is invalid"),
        (request(*POST, "Content-Length: 2", "Content-Length: 3"), 400, "request_malformed", "Content-Length is invalid"),
        (request(*POST, f"Content-Length: {'9' * 5000}"), 400, "request_malformed", "Content-Length is invalid"),
        (request(*CHUNKED, body=b"zz\r\n{}\r\n0\r\n\r\n"), 400, "request_malformed", "Invalid chunk size"),
        (request(*CHUNKED, body=b"2\r\n{}}}\r\n0\r\n\r\n"), 400, "request_malformed", "Chunk not properly terminated"),
        (request("GET / HTTP/1.1", f"X-Long: {'x' * 300 * KIB}"), 431, "headers_too_large", "256 KiB"),
        (request(f"GET /{'x' * 300 * KIB} HTTP/1.1"), 431, "headers_too_large", "256 KiB"),
        (request(*POST, "Transfer-Encoding: gzip"), 501, "transfer_encoding_unsupported", "transfer encoding"),
        (request(*POST, f"Content-Length: {TOO_LONG}"), 413, "too_large", "6 MiB"),
        (request(*POST, f"Content-Length: {TOO_LONG}", EXPECTING), 413, "too_large", "6 MiB"),
        (request(*POST, f"Content-Length: {TOO_LONG}", body=b" " * TOO_LONG), 413, "too_large", "6 MiB"),
        (request(*CHUNKED, body=b"%x\r\n" % TOO_LONG + b" " * TOO_LONG + b"\r\n0\r\n\r\n"), 413, "too_large", "6 MiB"),
    ],
    ids=lambda value: value.decode("latin-1")[:60] if isinstance(value, bytes) else None,
)
def test_what_cannot_be_read_as_a_request_is_refused_in_the_one_shape_and_the_connection_ends(
    town: Town, sent: bytes, status: int, code: str, word: str
) -> None:
    answer = exchange(town, sent)
    told = check_refused(answer, status, code)
    assert word in told["message"]
    assert "k3y" not in answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == told["request_id"]
    assert answer.headers["connection"] == "close"


def test_a_request_that_asks_to_go_on_and_has_no_body_is_answered(town: Town) -> None:
    health = ("GET /api/v1/integrations/health HTTP/1.1", "Host: ancla", "Connection: close")
    assert exchange(town, request(*health, EXPECTING)).status_code == 200
