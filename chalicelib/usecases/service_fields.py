"""The fields of a service that people set: how they are checked, and how the ways to say where the code is become one source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from chalicelib.domain.addresses import check_name
from chalicelib.domain.errors import Invalid
from chalicelib.domain.hierarchy import MAX_DEPLOYMENT_TIMEOUT, Service, Source, SourceKind
from chalicelib.domain.sources import check_github_name, check_location, check_ref, github_location

BUILD_STRATEGIES = ("dockerfile", "buildpack")
MAX_PLATFORM = 100
MAX_HEALTH_CHECK_PATH = 200
MAX_IMAGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFields:
    """What is to be set; None leaves a field as it is. `repository` is any clone URL, `github_repository` its short form."""

    name: str | None = None
    platform: str | None = None
    repository: str | None = None
    github_repository: str | None = None
    image: str | None = None
    branch: str | None = None
    auto_deploy_branch: str | None = None
    build_strategy: str | None = None
    team: str | None = None
    health_check_path: str | None = None
    deployment_timeout: int | None = None

    @property
    def given(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)


def with_fields(service: Service, wanted: ServiceFields, *, local_repositories: bool) -> Service:
    """The service with these fields, or Invalid for the first that cannot be taken."""
    _check(wanted, local_repositories)
    return replace(
        service,
        name=_or(wanted.name, service.name),
        platform=_or(wanted.platform, service.platform),
        source=_source(service, wanted),
        github_repository=_github_repository(service, wanted),
        auto_deploy_branch=_or(wanted.auto_deploy_branch, service.auto_deploy_branch),
        build_strategy=_or(wanted.build_strategy, service.build_strategy),
        team=_or(wanted.team, service.team),
        health_check_path=_or(wanted.health_check_path, service.health_check_path),
        deployment_timeout=service.deployment_timeout if wanted.deployment_timeout is None else wanted.deployment_timeout,
    )


def _or(wanted: str | None, current: str) -> str:
    return current if wanted is None else wanted


def _source(service: Service, wanted: ServiceFields) -> Source:
    source = replace(service.source, branch=_or(wanted.branch, service.source.branch))
    if wanted.image:
        return Source(kind=SourceKind.IMAGE, location=wanted.image)
    if wanted.repository or (wanted.repository is not None and not wanted.github_repository):
        return replace(source, kind=SourceKind.GIT, location=wanted.repository)
    if wanted.github_repository is not None:
        location = github_location(wanted.github_repository) if wanted.github_repository else ""
        return replace(source, kind=SourceKind.GIT, location=location)
    if wanted.image is not None and source.kind is SourceKind.IMAGE:
        return Source(branch=source.branch)
    return source


def _github_repository(service: Service, wanted: ServiceFields) -> str:
    """The short form as it was sent; gone when another source takes its place."""
    if wanted.github_repository is not None:
        return wanted.github_repository
    return "" if wanted.repository is not None or wanted.image else service.github_repository


def _check(wanted: ServiceFields, local_repositories: bool) -> None:
    if wanted.name is not None:
        check_name(wanted.name)
    if wanted.image and (wanted.repository or wanted.github_repository):
        raise _invalid("image", "a service has one source: an image or a repository, not both", "send one of them")
    if wanted.repository:
        check_location(wanted.repository, local_files=local_repositories)
    if wanted.github_repository:
        check_github_name(wanted.github_repository)
    _check_branch("branch", wanted.branch)
    _check_branch("auto_deploy_branch", wanted.auto_deploy_branch)
    for field, good, problem, hint in _RULES:
        value = getattr(wanted, field)
        if value is not None and not good(value):
            raise _invalid(field, problem, hint)


def _check_branch(field: str, branch: str | None) -> None:
    try:
        if branch:
            check_ref(branch)
    except Invalid as problem:
        raise Invalid(problem.message, code=problem.code, hint=problem.hint, extra={field: "not a branch"}) from None


def _invalid(field: str, problem: str, hint: str) -> Invalid:
    return Invalid(problem, code=f"{field}_invalid", hint=hint, extra={field: problem})


def _is_path(text: str) -> bool:
    readable = text.isprintable() and not any(c.isspace() or c in "?#" for c in text)
    return text.startswith("/") and readable and len(text) <= MAX_HEALTH_CHECK_PATH


_RULES: tuple[tuple[str, Callable[..., bool], str, str], ...] = (
    (
        "platform",
        lambda text: len(text) <= MAX_PLATFORM and (not text or text.isprintable()),
        f"the platform is not printable, or longer than {MAX_PLATFORM} characters",
        "use a short word",
    ),
    (
        "image",
        lambda text: len(text) <= MAX_IMAGE and text.isprintable() and not any(c.isspace() for c in text) and not text.startswith("-"),
        "the image is not a reference",
        "write it as registry.example.com/name@sha256:…",
    ),
    (
        "build_strategy",
        lambda text: text in BUILD_STRATEGIES,
        "the build strategy is not known",
        f"use {' or '.join(BUILD_STRATEGIES)}",
    ),
    (
        "health_check_path",
        _is_path,
        "the health check path is not a path",
        f"begin with '/' and use at most {MAX_HEALTH_CHECK_PATH} printable characters without spaces, '?' and '#'",
    ),
    (
        "deployment_timeout",
        lambda seconds: 1 <= seconds <= MAX_DEPLOYMENT_TIMEOUT,
        "the deployment timeout is out of range",
        f"use a number of seconds from 1 to {MAX_DEPLOYMENT_TIMEOUT}",
    ),
)
