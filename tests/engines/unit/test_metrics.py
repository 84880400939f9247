"""metrics-server, as far as it is a pure function of where things are."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines import metrics, rooms
from engines.metrics.engine import has_measured
from engines.metrics.manifests import HOST, render_api, render_certificate, render_server
from engines.metrics.recipes import IMAGE_NAME, PROGRAM
from engines.site import Site


@pytest.fixture
def objects() -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(render_server())}


@pytest.fixture
def container(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    template = objects["Deployment", "metrics-server"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert template["metadata"]["annotations"] == {"ancla.dev/built": PROGRAM.slug}
    return dict(container)


def test_it_is_built_with_the_others_and_nobody_waits_for_it(tmp_path: Path) -> None:
    site = Site(home=tmp_path / "home", cache=tmp_path / "cache")
    (engine,) = metrics.define(site)
    assert PROGRAM in rooms.RECIPES
    assert [other.name for other in rooms.define(site) if engine.name in other.needs] == []


def test_certificates_are_checked_both_ways(container: dict[str, Any]) -> None:
    assert not [flag for flag in container["args"] if "insecure" in flag]
    assert "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt" in container["args"]
    spec = render_api("authority")["spec"]
    assert base64.b64decode(spec["caBundle"]) == b"authority" and "insecureSkipTLSVerify" not in spec
    assert HOST == f"{spec['service']['name']}.{spec['service']['namespace']}.svc"


def test_it_asks_less_often_than_an_answer_may_take(container: dict[str, Any]) -> None:
    flags = dict(flag.split("=") for flag in container["args"])
    patience, every = (int(flags[f"--{name}"].removesuffix("s")) for name in ("kubelet-request-timeout", "metric-resolution"))
    assert patience < every >= 10


def test_it_is_confined_and_takes_the_image_that_was_built(container: dict[str, Any]) -> None:
    context = container["securityContext"]
    assert context["runAsNonRoot"] and context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
    assert (container["image"], container["imagePullPolicy"]) == (IMAGE_NAME, "Never")


def test_it_may_look_at_nodes_and_pods_and_do_nothing_else(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    rules = objects["ClusterRole", "system:metrics-server"]["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [(["nodes/metrics"], ["get"]), (["pods", "nodes"], ["list", "watch"])]


def test_the_key_is_in_the_secret_that_the_pod_mounts(objects: dict[tuple[str, str], dict[str, Any]]) -> None:
    (volume,) = objects["Deployment", "metrics-server"]["spec"]["template"]["spec"]["volumes"]
    secret = render_certificate("certificate", "key")
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    assert secret["stringData"] == {"tls.crt": "certificate", "tls.key": "key"}


@pytest.mark.parametrize(
    ("listed", "measured"),
    [
        pytest.param({"items": [{"metadata": {"name": "ancla"}, "usage": {"cpu": "1n"}}]}, True, id="the node"),
        pytest.param({"items": [{"metadata": {"name": "other"}, "usage": {"cpu": "1n"}}]}, False, id="another node"),
        pytest.param({"items": []}, False, id="nothing yet"),
        pytest.param(None, False, id="nobody answers"),
    ],
)
def test_it_is_ready_once_it_tells_of_the_node(listed: dict[str, Any] | None, measured: bool) -> None:
    assert has_measured(listed, "ancla") is measured
