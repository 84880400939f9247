"""Builds: asking for one without a deploy, and reading what there is of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chalicelib.domain import keys
from chalicelib.domain.builds import Build
from chalicelib.domain.errors import Invalid
from chalicelib.domain.hierarchy import Service, SourceKind
from chalicelib.domain.runs import Request, RunKind
from chalicelib.domain.status import Word, word_of_build
from chalicelib.domain.transcripts import shown_text
from chalicelib.pipeline.intents import Accepted, accept
from chalicelib.ports import Ports
from chalicelib.ports.store import get_one
from chalicelib.usecases.deploys import check_source
from chalicelib.usecases.lookups import find_builds, find_service, missing, only_one
from chalicelib.usecases.refusals import check_open
from chalicelib.usecases.service_fields import BUILD_STRATEGIES

_NUMBER = re.compile(r"v?([0-9]{1,7})")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPage:
    items: list[Build]
    page: int
    per_page: int
    total: int

    @property
    def total_pages(self) -> int:
        return -(-self.total // self.per_page)


@dataclass(frozen=True, slots=True)
class BuildLog:
    build: Build
    status: Word
    text: str


def trigger_build(ports: Ports, service: Service, *, ref: str, strategy: str, by: str) -> Accepted:
    """Accepts a build that deploys nothing. Raises Invalid when there is nothing to build."""
    check_open(service)
    check_strategy(strategy)
    check_source(service, ref)
    if service.source.kind is SourceKind.IMAGE:
        raise Invalid(
            f"{service.address} runs a ready image, so there is nothing to build",
            code="source_not_built",
            hint=f"deploy it: ancla deploy {service.address}",
        )
    return accept(ports, service, Request(kind=RunKind.BUILD_ONLY, by=by, ref=ref, strategy=strategy))


def check_strategy(strategy: str) -> None:
    if strategy and strategy not in BUILD_STRATEGIES:
        raise Invalid(
            f"{strategy[:40]!r} is no build strategy",
            code="strategy_unknown",
            hint=f"use one of {', '.join(BUILD_STRATEGIES)}",
            extra={"strategy": "not known"},
        )


def list_builds(ports: Ports, service: Service, *, page: int, per_page: int) -> BuildPage:
    """One page of the service's builds, the newest first. Their numbers have no gaps, so a page is read by its keys."""
    lane = get_one(ports.store, keys.lane(service.id))
    total = lane.builds if lane else 0
    newest = total - (page - 1) * per_page
    numbers = range(newest, max(newest - per_page, 0), -1)
    found = ports.store.get([keys.build(service.id, number) for number in numbers]) if numbers else []
    return BuildPage(items=[build for build in found if build is not None], page=page, per_page=per_page, total=total)


def find_build(ports: Ports, service: Service, text: str) -> Build:
    """The service's build that `text` names: by number (`3`, `v3`), by id, or by a unique beginning of its id."""
    number = _NUMBER.fullmatch(text)
    if number is None:
        return only_one([build for build in find_builds(ports, text) if build.service_id == service.id], "build", text)
    build = get_one(ports.store, keys.build(service.id, int(number[1])))
    if build is None:
        raise missing("build", text)
    return build


def find_everywhere(ports: Ports, text: str) -> list[tuple[Service, Build]]:
    """All builds that `text` names, with their services: for a caller who is yet to be checked against each."""
    found = [(find_service(ports, build.service_id), build) for build in find_builds(ports, text)]
    return [(service, build) for service, build in found if service is not None]


def read_log(ports: Ports, build: Build) -> BuildLog:
    """What the build has written so far. It is read after the build: when that says it ended, the text is complete."""
    status = word_of_build(build)
    text = shown_text(ports.logs.read(build.log), ended=status in (Word.SUCCESS, Word.ERROR))
    return BuildLog(build, status, text)


def read_document(ports: Ports, name: str) -> str:
    """The Dockerfile or Procfile that a build recorded; empty when there was none."""
    return ports.logs.read(name).decode(errors="replace") if name else ""
