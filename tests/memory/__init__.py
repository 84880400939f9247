"""Engines in memory, over virtual time: they hold what the pipeline made outside, and can be told to fail."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.ports.clock import Clock
from chalicelib.ports.registry import RegistryTokens
from tests.memory.builder import MemoryBuilder
from tests.memory.catalog import MemoryCatalog
from tests.memory.cluster import MemoryCluster
from tests.memory.notifier import MemoryNotifier
from tests.memory.registry import MemoryRegistry
from tests.memory.source import MemorySource
from tests.memory.vault import MemoryVault

__all__ = [
    "MemoryBuilder",
    "MemoryCatalog",
    "MemoryCluster",
    "MemoryEngines",
    "MemoryNotifier",
    "MemoryRegistry",
    "MemorySource",
    "MemoryVault",
    "memory_engines",
]


@dataclass
class MemoryEngines:
    source: MemorySource
    builder: MemoryBuilder
    registry: MemoryRegistry
    vault: MemoryVault
    cluster: MemoryCluster
    catalog: MemoryCatalog
    notifier: MemoryNotifier
    registry_tokens: RegistryTokens | None = None


def memory_engines(clock: Clock) -> MemoryEngines:
    source, registry = MemorySource(), MemoryRegistry()
    return MemoryEngines(
        source=source,
        builder=MemoryBuilder(clock, source, registry),
        registry=registry,
        vault=MemoryVault(),
        cluster=MemoryCluster(clock),
        catalog=MemoryCatalog(),
        notifier=MemoryNotifier(),
    )
