"""What becomes of a commit when DynamoDB refuses it, and of a call when AWS is not there: the answers are written out."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from chalicelib.adapters.dynamo.table import TRIES, DynamoTable
from chalicelib.adapters.records import RecordStore
from chalicelib.adapters.s3 import S3Logs
from chalicelib.adapters.sqs import SqsQueue
from chalicelib.domain import keys
from chalicelib.domain.errors import Unavailable
from chalicelib.ports.queue import Work
from chalicelib.ports.store import Check, Put, StoreConflict
from tests.contracts.aws import REGION
from tests.contracts.samples import lane, run

Answer = tuple[int, dict[str, Any]]


class ScriptedAws(HTTPServer):
    """Gives the answers of its script in turn, the last one again and again, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Answer] = [(200, {})]
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedAws

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.headers["X-Amz-Target"].rpartition(".")[2], json.loads(body)))
        script = self.server.script
        status, answer = script.pop(0) if len(script) > 1 else script[0]
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a test's output is its own."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


@pytest.fixture
def aws() -> Iterator[ScriptedAws]:
    server = ScriptedAws()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def store(aws: ScriptedAws, pauses: list[float]) -> RecordStore:
    return RecordStore(DynamoTable("records", region=REGION, host=aws.url, pause=pauses.append))


def test_a_transaction_names_its_reasons_in_the_order_it_was_sent_in(aws: ScriptedAws, store: RecordStore) -> None:
    aws.script = [_cancelled("None", "None", "ConditionalCheckFailed")]
    with pytest.raises(StoreConflict) as error:
        store.commit([Put(run(1)), Put(lane()), Check(keys.lane("s2"), 4)])
    assert error.value.keys == (keys.lane("s1"),)
    operation, asked = aws.asked[0]
    assert operation == "TransactWriteItems"
    assert [next(iter(item)) for item in asked["TransactItems"]] == ["ConditionCheck", "Put", "Put"]
    assert asked["ClientRequestToken"]


def test_one_change_is_a_plain_conditional_write(aws: ScriptedAws, store: RecordStore) -> None:
    store.commit([Put(lane(version=2))])
    operation, asked = aws.asked[0]
    assert operation == "PutItem"
    assert asked["ConditionExpression"] == "#0 = :0"
    assert asked["ExpressionAttributeValues"] == {":0": {"N": "2"}}
    assert asked["Item"]["version"] == {"N": "3"}


def test_who_meets_another_transaction_tries_again(aws: ScriptedAws, store: RecordStore, pauses: list[float]) -> None:
    aws.script = [_cancelled("TransactionConflict", "None"), _cancelled("None", "ThrottlingError"), (200, {})]
    store.commit([Put(run(1)), Put(lane())])
    assert len(aws.asked) == 3
    assert len(pauses) == 2 and 0 < pauses[0] <= 0.05 < pauses[1] * 2 <= 0.2


def test_a_single_write_that_meets_a_transaction_tries_again(aws: ScriptedAws, store: RecordStore) -> None:
    aws.script = [_error("TransactionConflictException"), (200, {})]
    store.commit([Put(lane())])
    assert [operation for operation, _ in aws.asked] == ["PutItem", "PutItem"]


def test_who_always_meets_another_transaction_has_a_conflict(aws: ScriptedAws, store: RecordStore, pauses: list[float]) -> None:
    aws.script = [_cancelled("None", "TransactionConflict")]
    with pytest.raises(StoreConflict) as error:
        store.commit([Put(run(1)), Put(lane())])
    assert error.value.keys == (keys.lane("s1"),)
    assert (len(aws.asked), len(pauses)) == (TRIES, TRIES - 1)
    assert sum(pauses) < 1


def test_a_refused_version_is_a_conflict_at_once_even_beside_a_busy_record(aws: ScriptedAws, store: RecordStore) -> None:
    aws.script = [_cancelled("TransactionConflict", "ConditionalCheckFailed")]
    with pytest.raises(StoreConflict) as error:
        store.commit([Put(run(1)), Put(lane())])
    assert (error.value.keys, len(aws.asked)) == ((keys.lane("s1"),), 1)


def test_a_table_that_stays_throttled_is_unavailable(aws: ScriptedAws, store: RecordStore) -> None:
    aws.script = [_cancelled("None", "ThrottlingError")]
    with pytest.raises(Unavailable) as error:
        store.commit([Put(run(1)), Put(lane())])
    assert error.value.code == "store_throttled"


def test_a_refusal_that_nobody_expects_is_unavailable_with_awss_word_for_it(aws: ScriptedAws, store: RecordStore) -> None:
    aws.script = [_error("AccessDeniedException")]
    for call in (
        lambda: store.commit([Put(lane())]),
        lambda: store.get([keys.lane("s1")]),
        lambda: store.query("OF#s1"),
        lambda: store.find(keys.Index.DUE, keys.OPEN),
    ):
        with pytest.raises(Unavailable, match="AccessDeniedException"):
            call()


def test_keys_that_a_reply_left_out_are_asked_for_again(aws: ScriptedAws, store: RecordStore) -> None:
    left_out = {"partition": {"S": "OF#s1"}, "sort": {"S": "LANE"}}
    item = {**left_out, "version": {"N": "3"}, "kind": {"S": "Lane"}, "body": {"S": '{"service_id":"s1"}'}}
    aws.script = [
        (200, {"Responses": {"records": []}, "UnprocessedKeys": {"records": {"Keys": [left_out]}}}),
        (200, {"Responses": {"records": [item]}, "UnprocessedKeys": {}}),
    ]
    assert store.get([keys.lane("s1")]) == [lane(version=3)]
    assert [asked["RequestItems"]["records"]["ConsistentRead"] for _, asked in aws.asked] == [True, True]


def test_a_closed_door_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        queue = SqsQueue({Work.PLAN: f"{url}/1/plan"}, {Work.PLAN: f"{url}/1/dead"}, region=REGION, endpoint=url)
        logs = S3Logs("ancla-data", region=REGION, endpoint=url)
        store = RecordStore(DynamoTable("records", region=REGION, host=url, pause=lambda seconds: None))
        for call, code in (
            (lambda: queue.send(Work.PLAN, {}), "queue_unavailable"),
            (lambda: queue.receive(Work.PLAN), "queue_unavailable"),
            (lambda: queue.acknowledge(Work.PLAN, "x"), "queue_unavailable"),
            (lambda: queue.dead_letters(Work.PLAN), "queue_unavailable"),
            (lambda: logs.write("a", 0, b"x"), "logs_unavailable"),
            (lambda: logs.read("a"), "logs_unavailable"),
            (lambda: logs.remove("a"), "logs_unavailable"),
            (lambda: store.get([keys.lane("s1")]), "store_unavailable"),
            (lambda: store.commit([Put(lane())]), "store_unavailable"),
        ):
            with pytest.raises(Unavailable) as error:
                call()
            assert error.value.code == code


def _cancelled(*codes: str) -> Answer:
    return 400, {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]",
        "CancellationReasons": [{"Code": code} if code == "None" else {"Code": code, "Message": "refused"} for code in codes],
    }


def _error(code: str) -> Answer:
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "refused"}
