"""The four levels: workspace, project, environment, service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.addresses import Address

STANDARD_ENVIRONMENTS = ("production", "staging", "development")
DEFAULT_HEALTH_CHECK_PATH = "/_health/"
DEFAULT_DEPLOYMENT_TIMEOUT = 180
MAX_DEPLOYMENT_TIMEOUT = 1800
MAX_PROCESS_COUNT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    id: str
    slug: str
    name: str
    personal: bool = False
    created: datetime
    updated: datetime
    version: int = 0
    audit_number: int = 0
    audit_head: str = ""

    @property
    def address(self) -> Address:
        return Address(self.slug)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: str
    address: Address
    name: str
    closing: bool = False
    """Being deleted: nothing can be created in it any more."""
    created: datetime
    updated: datetime
    version: int = 0
    audit_number: int = 0
    audit_head: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    id: str
    address: Address
    name: str
    automatic: bool = False
    """Made with its project and not asked for by anybody yet: the first request to create it is given this one."""
    closing: bool = False
    created: datetime
    updated: datetime
    version: int = 0
    audit_number: int = 0
    audit_head: str = ""


class SourceKind(StrEnum):
    GIT = "git"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a service's code comes from: a git repository (by clone URL) or a ready image (by reference)."""

    kind: SourceKind = SourceKind.GIT
    location: str = ""
    branch: str = ""
    """The branch that a push must be on, and that a deploy without a ref takes; empty means the repository's own default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    id: str
    address: Address
    name: str
    platform: str = ""
    source: Source = field(default_factory=Source)
    github_repository: str = ""
    """`owner/name`, the short form of a source on GitHub; echoed as it was sent."""
    auto_deploy_branch: str = ""
    """Pushes to this branch deploy by themselves; empty: none do."""
    build_strategy: str = "dockerfile"
    team: str = ""
    process_counts: Mapping[str, int] = field(default_factory=dict)
    health_check_path: str = DEFAULT_HEALTH_CHECK_PATH
    deployment_timeout: int = DEFAULT_DEPLOYMENT_TIMEOUT
    """Seconds that a roll-out may take until every process is healthy."""
    closing: bool = False
    created: datetime
    updated: datetime
    version: int = 0
    audit_number: int = 0
    audit_head: str = ""


def count_of(service_counts: Mapping[str, int], process: str) -> int:
    """How many of a process type are wanted: what was set, else one."""
    return service_counts.get(process, 1)
