"""Settings: what is chosen by the profile and by single engines, and what is said of those that are missing or wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.adapters.consul import ConsulCatalog
from chalicelib.adapters.embedded.catalog import EmbeddedCatalog
from chalicelib.adapters.embedded.cluster import EmbeddedCluster
from chalicelib.adapters.embedded.registry import EmbeddedRegistry
from chalicelib.adapters.embedded.vault import EmbeddedVault
from chalicelib.adapters.git.source import GitSource
from chalicelib.adapters.registry import OciRegistry
from chalicelib.adapters.vault import HashicorpVault
from chalicelib.domain.errors import Invalid
from chalicelib.settings import Profile, read_settings
from chalicelib.wiring import make_ports
from tests.contracts.signers import Authority

NEEDED = (
    "ANCLA_BUILDKIT_ADDRESS",
    "ANCLA_CONSUL_ADDRESS",
    "ANCLA_INGRESS_ADDRESS",
    "ANCLA_REGISTRY_ADDRESS",
    "ANCLA_REGISTRY_SIGNING_CERT",
    "ANCLA_REGISTRY_SIGNING_KEY",
    "ANCLA_VAULT_ADDRESS",
    "ANCLA_VAULT_ROLE_ID_FILE",
    "ANCLA_VAULT_SECRET_ID_FILE",
)


@pytest.fixture
def complete(tmp_path: Path) -> dict[str, str]:
    """Settings of all real engines."""
    signer = Authority(tmp_path / "pki").issue("signer")
    for name in ("ca", "role-id", "secret-id", "token"):
        (tmp_path / name).write_text(f"text of {name}")
    return {
        "ANCLA_PROFILE": "engines",
        "ANCLA_HOME": str(tmp_path / "home"),
        "ANCLA_INGRESS_ADDRESS": "10.199.0.2:80",
        "ANCLA_BUILDKIT_ADDRESS": "tcp://buildkitd.buildkit.svc:1234",
        "ANCLA_VAULT_ADDRESS": "https://vault.example:8200/",
        "ANCLA_VAULT_CA": str(tmp_path / "ca"),
        "ANCLA_VAULT_ROLE_ID_FILE": str(tmp_path / "role-id"),
        "ANCLA_VAULT_SECRET_ID_FILE": str(tmp_path / "secret-id"),
        "ANCLA_CONSUL_ADDRESS": "https://consul.example:8501",
        "ANCLA_CONSUL_TOKEN_FILE": str(tmp_path / "token"),
        "ANCLA_REGISTRY_ADDRESS": "registry.example:5000",
        "ANCLA_REGISTRY_SIGNING_KEY": str(signer.key),
        "ANCLA_REGISTRY_SIGNING_CERT": str(signer.certificate),
    }


def refusal(environ: dict[str, str]) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read_settings(environ)
    assert caught.value.hint
    return caught.value


def test_nothing_set_is_the_embedded_profile() -> None:
    settings = read_settings({})
    assert settings.profile is Profile.EMBEDDED
    assert (settings.kubernetes, settings.vault, settings.consul, settings.registry) == (None, None, None, None)
    assert (settings.router_host, settings.router_port, settings.local_repositories) == ("127.0.0.1", 8701, True)


def test_the_engines_profile_is_all_real_ones(complete: dict[str, str]) -> None:
    settings = read_settings(complete)
    assert settings.vault and settings.consul and settings.registry and settings.kubernetes
    assert settings.vault.address == "https://vault.example:8200"
    assert settings.kubernetes.vault_ca == "text of ca"
    assert (settings.router_host, settings.router_port, settings.local_repositories) == ("10.199.0.2", 80, False)
    assert settings.url_of("api.apps.example") == "http://api.apps.example"


def test_with_certificates_services_are_reached_by_https(complete: dict[str, str]) -> None:
    settings = read_settings({**complete, "ANCLA_TLS": "on", "ANCLA_INGRESS_ADDRESS": "10.199.0.2:443"})
    assert settings.url_of("api.apps.example") == "https://api.apps.example"
    assert read_settings({"ANCLA_ROUTER_PORT": "8701"}).url_of("api.localhost") == "http://api.localhost:8701"


def test_all_that_is_missing_is_named_at_once() -> None:
    error = refusal({"ANCLA_PROFILE": "engines"})
    assert error.code == "setting_missing"
    assert sorted(error.message.removeprefix("settings are missing: ").split(", ")) == list(NEEDED)
    assert "ANCLA_VAULT=vault" in error.hint


@pytest.mark.parametrize("name", NEEDED)
def test_each_that_is_missing_is_named(complete: dict[str, str], name: str) -> None:
    del complete[name]
    assert refusal(complete).message == f"settings are missing: {name}"


def test_a_token_file_takes_the_place_of_an_approle(complete: dict[str, str]) -> None:
    del complete["ANCLA_VAULT_ROLE_ID_FILE"], complete["ANCLA_VAULT_SECRET_ID_FILE"]
    complete["ANCLA_VAULT_TOKEN_FILE"] = complete["ANCLA_CONSUL_TOKEN_FILE"]
    settings = read_settings(complete)
    assert settings.vault and settings.vault.token_file == Path(complete["ANCLA_VAULT_TOKEN_FILE"])


def test_one_engine_can_be_real(complete: dict[str, str]) -> None:
    settings = read_settings({"ANCLA_CATALOG": "consul", "ANCLA_CONSUL_ADDRESS": complete["ANCLA_CONSUL_ADDRESS"]})
    assert settings.consul and settings.consul.token_file is None
    assert (settings.kubernetes, settings.vault, settings.registry) == (None, None, None)


def test_one_engine_can_stay_embedded(complete: dict[str, str]) -> None:
    settings = read_settings({**complete, "ANCLA_CATALOG": "embedded"})
    assert settings.consul is None and settings.vault and settings.kubernetes


def test_registry_and_vault_follow_the_cluster(complete: dict[str, str]) -> None:
    settings = read_settings({**complete, "ANCLA_PROFILE": "embedded", "ANCLA_CLUSTER": "kubernetes"})
    assert settings.kubernetes and settings.vault and settings.registry and settings.consul is None


@pytest.mark.parametrize(
    ("name", "engine", "cluster"),
    [
        ("ANCLA_VAULT", "vault", "embedded"),
        ("ANCLA_REGISTRY", "registry", "embedded"),
        ("ANCLA_VAULT", "embedded", "kubernetes"),
        ("ANCLA_REGISTRY", "embedded", "kubernetes"),
    ],
)
def test_what_its_pods_could_not_use_does_not_go_with_a_cluster(complete: dict[str, str], name: str, engine: str, cluster: str) -> None:
    error = refusal({**complete, "ANCLA_CLUSTER": cluster, name: engine})
    assert error.code == "setting_invalid"
    assert f"{name}={engine}" in error.message and f"ANCLA_CLUSTER={cluster}" in error.message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ANCLA_PROFILE", "nonsense", "is not known"),
        ("ANCLA_CLUSTER", "swarm", "is not known"),
        ("ANCLA_TLS", "yes", "is not known"),
        ("ANCLA_PORT", "http", "is not a port"),
        ("ANCLA_PORT", "65536", "is not a port"),
        ("ANCLA_KEEP_DEPLOYS", "1", "cannot be used"),
        ("ANCLA_ROOM_WITHIN", "0", "cannot be used"),
        ("ANCLA_VAULT_ADDRESS", "vault:8200", "is not an address"),
        ("ANCLA_CONSUL_ADDRESS", "https://", "is not an address"),
        ("ANCLA_INGRESS_ADDRESS", "10.199.0.2", "is not an address"),
        ("ANCLA_VAULT_CA", "/nonexistent/ca", "is no file"),
        ("ANCLA_KUBECONFIG", "/nonexistent/config", "is no file"),
        ("ANCLA_REGISTRY_SIGNING_KEY", "/nonexistent/key", "is no file"),
    ],
)
def test_a_value_that_cannot_be_taken_is_named(complete: dict[str, str], name: str, value: str, said: str) -> None:
    error = refusal({**complete, name: value})
    assert error.code == "setting_invalid"
    assert error.message.startswith(f"{name}=") and said in error.message


def test_wiring_makes_the_engines_that_are_chosen(complete: dict[str, str], tmp_path: Path) -> None:
    real = make_ports(read_settings(complete))
    assert isinstance(real.vault, HashicorpVault)
    assert isinstance(real.source, GitSource)
    assert isinstance(real.catalog, ConsulCatalog)
    assert isinstance(real.registry, OciRegistry)
    assert real.registry_tokens is not None
    embedded = make_ports(read_settings({"ANCLA_HOME": str(tmp_path / "embedded")}))
    assert isinstance(embedded.vault, EmbeddedVault)
    assert isinstance(embedded.catalog, EmbeddedCatalog)
    assert isinstance(embedded.registry, EmbeddedRegistry)
    assert isinstance(embedded.cluster, EmbeddedCluster)
    assert embedded.registry_tokens is None


def test_the_number_of_kept_deploys_can_be_set() -> None:
    assert [read_settings(environ).kept_deploys for environ in ({}, {"ANCLA_KEEP_DEPLOYS": "2"})] == [20, 2]


def test_how_long_a_pod_without_room_is_borne_with_is_a_setting(complete: dict[str, str]) -> None:
    told = [read_settings(complete | more).kubernetes for more in ({}, {"ANCLA_ROOM_WITHIN": "90"})]
    assert [one.room_within for one in told if one] == [8, 90]
