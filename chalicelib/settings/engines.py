"""Which engines are used, and how each is reached.

One engine at a time: ANCLA_CLUSTER=kubernetes, ANCLA_REGISTRY=registry, ANCLA_VAULT=vault, ANCLA_BUILDER=buildkit,
ANCLA_CATALOG=consul, each or `embedded`. What pods need follows the cluster: neither can a real one pull from the embedded registry or
read from the embedded vault, nor the embedded one from real ones. Builds are jobs of the cluster, and follow it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.errors import Invalid
from chalicelib.settings.values import Values

EMBEDDED = "embedded"
REAL = {
    "ANCLA_CLUSTER": "kubernetes",
    "ANCLA_REGISTRY": "registry",
    "ANCLA_VAULT": "vault",
    "ANCLA_BUILDER": "buildkit",
    "ANCLA_CATALOG": "consul",
}
"""What each engine's setting takes beside `embedded`."""
DEFAULT_ROOM_WITHIN = 8
MAX_ROOM_WITHIN = 3600
FOLLOW_THE_CLUSTER = ("ANCLA_REGISTRY", "ANCLA_VAULT", "ANCLA_BUILDER")


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings:
    kubeconfig: Path | None
    """None: Ancla runs in the cluster, as its own service account."""
    context: str
    ingress_class: str
    certificate_issuer: str
    envconsul_image: str
    """The image that pods copy envconsul from, and where it lies in it."""
    envconsul_binary: str
    vault_address: str
    """Vault as pods reach it."""
    vault_ca: str
    """The certificates that pods check Vault's with, in PEM; empty: those of their image."""
    vault_peer: str
    """Whom pods may talk with: each a namespace, or an IP range with a slash."""
    consul_peer: str
    ingress_peer: str
    dns_peer: str
    account: str
    """Ancla's own account in the cluster, as `namespace/name`, where it has rights in the workspaces' namespaces only; empty where it
    was given all of them at once."""
    room_within: int
    """Seconds after which a pod that no node has room for fails its deploy, unless an autoscaler said that it adds one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildKitSettings:
    address: str
    """BuildKit as pods of the namespace `namespace` reach it, such as `tcp://buildkitd.buildkit.svc:1234`."""
    namespace: str
    image: str
    """Of the jobs: it has buildctl and cp."""
    tls_secret: str
    """The Secret of that namespace with `ca.pem`, `cert.pem` and `key.pem`, which BuildKit takes for a client's."""
    bases: tuple[str, ...]
    """Repositories of the registry that every build may pull from; all below one with `/*` behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    networks: tuple[str, ...]
    """Private networks in which git servers may be, as CIDRs. All others that are not public are refused."""
    credentials: Path | None
    """Logins for git servers, as git's own credential store writes them: lines of https://user:token@host."""
    ca: Path | None
    """The certificates that git servers' own are checked with, in PEM; None: the system's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    address: str
    ca: Path | None
    """The certificates that the server's own is checked with, in PEM; None: the system's."""
    mount: str
    """The KV v2 engine that Ancla writes to."""
    kubernetes_auth: str
    """Where the auth method is mounted that pods log in with."""
    token_file: Path | None
    """Ancla's own login: a token, or the two halves of an AppRole."""
    role_id_file: Path | None
    secret_id_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsulSettings:
    address: str
    """The one agent that all services are registered with: it is the one that runs their health checks."""
    ca: Path | None
    token_file: Path | None
    """None: the agent checks no tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    address: str
    """Host and port, as images are named with it."""
    ca: Path | None
    issuer: str
    service: str
    """Who signs tokens, and for whom, as the registry's own configuration has it (`auth.token`)."""
    signing_key: Path
    signing_certificate: Path
    """In PEM, the key's own certificate first, then those up to one that the registry trusts."""


def chosen_engines(values: Values, *, real: bool) -> dict[str, str]:
    """Which one is used of each kind, by the name of its setting. `real`: what is used where nothing is set."""
    engines = {"ANCLA_CLUSTER": _choice(values, "ANCLA_CLUSTER", real=real)}
    real_cluster = engines["ANCLA_CLUSTER"] != EMBEDDED
    for name in FOLLOW_THE_CLUSTER:
        engines[name] = _choice(values, name, real=real_cluster)
        if (engines[name] != EMBEDDED) != real_cluster:
            raise Invalid(
                f"{name}={engines[name]} does not go with ANCLA_CLUSTER={engines['ANCLA_CLUSTER']}: its pods could use nothing of it",
                code="setting_invalid",
                hint=f"leave {name} out: it follows the cluster",
            )
    engines["ANCLA_CATALOG"] = _choice(values, "ANCLA_CATALOG", real=real)
    return engines


