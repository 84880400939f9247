"""BuildPage over HTTP."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chalicelib.api.routes import SERVICE, V1, Call, Reply, Route
from chalicelib.api.views import Body, Moment, View
from chalicelib.domain.builds import Build
from chalicelib.domain.errors import NotFound
from chalicelib.domain.hierarchy import Service
from chalicelib.domain.policy import Action
from chalicelib.domain.status import Word, word_of_build
from chalicelib.pipeline.intents import Accepted
from chalicelib.usecases import builds
from chalicelib.usecases.lookups import only_one


class BuildView(View, frozen=True, kw_only=True):
    """One build of a service: image v1, v2, … `built` and `error` are both false while it goes on."""

    id: str
    version: int
    status: Word
    built: bool
    error: bool
    error_code: str
    """The failure's code, see the list of errors; empty unless it failed."""
    error_detail: str
    strategy: str
    ref: str
    commit: str
    commit_message: str
    created: Moment
    updated: Moment


class BuildDetail(BuildView, frozen=True, kw_only=True):
    """A build with all that was recorded of it: the files it was made of, and the image that came out."""

    image: str
    """The image by digest; empty while there is none."""
    processes: dict[str, str]
    """Command by process type."""
    dockerfile: str
    procfile: str
    reused: int
    """The number of the earlier build whose image was taken; 0: it was built anew."""


class Pagination(View, frozen=True, kw_only=True):
    """Which page of how many this is."""

    page: int
    per_page: int
    total: int
    total_pages: int


class BuildPage(View, frozen=True, kw_only=True):
    """One page of builds, the newest first."""

    items: list[BuildView]
    pagination: Pagination


class BuildLog(View, frozen=True, kw_only=True):
    """A build's log: the whole text so far, which only grows. Complete once `status` is `success` or `error`."""

    id: str
    version: int
    status: Word
    built: bool
    error: bool
    error_detail: str
    created: Moment
    log_text: str


class BuildRequest(Body, frozen=True, kw_only=True):
    """What to build. Without `ref` the source's branch is taken."""

    ref: Annotated[str, msgspec.Meta(max_length=200)] = ""
    strategy: str = ""


class BuildAccepted(View, frozen=True, kw_only=True):
    """The build that was asked for: its id, its number as `version`, and the run that makes it."""

    ok: bool = True
    build_id: str
    version: int
    run: int
    status: str = "accepted"


class BuildPageQuery(Body, frozen=True, kw_only=True):
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


def list_builds(call: Call) -> Reply:
    page = builds.list_builds(call.ports, call.place.service, page=call.query.page, per_page=call.query.per_page)
    pagination = Pagination(page=page.page, per_page=page.per_page, total=page.total, total_pages=page.total_pages)
    return Reply(body=BuildPage(items=[_shown(build) for build in page.items], pagination=pagination))


def trigger_build(call: Call) -> Reply:
    wish = call.body
    accepted = builds.trigger_build(call.ports, call.place.service, ref=wish.ref, strategy=wish.strategy, by=call.actor.username)
    return Reply(body=_accepted(accepted))


def get_build(call: Call) -> Reply:
    return Reply(body=_detail(call, builds.find_build(call.ports, call.place.service, call.params["build"])))


def get_build_log(call: Call) -> Reply:
    return _log(call, builds.find_build(call.ports, call.place.service, call.params["build"]))


def get_build_by_id(call: Call) -> Reply:
    return Reply(body=_detail(call, _found(call)))


def get_build_log_by_id(call: Call) -> Reply:
    return _log(call, _found(call))


def _found(call: Call) -> Build:
    """The one build that the path names among those of services that the caller may see."""
    text = call.params["build"]
    visible = [build for service, build in builds.find_everywhere(call.ports, text) if may_see(call, service)]
    return only_one(visible, "build", text)


def may_see(call: Call, service: Service) -> bool:
    """Whether the caller may see a service that an id led to."""
    try:
        call.at(*service.address.parts, action=Action.VIEW)
    except NotFound:
        return False
    return True


def _accepted(accepted: Accepted) -> BuildAccepted:
    run = accepted.run
    assert run is not None, "only automatic requests are ever held back"
    return BuildAccepted(build_id=run.build_id, version=run.build, run=run.number)


def _log(call: Call, build: Build) -> Reply:
    log = builds.read_log(call.ports, build)
    shown = _shown(build)
    return Reply(
        body=BuildLog(
            id=shown.id,
            version=shown.version,
            status=log.status,
            built=shown.built,
            error=shown.error,
            error_detail=shown.error_detail,
            created=shown.created,
            log_text=log.text,
        )
    )


def _shown(build: Build) -> BuildView:
    status = word_of_build(build)
    return BuildView(
        id=build.id,
        version=build.number,
        status=status,
        built=status is Word.SUCCESS,
        error=status is Word.ERROR,
        error_code=build.error_code,
        error_detail=build.error_detail,
        strategy=build.strategy,
        ref=build.ref,
        commit=build.commit,
        commit_message=build.commit_message,
        created=build.created,
        updated=build.updated,
    )


def _detail(call: Call, build: Build) -> BuildDetail:
    return BuildDetail(
        **msgspec.structs.asdict(_shown(build)),
        image=build.image.reference if build.image else "",
        processes=dict(build.image.processes) if build.image else {},
        dockerfile=builds.read_document(call.ports, build.dockerfile),
        procfile=builds.read_document(call.ports, build.procfile),
        reused=build.reused,
    )


ROUTES = (
    Route("GET", f"{SERVICE}/builds", Action.VIEW, list_builds, "List builds, the newest first", query=BuildPageQuery, returns=BuildPage),
    Route(
        "POST",
        f"{SERVICE}/builds/trigger",
        Action.DEPLOY,
        trigger_build,
        "Build without deploying",
        body=BuildRequest,
        body_optional=True,
        returns=BuildAccepted,
        status=202,
    ),
    Route(
        "POST",
        f"{SERVICE}/builds",
        Action.DEPLOY,
        trigger_build,
        "Build without deploying (another way to write builds/trigger)",
        body=BuildRequest,
        body_optional=True,
        returns=BuildAccepted,
        status=202,
        name="create_build",
    ),
    Route("GET", f"{SERVICE}/builds/{{build}}", Action.VIEW, get_build, "Show a build by its number or id", returns=BuildDetail),
    Route("GET", f"{SERVICE}/builds/{{build}}/log", Action.VIEW, get_build_log, "Read a build's log", returns=BuildLog),
    Route("GET", f"{V1}/builds/{{build}}", Action.SIGNED_IN, get_build_by_id, "Show a build by its id", returns=BuildDetail),
    Route("GET", f"{V1}/builds/{{build}}/log", Action.SIGNED_IN, get_build_log_by_id, "Read a build's log by its id", returns=BuildLog),
)
