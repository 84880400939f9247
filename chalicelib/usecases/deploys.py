"""Deploys: asking for one, going back to an earlier one, and reading what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain import keys
from chalicelib.domain.builds import Build, BuildState
from chalicelib.domain.deploys import Deploy, DeployState, deploy_log
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.hierarchy import Environment, Service, SourceKind
from chalicelib.domain.keep import Keep
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Request, Run, RunKind
from chalicelib.domain.snapshots import SnapshotRecord
from chalicelib.domain.sources import check_ref
from chalicelib.domain.status import DeployStatus, status_of_deploy, status_of_run_as_deploy
from chalicelib.domain.transcripts import shown_text
from chalicelib.pipeline.intents import Accepted, accept
from chalicelib.ports import Ports
from chalicelib.ports.store import Check, get_one
from chalicelib.usecases import services
from chalicelib.usecases.lookups import find_deploys, find_service, only_one
from chalicelib.usecases.refusals import check_open

MAX_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployWish:
    """What is to be deployed: a ref (empty: the source's branch), an earlier build, or only the config that is set now."""

    ref: str = ""
    build: int = 0
    config_only: bool = False
    strategy: str = ""


def deploy(ports: Ports, service: Service, wish: DeployWish, by: str) -> Accepted:
    """Accepts a deploy. Raises Invalid or NotFound for a wish that cannot be met, Conflict when the service is being deleted."""
    check_open(service)
    _check_one_wish(wish)
    if wish.config_only:
        _check_deployed_once(ports, service)
        return accept(ports, service, Request(kind=RunKind.CONFIG_ONLY, by=by))
    if wish.build:
        _check_build(ports, service, wish.build)
        return accept(ports, service, Request(kind=RunKind.DEPLOY, by=by, build=wish.build))
    check_source(service, wish.ref)
    return accept(ports, service, Request(kind=RunKind.DEPLOY, by=by, ref=wish.ref, strategy=wish.strategy))


def deploy_all(ports: Ports, environment: Environment, by: str) -> list[tuple[Service, Accepted]]:
    """Accepts a deploy of every service of the environment that has a source. Raises Invalid when none has."""
    deployable = [service for service in services_of(ports, environment) if service.source.location and not service.closing]
    if not deployable:
        raise Invalid(
            f"no service of {environment.address} has a repository",
            code="source_missing",
            hint=f"create one: ancla services create {environment.address} NAME --repository URL",
        )
    return [(service, deploy(ports, service, DeployWish(), by)) for service in deployable]


def rollback(ports: Ports, service: Service, version: int, by: str) -> Accepted:
    """Accepts going back to the deploy with number `version`; 0 means the good one before the active one. Raises NotFound or
    Conflict when that deploy cannot be gone back to."""
    check_open(service)
    target = _deploy_to_go_back_to(ports, service, version)
    record = get_one(ports.store, keys.snapshot(service.id, target.snapshot))
    if record is None or record.keep is not Keep.LIVE:
        raise Conflict(
            f"the snapshot of deploy {target.number} has been removed",
            code="snapshot_expired",
            hint=f"deploy its commit again: {target.commit[:12]}" if target.commit else "choose a later deploy",
        )
    request = Request(kind=RunKind.ROLLBACK, by=by, snapshot=target.snapshot, rollback_to=target.number)
    return accept(ports, service, request, changes=[unexpired(record)])


def unexpired(record: SnapshotRecord) -> Check:
    """For the accepting commit: the snapshot is still kept, so no clean-up can be choosing it at this moment."""
    return Check(keys.key_of(record), record.version)


def check_source(service: Service, ref: str) -> None:
    """Raises Invalid unless the service has something to build, and `ref` (if any) can be a ref of it."""
    if not service.source.location:
        raise Invalid(
            f"{service.address} has no repository",
            code="source_missing",
            hint=f"set one: ancla services update {service.address} --repository URL",
            extra={"repository": "not set"},
        )
    if not ref:
        return
    if service.source.kind is SourceKind.IMAGE:
        raise Invalid(
            f"{service.address} runs a ready image, which has no refs",
            code="ref_invalid",
            hint="leave the ref out",
            extra={"ref": "not used"},
        )
    check_ref(ref)


def services_of(ports: Ports, environment: Environment) -> list[Service]:
    return [listed.service for listed in services.list_services(ports, environment.address)]


def list_deploys(ports: Ports, service: Service) -> list[DeployStatus]:
    """The service's newest deploys, the newest first."""
    lane = get_one(ports.store, keys.lane(service.id))
    page = ports.store.query(*keys.deploys(service.id), newest_first=True, limit=MAX_LISTED)
    return [status_of_deploy(record, lane) for record in page.items]


def list_deploys_of_environment(ports: Ports, environment: Environment) -> list[tuple[Service, DeployStatus]]:
    """The newest deploys of all the environment's services, the newest first."""
    listed = [(service, view) for service in services_of(ports, environment) for view in list_deploys(ports, service)]
    return sorted(listed, key=lambda entry: (entry[1].created, entry[1].id), reverse=True)[:MAX_LISTED]


def find_in_services(ports: Ports, among: Sequence[Service], text: str) -> tuple[Service, DeployStatus]:
    """The one deploy of these services that `text` (an id or a unique beginning of one) names."""
    by_id = {service.id: service for service in among}
    found = [record for record in find_deploys(ports, text) if _owner(record) in by_id]
    record = only_one(found, "deploy", text)
    return by_id[_owner(record)], _view(ports, record)


def find_everywhere(ports: Ports, text: str) -> list[tuple[Service, DeployStatus]]:
    """All deploys that `text` names, with their services: for a caller who is yet to be checked against each."""
    found = [(find_service(ports, _owner(record)), record) for record in find_deploys(ports, text)]
    return [(service, _view(ports, record)) for service, record in found if service is not None]


def read_log(ports: Ports, service: Service, deploy: DeployStatus) -> str:
    """What the deploy's run has told so far. It is read after the deploy: when that says it ended, the text is complete."""
    return shown_text(ports.logs.read(deploy_log(service.id, deploy.run)), ended=deploy.complete or deploy.error)


def _check_one_wish(wish: DeployWish) -> None:
    chosen = [name for name, given in (("ref", wish.ref), ("version", wish.build), ("config_only", wish.config_only)) if given]
    if len(chosen) > 1:
        raise Invalid(
            f"{' and '.join(chosen)} exclude each other",
            code="deploy_ambiguous",
            hint="send one of ref (build it), version (an earlier build) and config_only",
            extra=dict.fromkeys(chosen, "excludes the others"),
        )


def _check_deployed_once(ports: Ports, service: Service) -> None:
    lane = get_one(ports.store, keys.lane(service.id))
    if lane is None or not (lane.active or lane.running or lane.waiting):
        raise Conflict(
            f"{service.address} runs nothing yet, so there is no image to give a new config",
            code="nothing_deployed",
            hint=f"deploy it first: ancla deploy {service.address}",
        )


def _check_build(ports: Ports, service: Service, number: int) -> None:
    build: Build | None = get_one(ports.store, keys.build(service.id, number)) if number > 0 else None
    if build is None:
        raise NotFound(
            f"{service.address} has no build v{number}",
            code="build_not_found",
            hint=f"choose one: ancla builds list {service.address}",
        )
    if build.state is not BuildState.SUCCEEDED:
        raise Conflict(
            f"build v{number} of {service.address} has no image: it is {build.state.value}",
            code="build_not_usable",
            hint=f"choose a build that succeeded: ancla builds list {service.address}",
        )
    if build.keep is not Keep.LIVE:
        raise Conflict(
            f"the image of build v{number} of {service.address} has been removed",
            code="image_expired",
            hint=f"build its commit again: ancla deploy {service.address} --ref {build.commit[:12]}",
        )


def _deploy_to_go_back_to(ports: Ports, service: Service, version: int) -> Deploy:
    lane = get_one(ports.store, keys.lane(service.id))
    number = version or _last_good_number(ports, service, lane)
    record = get_one(ports.store, keys.deploy(service.id, number)) if number > 0 else None
    if record is None:
        raise NotFound(
            f"{service.address} has no deploy {version}" if version else f"{service.address} has no earlier deploy to go back to",
            code="deploy_not_found",
            hint=f"choose one that is complete: ancla deploys list {service.address}",
        )
    if record.state is not DeployState.COMPLETE:
        raise Conflict(
            f"deploy {number} of {service.address} never became active: it is {record.state.value}",
            code="deploy_not_good",
            hint=f"choose one that is complete: ancla deploys list {service.address}",
        )
    return record


def _last_good_number(ports: Ports, service: Service, lane: Lane | None) -> int:
    """The deploy that was active before, else the newest complete one with a lower number; 0 when there is none."""
    if lane is None or lane.active is None:
        return 0
    if lane.previous is not None:
        return lane.previous.deploy
    page = ports.store.query(*keys.deploys(service.id), newest_first=True, limit=MAX_LISTED)
    earlier = (record for record in page.items if record.number < lane.active.deploy and record.state is DeployState.COMPLETE)
    return next((record.number for record in earlier), 0)


def _owner(record: Deploy | Run) -> str:
    return record.service_id if isinstance(record, Deploy) else record.owner


def _view(ports: Ports, record: Deploy | Run) -> DeployStatus:
    if isinstance(record, Run):
        return status_of_run_as_deploy(record)
    return status_of_deploy(record, get_one(ports.store, keys.lane(record.service_id)))
