"""What is around the services of one cluster, and differs from cluster to cluster: registry, Vault, ingress, neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.manifests.vault import MOUNT
from chalicelib.settings import Settings

VAULT_PORT = 8200


@dataclass(frozen=True, slots=True, kw_only=True)
class Injector:
    """What brings the secrets in: the image that envconsul is copied from, and the Vault that it asks."""

    image: str = "hashicorp/envconsul:0.13.2"
    binary: str = "/bin/envconsul"
    vault_address: str = "https://vault.vault.svc:8200"
    vault_ca: str = ""
    """The certificates that Vault's own is checked with, in PEM; empty: the image's."""
    vault_mount: str = MOUNT
    vault_auth: str = "kubernetes"
    """Where the auth method is mounted that pods log in with."""

    @property
    def vault_port(self) -> int:
        return urlsplit(self.vault_address).port or VAULT_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Whom pods may talk with: namespaces, or ranges of addresses (they have a slash) for what runs outside of the cluster. The
    networks of the cluster itself are reached through these only."""

    dns: str = "kube-system"
    consul: str = "consul"
    vault: str = "vault"
    ingress: str = "ingress-nginx"
    inner_networks: tuple[str, ...] = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
    inner_networks_v6: tuple[str, ...] = ("fc00::/7",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    registry: str = ""
    """Host and port that stand in front of the images' names; empty where the names have one."""
    injector: Injector = Injector()
    neighbours: Neighbours = Neighbours()
    ingress_class: str = "nginx"
    certificate_issuer: str = "letsencrypt"
    """The ClusterIssuer of cert-manager; empty: hosts are reached with the ingress controller's own default certificate."""
    account: str = ""
    """Ancla's own account in the cluster, as `namespace/name`, where it has rights in the workspaces' namespaces only; empty where
    whoever runs the cluster gave it all of them at once."""

    def image(self, reference: str) -> str:
        """The image as a node pulls it."""
        return f"{self.registry}/{reference}" if self.registry else reference


SURROUNDINGS = Surroundings()


def surroundings_of(settings: Settings) -> Surroundings:
    """As the settings say; those of the embedded cluster, which reads none of it, are the defaults."""
    cluster = settings.kubernetes
    if cluster is None:
        return SURROUNDINGS
    return Surroundings(
        registry=settings.registry.address if settings.registry else "",
        injector=Injector(
            image=cluster.envconsul_image,
            binary=cluster.envconsul_binary,
            vault_address=cluster.vault_address,
            vault_ca=cluster.vault_ca,
            vault_mount=settings.vault.mount if settings.vault else MOUNT,
            vault_auth=settings.vault.kubernetes_auth if settings.vault else "kubernetes",
        ),
        neighbours=Neighbours(dns=cluster.dns_peer, consul=cluster.consul_peer, vault=cluster.vault_peer, ingress=cluster.ingress_peer),
        ingress_class=cluster.ingress_class,
        certificate_issuer=cluster.certificate_issuer,
        account=cluster.account,
    )