def read_kubernetes(values: Values) -> KubernetesSettings:
    return KubernetesSettings(
        kubeconfig=values.file("ANCLA_KUBECONFIG"),
        context=values.text("ANCLA_KUBECONFIG_CONTEXT"),
        ingress_class=values.text("ANCLA_INGRESS_CLASS", "nginx"),
        certificate_issuer=values.text("ANCLA_CERTIFICATE_ISSUER", "letsencrypt"),
        envconsul_image=values.text("ANCLA_ENVCONSUL_IMAGE", "hashicorp/envconsul:0.13.2"),
        envconsul_binary=values.text("ANCLA_ENVCONSUL_BINARY", "/bin/envconsul"),
        vault_address=values.text("ANCLA_VAULT_POD_ADDRESS") or values.text("ANCLA_VAULT_ADDRESS"),
        vault_ca=values.content("ANCLA_VAULT_CA"),
        vault_peer=values.text("ANCLA_VAULT_PEER", "vault"),
        consul_peer=values.text("ANCLA_CONSUL_PEER", "consul"),
        ingress_peer=values.text("ANCLA_INGRESS_PEER", "ingress-nginx"),
        dns_peer=values.text("ANCLA_DNS_PEER", "kube-system"),
        account=values.text("ANCLA_KUBERNETES_ACCOUNT"),
        room_within=values.number("ANCLA_ROOM_WITHIN", DEFAULT_ROOM_WITHIN, 1, MAX_ROOM_WITHIN),
    )


def read_buildkit(values: Values) -> BuildKitSettings:
    return BuildKitSettings(
        address=values.needed("ANCLA_BUILDKIT_ADDRESS"),
        namespace=values.text("ANCLA_BUILDKIT_NAMESPACE", "ancla-builds"),
        image=values.text("ANCLA_BUILDKIT_IMAGE", "moby/buildkit:v0.34.2"),
        tls_secret=values.text("ANCLA_BUILDKIT_TLS_SECRET", "buildkit-client"),
        bases=values.words("ANCLA_BUILD_BASES"),
    )


def read_source(values: Values) -> SourceSettings:
    return SourceSettings(
        networks=values.words("ANCLA_GIT_NETWORKS"), credentials=values.file("ANCLA_GIT_CREDENTIALS"), ca=values.file("ANCLA_GIT_CA")
    )


def read_vault(values: Values) -> VaultSettings:
    token_file = values.file("ANCLA_VAULT_TOKEN_FILE")
    return VaultSettings(
        address=values.address("ANCLA_VAULT_ADDRESS"),
        ca=values.file("ANCLA_VAULT_CA"),
        mount=values.text("ANCLA_VAULT_MOUNT", "ancla").strip("/"),
        kubernetes_auth=values.text("ANCLA_VAULT_AUTH", "kubernetes").strip("/"),
        token_file=token_file,
        role_id_file=None if token_file else values.needed_file("ANCLA_VAULT_ROLE_ID_FILE"),
        secret_id_file=None if token_file else values.needed_file("ANCLA_VAULT_SECRET_ID_FILE"),
    )


def read_consul(values: Values) -> ConsulSettings:
    return ConsulSettings(
        address=values.address("ANCLA_CONSUL_ADDRESS"), ca=values.file("ANCLA_CONSUL_CA"), token_file=values.file("ANCLA_CONSUL_TOKEN_FILE")
    )


def read_registry(values: Values) -> RegistrySettings:
    return RegistrySettings(
        address=values.needed("ANCLA_REGISTRY_ADDRESS"),
        ca=values.file("ANCLA_REGISTRY_CA"),
        issuer=values.text("ANCLA_REGISTRY_ISSUER", "ancla"),
        service=values.text("ANCLA_REGISTRY_SERVICE", "ancla-registry"),
        signing_key=values.needed_file("ANCLA_REGISTRY_SIGNING_KEY"),
        signing_certificate=values.needed_file("ANCLA_REGISTRY_SIGNING_CERT"),
    )


def _choice(values: Values, name: str, *, real: bool) -> str:
    return values.choice(name, REAL[name] if real else EMBEDDED, [EMBEDDED, REAL[name]])
