"""The key scheme of the one table: where each record lies, and by which values it can be found.

    partition          sort                        record
    WS#{slug}          WORKSPACE                   Workspace
                       MEMBER#{user id}            Membership
                       TEAM#{slug}                 Team
                       PROJECT#{proj}              Project
                       ENV#{proj}/{env}            Environment
                       SERVICE#{proj}/{env}/{svc}  Service
                       CONFIG#{owner}              Scope
    USER#{id}          USER                        User
                       WS#{slug}                   WorkspaceOfUser
                       KEY#{id}                    ApiKeyOfUser
    KEY#{hash}         KEY                         ApiKey
    OF#{id}            LANE                        Lane
                       RUN#{number}                Run
                       BUILD#{number}              Build
                       IMAGE#{fingerprint}         KnownImage
                       DEPLOY#{number}             Deploy
                       SNAPSHOT#{hash}             SnapshotRecord
                       CHORE#{kind}#{number}       Chore
                       AUDIT#{number}              AuditEntry
    IDEMPOTENT#{user}  {key}                       Answered
    DELIVERY#{id}      DELIVERY                    Delivery

The hierarchy is keyed by slugs, so that a whole chain loads in one batch; what belongs to a pipeline is keyed by the id of its
service (`OF#`), so that a slug that is used again never meets its predecessor's records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from chalicelib.domain.addresses import Address
from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.builds import Build, KnownImage
from chalicelib.domain.chores import Chore, ChoreKind
from chalicelib.domain.config import Scope
from chalicelib.domain.deploys import Deploy
from chalicelib.domain.hierarchy import Environment, Project, Service, Workspace
from chalicelib.domain.lanes import Lane
from chalicelib.domain.people import ApiKey, ApiKeyOfUser, Membership, Team, User, WorkspaceOfUser
from chalicelib.domain.receipts import Answered, Delivery
from chalicelib.domain.runs import Run
from chalicelib.domain.snapshots import SnapshotRecord
from chalicelib.domain.sources import normalized_location

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Key(Generic[R]):
    """Where a record of type `R` lies."""

    partition: str
    sort: str


class Index(StrEnum):
    """The sparse indexes. Their reads may be stale, so they give keys: who finds, gets."""

    ID = "id"
    """By the first 8 characters of an id; sorted by the whole id."""
    DUE = "due"
    """Open runs and chores, all under `OPEN`, sorted by the minute in which they should have been looked at; receipts of idempotent
    requests under `RECEIPT`, by the minute in which they expire."""
    SOURCE = "source"
    """Services by normalized clone URL; sorted by address."""


OPEN = "open"
RECEIPT = "receipt"
ID_PREFIX = 8


def workspace(slug: str) -> Key[Workspace]:
    return Key(f"WS#{slug}", "WORKSPACE")


def membership(slug: str, user_id: str) -> Key[Membership]:
    return Key(f"WS#{slug}", f"MEMBER#{user_id}")


def team(slug: str, team_slug: str) -> Key[Team]:
    return Key(f"WS#{slug}", f"TEAM#{team_slug}")


def project(address: Address) -> Key[Project]:
    return Key(f"WS#{address.workspace}", f"PROJECT#{address.project}")


def environment(address: Address) -> Key[Environment]:
    return Key(f"WS#{address.workspace}", f"ENV#{address.project}/{address.environment}")


def service(address: Address) -> Key[Service]:
    return Key(f"WS#{address.workspace}", f"SERVICE#{address.project}/{address.environment}/{address.service}")


def scope(workspace_slug: str, owner: str) -> Key[Scope]:
    return Key(f"WS#{workspace_slug}", f"CONFIG#{owner}")


def user(user_id: str) -> Key[User]:
    return Key(f"USER#{user_id}", "USER")


def workspace_of_user(user_id: str, slug: str) -> Key[WorkspaceOfUser]:
    return Key(f"USER#{user_id}", f"WS#{slug}")


def api_key(key_hash: str) -> Key[ApiKey]:
    return Key(f"KEY#{key_hash}", "KEY")


def api_key_of_user(user_id: str, key_id: str) -> Key[ApiKeyOfUser]:
    return Key(f"USER#{user_id}", f"KEY#{key_id}")


def lane(service_id: str) -> Key[Lane]:
    return Key(f"OF#{service_id}", "LANE")


def run(owner_id: str, number: int) -> Key[Run]:
    return Key(f"OF#{owner_id}", f"RUN#{number:010d}")


def build(service_id: str, number: int) -> Key[Build]:
    return Key(f"OF#{service_id}", f"BUILD#{number:010d}")


def known_image(service_id: str, fingerprint: str) -> Key[KnownImage]:
    return Key(f"OF#{service_id}", f"IMAGE#{fingerprint}")


def deploy(service_id: str, number: int) -> Key[Deploy]:
    return Key(f"OF#{service_id}", f"DEPLOY#{number:010d}")


def snapshot(service_id: str, snapshot_hash: str) -> Key[SnapshotRecord]:
    return Key(f"OF#{service_id}", f"SNAPSHOT#{snapshot_hash}")


def chore(service_id: str, kind: ChoreKind, number: int) -> Key[Chore]:
    return Key(f"OF#{service_id}", f"CHORE#{kind.value}#{number:010d}")


def audit_entry(subject: str, number: int) -> Key[AuditEntry]:
    return Key(f"OF#{subject}", f"AUDIT#{number:010d}")


def answered(user_id: str, idempotency_key: str) -> Key[Answered]:
    return Key(f"IDEMPOTENT#{user_id}", idempotency_key)


def delivery(delivery_id: str) -> Key[Delivery]:
    return Key(f"DELIVERY#{delivery_id}", "DELIVERY")


Span = tuple[str, str]
"""A partition and the beginning of a sort: what `Store.query` takes to list records."""


def members(slug: str) -> Span:
    return f"WS#{slug}", "MEMBER#"


def teams(slug: str) -> Span:
    return f"WS#{slug}", "TEAM#"


def projects(slug: str) -> Span:
    return f"WS#{slug}", "PROJECT#"


def environments(project_address: Address) -> Span:
    return f"WS#{project_address.workspace}", f"ENV#{project_address.project}/"


def services(address: Address) -> Span:
    """All services below a workspace, project or environment."""
    return f"WS#{address.workspace}", "SERVICE#" + "".join(f"{part}/" for part in address.parts[1:])


def workspaces_of_user(user_id: str) -> Span:
    return f"USER#{user_id}", "WS#"


def api_keys_of_user(user_id: str) -> Span:
    return f"USER#{user_id}", "KEY#"


def builds(service_id: str) -> Span:
    return f"OF#{service_id}", "BUILD#"


def runs(service_id: str) -> Span:
    return f"OF#{service_id}", "RUN#"


def deploys(service_id: str) -> Span:
    return f"OF#{service_id}", "DEPLOY#"


def snapshots(service_id: str) -> Span:
    return f"OF#{service_id}", "SNAPSHOT#"


def known_images(service_id: str) -> Span:
    return f"OF#{service_id}", "IMAGE#"


def audit_trail(subject: str) -> Span:
    return f"OF#{subject}", "AUDIT#"


_KEY_OF: dict[type, Callable[[Any], Key[Any]]] = {
    Workspace: lambda r: workspace(r.slug),
    Membership: lambda r: membership(r.workspace, r.user_id),
    WorkspaceOfUser: lambda r: workspace_of_user(r.user_id, r.workspace),
    Team: lambda r: team(r.workspace, r.slug),
    Project: lambda r: project(r.address),
    Environment: lambda r: environment(r.address),
    Service: lambda r: service(r.address),
    Scope: lambda r: scope(r.workspace, r.owner),
    User: lambda r: user(r.id),
    ApiKey: lambda r: api_key(r.key_hash),
    ApiKeyOfUser: lambda r: api_key_of_user(r.user_id, r.id),
    Lane: lambda r: lane(r.service_id),
    Run: lambda r: run(r.owner, r.number),
    Build: lambda r: build(r.service_id, r.number),
    KnownImage: lambda r: known_image(r.service_id, r.fingerprint),
    Deploy: lambda r: deploy(r.service_id, r.number),
    SnapshotRecord: lambda r: snapshot(r.service_id, r.hash),
    Chore: lambda r: chore(r.service_id, r.kind, r.number),
    AuditEntry: lambda r: audit_entry(r.subject, r.number),
    Answered: lambda r: answered(r.user_id, r.key),
    Delivery: lambda r: delivery(r.id),
}
RECORD_TYPES: tuple[type, ...] = tuple(_KEY_OF)


def key_of(record: R) -> Key[R]:
    """Where `record` lies."""
    return _KEY_OF[type(record)](record)


def index_entries(record: object) -> dict[Index, tuple[str, str]]:
    """The (value, sort) pairs under which `record` can be found, by index."""
    match record:
        case Workspace() | Project() | Environment() | Build() | Deploy() | Team():
            return _by_id(record.id)
        case Service():
            entries = _by_id(record.id)
            location = normalized_location(record.source.location)
            if location:
                entries[Index.SOURCE] = (location, str(record.address))
            return entries
        case Run():
            entries = _by_id(record.deploy_id) if record.deploy_id else {}
            if not record.finished:
                entries[Index.DUE] = (OPEN, minute(record.look_at))
            return entries
        case Chore():
            return {Index.DUE: (OPEN, minute(record.look_at))}
        case Answered():
            return {Index.DUE: (RECEIPT, minute(record.expires))}
        case _:
            return {}


def minute(at: datetime) -> str:
    """The minute as an index sorts it."""
    return at.strftime("%Y-%m-%dT%H:%M")


def _by_id(record_id: str) -> dict[Index, tuple[str, str]]:
    return {Index.ID: (record_id[:ID_PREFIX], record_id)}
