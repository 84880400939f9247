"""Runs as callers see them: the newest one's status, what there was, one of them; and the pin that holds pushes back."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain import keys
from chalicelib.domain.errors import NotFound
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.lanes import Held, Lane
from chalicelib.domain.runs import Run
from chalicelib.domain.status import PipelineStatus, pipeline_status
from chalicelib.pipeline import intents
from chalicelib.pipeline.intents import Accepted
from chalicelib.ports import Ports
from chalicelib.ports.store import get_one

MAX_HISTORY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """Where the newest run that builds or deploys is, and what the lane holds beside it."""

    pipeline: PipelineStatus
    run: int = 0
    """Its number; 0: there is none yet."""
    active: int = 0
    """The number of the deploy that runs; 0: none does."""
    pinned: bool = False
    held: Held | None = None


def read_status(ports: Ports, service: Service) -> ServiceStatus:
    """Reads records only, so it answers whatever else is down."""
    lane = get_one(ports.store, keys.lane(service.id))
    if lane is None:
        return ServiceStatus(pipeline=PipelineStatus())
    return ServiceStatus(
        pipeline=_status_of_newest(ports, lane),
        run=lane.latest,
        active=lane.active.deploy if lane.active else 0,
        pinned=lane.pinned_by > 0,
        held=lane.held,
    )


def read_history(ports: Ports, service: Service, limit: int) -> list[Run]:
    """The service's runs, the newest first."""
    page = ports.store.query(*keys.runs(service.id), newest_first=True, limit=min(max(limit, 1), MAX_HISTORY))
    return list(page.items)


def find_run(ports: Ports, service: Service, number: str) -> Run:
    run = get_one(ports.store, keys.run(service.id, int(number))) if number.isdecimal() and len(number) <= 10 else None
    if run is None:
        raise NotFound(
            f"{service.address} has no run {number[:20]!r}",
            code="run_not_found",
            hint="the pipeline's history lists the runs with their numbers",
        )
    return run


def pin(ports: Ports, service: Service, by: str) -> None:
    """From now on pushes make no runs; the newest one is held."""
    intents.pin(ports, service, by)


def unpin(ports: Ports, service: Service, by: str) -> Accepted | None:
    """Lifts the pin; what was held becomes a run now. None: nothing was held."""
    return intents.unpin(ports, service, by)


def _status_of_newest(ports: Ports, lane: Lane) -> PipelineStatus:
    """Build and deploy are read after the run, so that they are never behind what it says."""
    run = get_one(ports.store, keys.run(lane.service_id, lane.latest)) if lane.latest else None
    if run is None:
        return PipelineStatus()
    build, deploy = ports.store.get([keys.build(run.owner, run.build), keys.deploy(run.owner, run.deploy)])
    return pipeline_status(run, build, deploy)
