"""What Ancla needs from outside, in its own nouns: one small protocol a file, and `Ports`, the bundle that is handed around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from chalicelib.ports.builder import Builder
from chalicelib.ports.catalog import Catalog
from chalicelib.ports.clock import Clock
from chalicelib.ports.cluster import Cluster
from chalicelib.ports.logs import Logs
from chalicelib.ports.notifier import Notifier
from chalicelib.ports.queue import Queue
from chalicelib.ports.registry import Registry, RegistryTokens
from chalicelib.ports.source import SourceHost
from chalicelib.ports.store import Store
from chalicelib.ports.vault import Vault
from chalicelib.settings import Settings


class Engines(Protocol):
    """What stands outside of Ancla's own state. `wiring.py` makes each when it is first asked for."""

    @property
    def source(self) -> SourceHost: ...
    @property
    def builder(self) -> Builder: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def registry_tokens(self) -> RegistryTokens | None:
        """None where the registry asks nobody for tokens: the embedded one."""

    @property
    def vault(self) -> Vault: ...
    @property
    def cluster(self) -> Cluster: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def notifier(self) -> Notifier: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All ports of one process. Engines are made when first asked for, so that a function which needs none loads none."""

    settings: Settings
    clock: Clock
    store: Store
    queue: Queue
    logs: Logs
    engines: Engines

    @property
    def source(self) -> SourceHost:
        return self.engines.source

    @property
    def builder(self) -> Builder:
        return self.engines.builder

    @property
    def registry(self) -> Registry:
        return self.engines.registry

    @property
    def registry_tokens(self) -> RegistryTokens | None:
        return self.engines.registry_tokens

    @property
    def vault(self) -> Vault:
        return self.engines.vault

    @property
    def cluster(self) -> Cluster:
        return self.engines.cluster

    @property
    def catalog(self) -> Catalog:
        return self.engines.catalog

    @property
    def notifier(self) -> Notifier:
        return self.engines.notifier
