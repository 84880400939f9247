"""What an engine is: how it is started, when it is ready, what must be there before, and what must be cleared away after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from engines.errors import Trouble


class Place(StrEnum):
    MACHINE = "machine"
    """In the machine's own namespaces."""
    NODE = "node"
    """In the process, mount and network namespaces of the Kubernetes node, and gone with them."""


class State(StrEnum):
    READY = "ready"
    NOT_READY = "not ready"
    """Its process lives (or it runs inside another engine), but it does not do its work."""
    DEAD = "dead"
    """It was started, and its process is gone."""
    STOPPED = "stopped"


Check = Callable[[], bool]
Effect = Callable[[], None]


def nothing() -> None:
    """For an engine that needs no such effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """All three effects are idempotent: each `up` does them again, so an engine that died is brought back whole."""

    name: str
    version: str
    licence: str
    """SPDX identifier."""
    ready: Check
    """Asks the engine for real (no look at the process). False while it does not answer; it never raises."""
    address: str = ""
    """Where clients reach it."""
    argv: tuple[str, ...] = ()
    """Absolute paths throughout. Empty: it runs inside another engine (as a pod), which `after` asks for."""
    environment: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[Path, ...] = ()
    """Files that it reads at its start alone. Where one of them, `argv` or `environment` is another one, `up` starts it again."""
    place: Place = Place.MACHINE
    forks: bool = False
    """`argv` is a launcher whose only child is the engine itself."""
    needs: tuple[str, ...] = ()
    """Names of the engines that must be ready before it is started."""
    before: Effect = nothing
    """Makes what it reads at its start: certificates, configuration."""
    answers: Check | None = None
    """When `after` may begin, if that is sooner than `ready` (Vault answers while it is sealed). Without `argv`: at once."""
    after: Effect = nothing
    """What makes it ready, or useful: unsealing, importing images, applying objects."""
    clean: Effect = nothing
    """Clears away what outlives its process, once that is stopped."""
    ready_within: float = 60
    stop_within: float = 10
    exports: Mapping[str, str] = field(default_factory=dict)
    """What clients need to know, for the file `environment` in the home. Paths of secrets, never secrets."""


def definition_of(engine: Engine) -> str:
    """In short, what its process is started as, files that it reads included."""
    digest = hashlib.sha256(json.dumps([*engine.argv, *sorted(engine.environment.items())]).encode())
    for path in engine.reads:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def in_order(engines: Iterable[Engine]) -> list[Engine]:
    """The engines, each after the ones that it needs. Raises Trouble for a need that nobody fills, or a circle."""
    by_name = {engine.name: engine for engine in engines}
    done: dict[str, Engine] = {}

    def visit(name: str, wanted_by: tuple[str, ...]) -> None:
        if name in wanted_by:
            raise Trouble(f"engines need each other in a circle: {' > '.join([*wanted_by, name])}")
        if name not in by_name:
            raise Trouble(f"there is no engine {name!r}" + (f", which {wanted_by[-1]} needs" if wanted_by else ""))
        for need in by_name[name].needs:
            visit(need, (*wanted_by, name))
        done.setdefault(name, by_name[name])

    for name in by_name:
        visit(name, ())
    return list(done.values())
