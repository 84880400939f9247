"""What the figures rest on: the same objects for all, calls counted by who made them, values found wherever they are."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.hierarchy import Workspace
from chalicelib.manifests.envconsul import CONFIG_KEY
from chalicelib.manifests.shared import render_shared
from tests.bench_engines.builds import seconds_of
from tests.bench_engines.calls import Call, made_by, parse_calls, read_calls
from tests.bench_engines.needles import CHUNK, forms_of, found_in_bytes, found_in_files
from tests.bench_engines.objects import moved, with_variable, without_namespace
from tests.bench_engines.pairs import OURS, Pairs, Rounds, figures_of
from tests.bench_engines.rivals import Span, as_template
from tests.bench_engines.vault import ENTRY, NAME, reading_shared_secret
from tests.domain.records import NOW

VALUE = "a-value-of-the-tests"
DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "theirs"},
    "spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "GREETING", "value": "hi"}]}]}}},
}
INGRESS: dict[str, Any] = {
    "kind": "Ingress",
    "metadata": {"name": "web", "namespace": "theirs"},
    "spec": {"rules": [{"host": "web.localhost"}]},
}


# -- objects ------------------------------------------------------------------------------------------------------------------------


def test_moved_objects_are_in_the_other_namespace_and_under_another_host() -> None:
    shared = render_shared(Workspace(id="w", slug="acme", name="Acme", created=NOW, updated=NOW))
    there = moved([*shared, DEPLOYMENT, INGRESS], "ours")
    assert {one["metadata"].get("namespace", one["metadata"]["name"]) for one in there} == {"ours"}
    assert there[-1]["spec"]["rules"] == [{"host": "ours-web.localhost"}]
    assert without_namespace(there) == there[1:]
    assert INGRESS["spec"]["rules"] == [{"host": "web.localhost"}], "what was moved is left as it was"


def test_a_variable_is_changed_and_nothing_else() -> None:
    (changed,) = with_variable([DEPLOYMENT], "GREETING", "ho")
    assert json.dumps(changed).replace('"ho"', '"hi"') == json.dumps(DEPLOYMENT)


def test_a_variable_that_no_process_has_is_not_changed_silently() -> None:
    with pytest.raises(ValueError, match="no process has a variable COLOUR"):
        with_variable([DEPLOYMENT, INGRESS], "COLOUR", "blue")


def test_rivals_pods_take_their_secret_from_the_shared_entry() -> None:
    config = {"vault": {"address": "https://vault", "k8s_auth_role_name": "theirs"}, "secret": [{"path": "theirs"}]}
    given: list[dict[str, Any]] = [{"kind": "ConfigMap", "data": {CONFIG_KEY: json.dumps(config)}}, DEPLOYMENT]
    config_map, deployment = reading_shared_secret(given)
    read = json.loads(config_map["data"][CONFIG_KEY])
    assert read["vault"] == {"address": "https://vault", "k8s_auth_role_name": NAME}
    assert read["secret"][0]["path"].endswith(f"data/{ENTRY}")
    assert deployment == DEPLOYMENT


def test_what_a_chart_would_take_for_its_own_orders_is_escaped() -> None:
    assert as_template([{"a": "{{ b }}"}]) == '---\n{"a": "{{ "{{" }} b }}"}\n'


# -- calls --------------------------------------------------------------------------------------------------------------------------


def event(number: int, *, user: str = "maria", second: int = 0, namespace: str = "", stage: str = "ResponseComplete") -> str:
    told = {
        "auditID": str(number),
        "stage": stage,
        "user": {"username": user},
        "requestReceivedTimestamp": f"1970-01-01T00:00:{second:02}.000000Z",
        **({"objectRef": {"namespace": namespace}} if namespace else {}),
    }
    return f"{json.dumps(told)}\n"


def parsed(*lines: str) -> list[Call]:
    return list(parse_calls(lines))


def test_a_watch_that_is_told_of_twice_is_one_call() -> None:
    calls = parsed(event(1, stage="ResponseStarted"), event(1), event(2))
    assert made_by(calls, "maria", began=0, ended=1) == 2


def test_calls_count_by_who_made_them_when_and_where() -> None:
    calls = parsed(event(1, second=5), event(2, second=5, namespace="a"), event(3, second=9), event(4, second=5, user="paul"))
    assert made_by(calls, "maria", began=4, ended=6) == 2
    assert made_by(calls, "maria", began=4, ended=6, namespace="a") == 1


def test_a_request_without_a_good_credential_is_nobodys() -> None:
    nobody = json.loads(event(1)) | {"user": {}}
    assert made_by(parsed(f"{json.dumps(nobody)}\n", event(2)), "maria", began=0, ended=1) == 1


def test_a_line_that_is_still_being_written_is_left_for_later() -> None:
    assert parsed(event(1), event(2)[:-5]) == parsed(event(1))


def test_calls_are_read_from_a_log_that_was_rotated_too(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_text(event(2, second=7))
    (tmp_path / "audit-1970-01-01T00-00-06.000.log").write_text(event(1, second=5) + event(0, second=1))
    assert {call.id for call in read_calls(tmp_path / "audit.log", since=4)} == {"1", "2"}


# -- figures ------------------------------------------------------------------------------------------------------------------------


def rounds(**seconds: Iterable[float]) -> Rounds:
    return Rounds(spans={name: [Span(0, each) for each in of_one] for name, of_one in seconds.items()})


def test_a_difference_is_that_of_one_round() -> None:
    both = rounds(Ancla=[3.0, 5.0], kubectl=[1.0, 4.5])
    assert both.differences("kubectl") == [2.0, 0.5]


def test_the_goals_are_the_calls_of_kubectl_and_a_half_and_the_time_of_helm() -> None:
    three = rounds(Ancla=[3.0], kubectl=[2.8], helm=[2.0])
    calls = parsed(*(event(number, user=user) for number, user in enumerate(("ours", "ours", "ours", "theirs", "theirs", "helm"))))
    users: dict[str, tuple[str, str | None]] = {OURS: ("ours", None), "kubectl": ("theirs", None), "helm": ("helm", None)}
    found = {figure.name: figure for figure in figures_of(Pairs(deploys=three, rollbacks=three, calls=calls, users=users))}
    assert (found["deploy: API calls of Ancla"].measured, found["deploy: API calls of Ancla"].goal) == (3, 3.0)
    assert found["rollback: Ancla less kubectl, p50"].ok
    assert found["rollback: Ancla less helm, p50"].ok is False


def test_a_build_is_timed_from_its_start_until_its_image_is_there() -> None:
    stages = [{"stage": name, "since": f"2025-01-01T00:00:0{second}Z"} for name, second in (("resolve", 0), ("build", 1), ("snapshot", 9))]
    assert seconds_of({"stages": stages}) == 8


# -- needles ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_a_value_is_found_in_base64_whatever_stands_around_it(before: str, after: str) -> None:
    data = base64.b64encode(f"{before}{VALUE}{after}".encode())
    assert found_in_bytes(data, forms_of(VALUE))


def test_a_value_is_found_as_it_is_and_in_hex() -> None:
    raw = VALUE.encode()
    assert found_in_bytes(b"TOKEN=" + raw, forms_of(VALUE)) == {"raw"}
    assert found_in_bytes(raw.hex().encode(), forms_of(VALUE)) == {"hex"}
    assert found_in_bytes(raw.hex().upper().encode(), forms_of(VALUE)) == {"HEX"}


def test_what_is_not_there_is_not_found() -> None:
    other = "another-value-of-them"
    assert found_in_bytes(b" ".join((other.encode(), base64.b64encode(other.encode()))), forms_of(VALUE)) == set()


def test_a_value_is_found_across_chunks_and_inside_of_what_is_compressed(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below/large").write_bytes(b"." * (CHUNK - 5) + VALUE.encode())
    (tmp_path / "layer").write_bytes(gzip.compress(b"." * 1000 + VALUE.encode()))
    (tmp_path / "other").write_bytes(b"nothing")
    found = found_in_files([tmp_path], forms_of(VALUE))
    assert found == {str(tmp_path / "below/large"): {"raw"}, str(tmp_path / "layer"): {"raw"}}


def test_a_file_is_looked_into_when_it_is_named_itself(tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_text(VALUE)
    assert found_in_files([tmp_path / "audit.log"], forms_of(VALUE)) == {str(tmp_path / "audit.log"): {"raw"}}
