"""docs/operations/cluster.md says what is: its settings are those that are read, and its commands do what it says of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from chalicelib.adapters.registry_tokens import SignedTokens
from chalicelib.doctor.cluster import NEWEST_MINOR, OLDEST_MINOR
from chalicelib.settings import read_settings
from tests.contracts.engines_home import engine_environment
from tests.test_settings import NEEDED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations" / "cluster.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(ANCLA_\w+)` \| (.+?) \|", re.MULTILINE)
NAMED = re.compile(r"ANCLA_[A-Z_]+[A-Z]")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NO_SETTINGS = {"ANCLA_LOG", "ANCLA_ENVCONSUL"}
"""One is read by the server itself, one by a test suite."""


class Recorded(Mapping[str, str]):
    """An environment that remembers what it was asked for, and which default there is."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: dict[str, str] = {}

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.asked[name] = default if default else self.asked.get(name, "")
        return self._values.get(name, default)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def read_defaults(tmp_path: Path) -> dict[str, str]:
    """Each setting that is read with real engines, and its default."""
    file = tmp_path / "file"
    file.write_text("x")
    values = dict.fromkeys(NEEDED, str(file)) | {"ANCLA_PROFILE": "engines", "ANCLA_INGRESS_ADDRESS": "localhost:80"}
    recorded = Recorded(values | dict.fromkeys(("ANCLA_VAULT_ADDRESS", "ANCLA_CONSUL_ADDRESS"), "https://localhost"))
    read_settings(recorded)
    return recorded.asked


def blocks(language: str, *words: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(PAGE) if kind == language and all(word in text for word in words)]


def shell(script: str, folder: Path, **environ: str) -> str:
    done = subprocess.run(
        ["bash", "-eu", "-c", script], cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_has_every_setting_and_no_other(tmp_path: Path) -> None:
    rows = [name for name, _ in ROW.findall(PAGE)]
    assert sorted(rows) == sorted(set(rows))
    assert set(rows) == set(read_defaults(tmp_path))


def test_the_table_has_the_defaults_that_count(tmp_path: Path) -> None:
    defaults = {
        name: f"`{default}`" if default else ("needed" if name in NEEDED else "none") for name, default in read_defaults(tmp_path).items()
    }
    assert dict(ROW.findall(PAGE)) == defaults


def test_no_setting_is_named_that_there_is_not(tmp_path: Path) -> None:
    assert set(NAMED.findall(PAGE)) - NO_SETTINGS - set(read_defaults(tmp_path)) == set()


def test_the_versions_are_those_that_the_doctor_takes() -> None:
    assert f"| Kubernetes | 1.{OLDEST_MINOR} or newer; 1.{NEWEST_MINOR} was tried |" in PAGE


def test_every_folder_of_manifests_is_applied() -> None:
    applied = set(re.findall(r"kubectl apply -k (engines/cluster/\w+)", PAGE))
    assert applied == {str(file.parent.relative_to(ROOT)) for file in (ROOT / "engines" / "cluster").glob("*/kustomization.yaml")}


def test_the_commands_for_the_signer_make_one_that_can_sign(tmp_path: Path) -> None:
    (script,) = blocks("sh", "token-authority.key")
    shell(script, tmp_path)
    SignedTokens(issuer="ancla", service="s", key=tmp_path / "token-signer.key", certificate=tmp_path / "token-signer.pem")
    assert shell("openssl verify -CAfile token-authority.pem token-signer.pem", tmp_path) == "token-signer.pem: OK\n"
    assert (tmp_path / "token-signer.key").stat().st_mode & 0o077 == 0


def test_the_commands_for_buildkit_make_certificates_that_go_together(tmp_path: Path) -> None:
    (script,) = blocks("sh", "builds-authority.key")
    shell(script, tmp_path)
    check = "openssl verify -CAfile builds-authority.pem -verify_hostname buildkitd.buildkit.svc buildkitd.pem"
    assert shell(check, tmp_path) == "buildkitd.pem: OK\n"
    assert shell("openssl verify -CAfile builds-authority.pem buildctl.pem", tmp_path) == "buildctl.pem: OK\n"


def test_the_overlay_adds_what_it_says_to_the_manifests(tmp_path: Path) -> None:
    kubectl = engine_environment()["ANCLA_ENGINES_KUBECTL"]
    (overlay,), (settings,) = blocks("yaml", "kind: Kustomization"), blocks("toml", "[registry.")
    folder = tmp_path / "overlay"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(overlay.replace("../engines", os.path.relpath(ROOT / "engines", folder)))
    (folder / "buildkitd.toml").write_text((ROOT / "engines/cluster/buildkit/buildkitd.toml").read_text() + settings)
    found = list(yaml.safe_load_all(shell(f"{kubectl} kustomize .", folder)))
    policies = {one["metadata"]["name"]: one["spec"]["egress"] for one in found if one["kind"] == "NetworkPolicy"}
    assert policies["buildkitd"][-1]["to"] == [{"ipBlock": {"cidr": "10.20.0.5/32"}}]
    assert [port["port"] for port in policies["builds"][-1]["ports"]] == [5000, 443]
    (config,) = [one for one in found if one["kind"] == "ConfigMap"]
    assert config["data"]["buildkitd.toml"].endswith('ca = ["/etc/buildkit-registry/ca.pem"]\n')


def test_the_commands_for_a_kubeconfig_make_one_of_anclas_account(tmp_path: Path) -> None:
    environ = engine_environment()
    (script,) = blocks("sh", "set-credentials")
    (tmp_path / "kubectl").symlink_to(environ["ANCLA_ENGINES_KUBECTL"])
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": environ["ANCLA_ENGINES_KUBECONFIG"]}
    shell(script, tmp_path, **path)
    whoami = "kubectl --kubeconfig=ancla.kubeconfig auth whoami --output=jsonpath='{.status.userInfo.username}'"
    assert shell(whoami, tmp_path, **path) == "system:serviceaccount:ancla:ancla"
    assert (tmp_path / "ancla.kubeconfig").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["vault/ancla.hcl", "consul/ancla.hcl", "consul/agent.hcl"])
def test_policies_are_named_where_they_are(name: str) -> None:
    assert f"engines/cluster/{name}" in PAGE and (ROOT / "engines" / "cluster" / name).is_file()
