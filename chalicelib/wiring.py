"""From settings to ports: the only place that chooses adapters. Vendors are imported inside the functions that need them, so a
function that lists workspaces loads no engine."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.ports import Ports
from chalicelib.ports.builder import Builder
from chalicelib.ports.catalog import Catalog
from chalicelib.ports.clock import Clock
from chalicelib.ports.cluster import Cluster
from chalicelib.ports.notifier import Notifier
from chalicelib.ports.registry import Registry, RegistryTokens
from chalicelib.ports.source import SourceHost
from chalicelib.ports.vault import Vault
from chalicelib.settings import Settings, read_settings

if TYPE_CHECKING:
    from chalicelib.adapters.git.credentials import Logins
    from chalicelib.adapters.kubernetes.api import Api
    from chalicelib.adapters.kubernetes.cluster import KubernetesCluster


def make_ports(settings: Settings | None = None) -> Ports:
    """The ports of this process, as its settings (default: from the environment) say."""
    return _on_this_machine(settings or read_settings())


def _on_this_machine(settings: Settings) -> Ports:
    """Ancla's own state in the home."""
    from chalicelib.adapters.clock import SystemClock
    from chalicelib.adapters.embedded.disk import ensure_home, refuse_on_lambda
    from chalicelib.adapters.embedded.logs import FileLogs
    from chalicelib.adapters.embedded.queue import SqliteQueue
    from chalicelib.adapters.embedded.tables import SqliteTable
    from chalicelib.adapters.limits import LimitedQueue, NamedLogs
    from chalicelib.adapters.records import RecordStore

    refuse_on_lambda("profile")
    ensure_home(settings.home)
    clock = SystemClock()
    return Ports(
        settings=settings,
        clock=clock,
        store=RecordStore(SqliteTable(settings.home / "state.db")),
        queue=LimitedQueue(SqliteQueue(settings.home / "queue.db", clock)),
        logs=NamedLogs(FileLogs(settings.home / "logs")),
        engines=ChosenEngines(settings, clock),
    )


class ChosenEngines:
    """The engines that the settings choose, each made when it is first asked for. Embedded ones say what they are at start-up
    (`local.py`)."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @cached_property
    def source(self) -> SourceHost:
        chosen = self._settings.source
        if chosen is not None:
            from chalicelib.adapters.git.addresses import parse_networks
            from chalicelib.adapters.git.connections import Reach
            from chalicelib.adapters.git.source import GitSource

            return GitSource(Reach(networks=parse_networks(chosen.networks), ca=chosen.ca), self._git_logins)
        from chalicelib.adapters.embedded.source import EmbeddedSource

        return EmbeddedSource(self._settings.home, local_repositories=self._settings.local_repositories)

    @cached_property
    def builder(self) -> Builder:
        chosen, registry, cluster = self._settings.builder, self._settings.registry, self._settings.kubernetes
        if chosen and registry and cluster and self.registry_tokens:
            from chalicelib.adapters.buildkit.builder import BuildKitBuilder
            from chalicelib.manifests.buildkit import BuildYard

            yard = BuildYard(
                namespace=chosen.namespace,
                image=chosen.image,
                address=chosen.address,
                tls_secret=chosen.tls_secret,
                registry=registry.address,
                bases=chosen.bases,
            )
            return BuildKitBuilder(
                self._kubernetes_api,
                yard,
                source=self.source,
                tokens=self.registry_tokens,
                clock=self._clock,
                logins=self._git_logins,
            )
        from chalicelib.adapters.embedded.builder import EmbeddedBuilder

        return EmbeddedBuilder(self._settings.home, local_repositories=self._settings.local_repositories)

    @cached_property
    def registry(self) -> Registry:
        if self._settings.registry is None or self.registry_tokens is None:
            from chalicelib.adapters.embedded.registry import EmbeddedRegistry

            return EmbeddedRegistry(self._settings.home)
        from chalicelib.adapters.registry import OciRegistry

        chosen = self._settings.registry
        return OciRegistry(chosen.address, self.registry_tokens, ca=chosen.ca, now=self._clock.now)

    @cached_property
    def registry_tokens(self) -> RegistryTokens | None:
        chosen = self._settings.registry
        if chosen is None:
            return None
        from chalicelib.adapters.registry_tokens import SignedTokens

        return SignedTokens(issuer=chosen.issuer, service=chosen.service, key=chosen.signing_key, certificate=chosen.signing_certificate)

    @cached_property
    def vault(self) -> Vault:
        chosen = self._settings.vault
        if chosen is None:
            from chalicelib.adapters.embedded.vault import EmbeddedVault

            return EmbeddedVault(self._settings.home)
        from chalicelib.adapters.vault import HashicorpVault
        from chalicelib.adapters.vault_session import VaultSession

        session = VaultSession(
            chosen.address,
            ca=chosen.ca,
            token_file=chosen.token_file,
            role_id_file=chosen.role_id_file,
            secret_id_file=chosen.secret_id_file,
        )
        # The cluster is not asked for before a workload's token is: the API keeps secrets, and has no way to the cluster.
        return HashicorpVault(
            session, lambda *of: self._kubernetes.find_token(*of), mount=chosen.mount, kubernetes_auth=chosen.kubernetes_auth
        )

    @cached_property
    def cluster(self) -> Cluster:
        if self._settings.kubernetes is not None:
            return self._kubernetes
        from chalicelib.adapters.embedded.cluster import EmbeddedCluster

        return EmbeddedCluster(self._settings.home, self._clock)

    @cached_property
    def catalog(self) -> Catalog:
        chosen = self._settings.consul
        if chosen is None:
            from chalicelib.adapters.embedded.catalog import EmbeddedCatalog

            return EmbeddedCatalog(self._settings.home / "catalog.db")
        from chalicelib.adapters.consul import ConsulCatalog

        return ConsulCatalog(chosen.address, ca=chosen.ca, token_file=chosen.token_file)

    @cached_property
    def notifier(self) -> Notifier:
        from chalicelib.adapters.embedded.notifier import FileNotifier

        return FileNotifier(self._settings.home / "notices.jsonl")

    @cached_property
    def _git_logins(self) -> Logins:
        from chalicelib.adapters.git.credentials import read_logins

        return read_logins(self._settings.source.credentials if self._settings.source else None)

    @cached_property
    def _kubernetes_api(self) -> Api:
        from chalicelib.adapters.kubernetes.api import Api

        chosen = self._settings.kubernetes
        assert chosen is not None  # the settings have a real builder or vault with a real cluster alone
        return Api(chosen.kubeconfig, chosen.context)

    @cached_property
    def _kubernetes(self) -> KubernetesCluster:
        from chalicelib.adapters.kubernetes.cluster import KubernetesCluster
        from chalicelib.adapters.kubernetes.rollouts import Patience

        chosen = self._settings.kubernetes
        assert chosen is not None  # the settings have a real vault with a real cluster alone
        patience = Patience(unschedulable=chosen.room_within)
        return KubernetesCluster(self._clock, self._kubernetes_api, patience=patience)
