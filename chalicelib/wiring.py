"""From settings to ports: the only place that chooses adapters. Vendors are imported inside the functions that need them, so a
function that lists workspaces loads no engine."""

from __future__ import annotations

from functools import cached_property

from chalicelib.ports import Ports
from chalicelib.ports.builder import Builder
from chalicelib.ports.catalog import Catalog
from chalicelib.ports.clock import Clock
from chalicelib.ports.cluster import Cluster
from chalicelib.ports.notifier import Notifier
from chalicelib.ports.registry import Registry
from chalicelib.ports.source import SourceHost
from chalicelib.ports.vault import Vault
from chalicelib.settings import Settings, read_settings


def make_ports(settings: Settings | None = None) -> Ports:
    """The ports of this process, as its settings (default: from the environment) say."""
    return _embedded(settings or read_settings())


def _embedded(settings: Settings) -> Ports:
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
        engines=EmbeddedEngines(settings, clock),
    )


class EmbeddedEngines:
    """The engines of one machine, all below its home. They say what they are at start-up (`local.py`)."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @cached_property
    def source(self) -> SourceHost:
        from chalicelib.adapters.embedded.source import EmbeddedSource

        return EmbeddedSource(self._settings.home, local_repositories=self._settings.local_repositories)

    @cached_property
    def builder(self) -> Builder:
        from chalicelib.adapters.embedded.builder import EmbeddedBuilder

        return EmbeddedBuilder(self._settings.home, local_repositories=self._settings.local_repositories)

    @cached_property
    def registry(self) -> Registry:
        from chalicelib.adapters.embedded.registry import EmbeddedRegistry

        return EmbeddedRegistry(self._settings.home)

    @cached_property
    def vault(self) -> Vault:
        from chalicelib.adapters.embedded.vault import EmbeddedVault

        return EmbeddedVault(self._settings.home)

    @cached_property
    def cluster(self) -> Cluster:
        from chalicelib.adapters.embedded.cluster import EmbeddedCluster

        return EmbeddedCluster(self._settings.home, self._clock)

    @cached_property
    def catalog(self) -> Catalog:
        from chalicelib.adapters.embedded.catalog import EmbeddedCatalog

        return EmbeddedCatalog(self._settings.home / "catalog.db")

    @cached_property
    def notifier(self) -> Notifier:
        from chalicelib.adapters.embedded.notifier import FileNotifier

        return FileNotifier(self._settings.home / "notices.jsonl")
