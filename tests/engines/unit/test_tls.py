"""cert-manager and the ACME server, as far as they are pure functions of where things are."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from engines.certificates import Pair
from engines.certmanager.engine import account_of, is_ready
from engines.certmanager.manifests import CONTROLLER, INJECTOR, NAMESPACE, WEBHOOK, render_issuer, render_objects, render_programs
from engines.certmanager.recipes import ModuleFiles
from engines.errors import Trouble
from engines.kubernetes.network import HOST_IP
from engines.pebble.settings import render_configuration
from engines.recipes import Bench

PAIR = Pair(Path("/pki"), "pebble")


def pods(nameserver: str = "10.0.0.1:53") -> dict[str, dict[str, Any]]:
    """The pod templates by their program's name."""
    deployments = [manifest for manifest in render_programs(nameserver) if manifest["kind"] == "Deployment"]
    return {deployment["metadata"]["name"]: deployment["spec"]["template"] for deployment in deployments}


def registered(account: str = "mine", *, status: str = "True", observed: int = 3) -> dict[str, Any]:
    return {
        "metadata": {"generation": 3},
        "spec": {"acme": {"privateKeySecretRef": {"name": account}}},
        "status": {"conditions": [{"type": "Ready", "status": status, "observedGeneration": observed}]},
    }


def test_each_root_has_an_account_of_its_own() -> None:
    assert account_of("one") == account_of("one") != account_of("another")
    assert re.fullmatch(r"[a-z0-9-]{1,63}", account_of("one"))


def test_an_issuer_is_ready_once_this_very_account_is_registered() -> None:
    assert is_ready(registered(), "mine")


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param(None, id="there is none"),
        pytest.param(registered("another"), id="another account"),
        pytest.param(registered(status="False"), id="not registered"),
        pytest.param(registered(observed=2), id="as it was before"),
        pytest.param({**registered(), "status": {}}, id="not looked at yet"),
    ],
)
def test_an_issuer_is_not_ready(issuer: dict[str, Any] | None) -> None:
    assert not is_ready(issuer, "mine")


def test_the_keys_of_the_acme_servers_authority_are_for_this_machine_alone() -> None:
    settings = render_configuration(PAIR)["pebble"]
    assert settings["managementListenAddress"].startswith("127.0.0.1:")
    assert settings["listenAddress"].startswith(f"{HOST_IP}:")
    assert (settings["certificate"], settings["privateKey"]) == ("/pki/pebble.crt", "/pki/pebble.key")


def test_hosts_are_proved_at_the_ports_that_users_come_to() -> None:
    settings = render_configuration(PAIR)["pebble"]
    assert (settings["httpPort"], settings["tlsPort"]) == (80, 443)


def test_proving_a_host_takes_no_port_of_the_nodes() -> None:
    issuer = render_issuer("x", directory="https://acme", authority="YQ==", account="mine", ingress_class="local")
    (solver,) = issuer["spec"]["acme"]["solvers"]
    assert solver["http01"]["ingress"] == {"ingressClassName": "local", "serviceType": "ClusterIP"}


def test_another_configuration_is_another_pod_and_the_others_stay() -> None:
    before, after = pods(), pods("10.0.0.2:53")
    assert [name for name in before if before[name] != after[name]] == [CONTROLLER]


def test_cert_managers_pods_are_as_confined_as_those_of_services() -> None:
    for pod in pods().values():
        (container,) = pod["spec"]["containers"]
        context = container["securityContext"]
        assert context["runAsNonRoot"] and context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert (context["capabilities"], context["seccompProfile"]) == ({"drop": ["ALL"]}, {"type": "RuntimeDefault"})


def test_each_program_has_an_account_and_rights_of_its_own() -> None:
    text = render_objects("10.0.0.1:53")
    for name in (CONTROLLER, INJECTOR, WEBHOOK):
        account = f"kind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {NAMESPACE}\n"
        assert account in text
        assert pods()[name]["spec"]["serviceAccountName"] == name


def test_secrets_go_with_their_certificates() -> None:
    (held,) = [one for one in render_programs("x") if one["kind"] == "ConfigMap" and one["metadata"]["name"] == CONTROLLER]
    assert json.loads(held["data"]["config.yaml"])["enableCertificateOwnerRef"] is True


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    (tmp_path / "go.mod").write_text("module example.org/own\n\ngo 1.24\n")
    (tmp_path / "kinds").mkdir()
    for name in ("b", "a"):
        (tmp_path / "kinds" / f"{name}.yaml").write_text(f"kind: {name}\n")
    (tmp_path / "out").mkdir()
    return Bench(sources=tmp_path, out=tmp_path / "out", needs={}, log=tmp_path / "log")


def test_files_of_a_module_are_joined_in_order(bench: Bench) -> None:
    ModuleFiles(module="example.org/own", pattern="kinds/*.yaml", joined="all.yaml").run(bench)
    assert (bench.out / "all.yaml").read_text() == "kind: a\n---\nkind: b\n"


def test_a_module_that_does_not_have_the_files_is_named(bench: Bench) -> None:
    with pytest.raises(Trouble, match=r"example\.org/own"):
        ModuleFiles(module="example.org/own", pattern="gone/*.yaml", joined="all.yaml").run(bench)
