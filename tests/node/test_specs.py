"""How the node reads manifests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from chalicelib.adapters.embedded.node.environment import expanded, process_environment
from chalicelib.adapters.embedded.node.specs import (
    Probe,
    Unrunnable,
    read_deployment,
    read_launch,
    read_pod_spec,
    read_pull_password,
    template_hash,
)
from chalicelib.domain.secrets import Secret
from tests.contracts.cluster_samples import DIGEST, config_map, deployment, pod, pull_secret


def test_a_deployment_is_read() -> None:
    manifest = deployment(replicas=6, env={"A": "1"}, grace=7)

    read = read_deployment(manifest)
    spec = read_pod_spec(manifest["spec"]["template"]["spec"])

    assert (read.replicas, read.surge, read.min_ready) == (6, 2, 0)
    assert (spec.repository, spec.digest) == ("registry.test/acme/shop", DIGEST)
    assert (spec.config_map, spec.pull_secret, spec.account) == ("web-config", "api.pull", "api-prod-shop")
    assert spec.probe == Probe(path="/healthz", period=1, timeout=1, failures=3)
    assert (spec.environment, spec.grace, spec.once, spec.gated) == ({"A": "1"}, 7, False, False)


def test_a_one_off_is_read() -> None:
    spec = read_pod_spec(pod()["spec"])

    assert (spec.once, spec.gated, spec.probe) == (True, True, None)


def test_count_and_metadata_are_not_part_of_the_template() -> None:
    one, two = deployment(replicas=1), deployment(replicas=2)
    assert template_hash(one["spec"]["template"]) == template_hash(two["spec"]["template"])
    assert template_hash(deployment(env={"A": "2"})["spec"]["template"]) != template_hash(one["spec"]["template"])


@pytest.mark.parametrize(("surge", "replicas", "expected"), [("25%", 1, 1), ("25%", 5, 2), (3, 1, 3), (0, 4, 1)])
def test_at_least_one_pod_more_than_wanted_may_run(surge: int | str, replicas: int, expected: int) -> None:
    manifest: Any = deployment(replicas=replicas)
    manifest["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = surge

    assert read_deployment(manifest).surge == expected


def test_a_health_path_is_always_a_path() -> None:
    manifest: Any = deployment()
    manifest["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"] = "@elsewhere.test/"

    probe = read_pod_spec(manifest["spec"]["template"]["spec"]).probe

    assert probe is not None
    assert probe.path == "/@elsewhere.test/"


def test_a_command_without_envconsul_is_the_process_s_own() -> None:
    manifest: Any = deployment()
    manifest["spec"]["template"]["spec"]["containers"][0]["command"] = ["python", "app.py"]

    spec = read_pod_spec(manifest["spec"]["template"]["spec"])

    assert (spec.command, spec.config_map) == (("python", "app.py"), "")


def test_command_and_secret_paths_come_from_the_envconsul_configuration() -> None:
    launch = read_launch(config_map("c", ["python", "app.py"], secret_paths=["ancla/a/b"]))

    assert (launch.command, launch.secret_paths) == (("python", "app.py"), ("ancla/a/b",))
    assert read_launch(config_map("c", ["x"])).secret_paths == ()


@pytest.mark.parametrize("data", [{}, {"envconsul.json": "{"}, {"envconsul.json": "{}"}, {"envconsul.json": '{"exec": {"command": []}}'}])
def test_an_envconsul_configuration_that_cannot_be_read_is_said(data: dict[str, str]) -> None:
    with pytest.raises(Unrunnable, match=r"envconsul\.json"):
        read_launch({"data": data})


def test_the_pull_password_is_read_from_either_form() -> None:
    assert read_pull_password(pull_secret("pass:word")) == Secret("pass:word")
    plain = {"stringData": {".dockerconfigjson": json.dumps({"auths": {"registry.test": {"password": "word"}}})}}
    assert read_pull_password(plain) == Secret("word")


def test_a_pull_secret_that_cannot_be_read_does_not_show_in_the_error() -> None:
    broken = {"data": {".dockerconfigjson": base64.b64encode(b"not json but hidden").decode()}}

    with pytest.raises(Unrunnable) as caught:
        read_pull_password(broken)

    assert "hidden" not in str(caught.value)


def test_references_are_expanded_as_kubernetes_does() -> None:
    variables = {"A": "1", "B": "$(A)$(A)", "C": "$(LATER)", "D": "$$(A)", "E": "$A 5$ $$$$", "LATER": "x"}

    assert expanded(variables) == {"A": "1", "B": "11", "C": "$(LATER)", "D": "$(A)", "E": "$A 5$ $$", "LATER": "x"}


def test_secrets_win_over_variables_and_the_free_port_over_both(tmp_path: Any) -> None:
    environment = process_environment(
        {"A": "plain", "PYTHONUNBUFFERED": "0"}, {"A": Secret("hidden"), "PORT": Secret("1")}, port=20002, home=tmp_path
    )

    assert (environment["A"], environment["PORT"], environment["PYTHONUNBUFFERED"]) == ("hidden", "20002", "0")
    assert environment["HOME"] == str(tmp_path)
