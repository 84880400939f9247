"""Deploys of what cannot be built or run: each says what is wrong and what to do, nothing is half-made, and what ran runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.repositories import Repository, server_that_wants_a_password
from tests.journeys.harness import SERVER, Ancla

pytestmark = pytest.mark.journey

ENVIRONMENT = "/workspaces/acme/projects/shop/envs/staging"
GOOD = {"server.py": SERVER, "VERSION": "1", "Procfile": "web: python server.py\n"}
QUIET = {"Procfile": "worker: sleep 1000\n"}
"""A service that costs nothing to start."""
MODULE = "160000,1111111111111111111111111111111111111111,vendored"
ANSWERING = """
import os, time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        {answer}
        self.end_headers()
        self.wfile.write(b"boom")


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
"""A web service that gives this one answer to its health check."""


@dataclass(frozen=True, kw_only=True)
class Bad:
    """What is wrong, and parts of what people are told about it."""

    code: str
    message: str
    hint: str
    evidence: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Repository], object] = lambda repository: repository.commit()
    ref: str = ""
    seconds: int = 180
    """The service's deployment timeout."""


def _with_link(name: str, target: str) -> Callable[[Repository], object]:
    def prepare(repository: Repository) -> None:
        (repository.path / name).symlink_to(target)
        repository.commit()

    return prepare


def _with_submodule(repository: Repository) -> None:
    repository.git("update-index", "--add", "--cacheinfo", MODULE)
    repository.committed()


def _answering(answer: str) -> dict[str, str]:
    return {**GOOD, "server.py": ANSWERING.format(answer=answer)}


def _running(procfile: str, **files: str) -> dict[str, str]:
    return {**GOOD, "Procfile": procfile, **files}


ADD_PROCFILE = "add a Procfile with a line such as 'web: python server.py'"
SOURCES = {
    "no-branch": Bad(code="ref_not_found", message="has no branch, tag or commit 'nope'", hint="push it, or name another", ref="nope"),
    "no-commit": Bad(code="ref_not_found", message="does not have that commit", hint="push it, or name another one", ref="f" * 40),
    "empty": Bad(code="ref_not_found", message="the default branch of", hint="push a commit, or name", prepare=lambda repository: None),
    "nothing-to-run": Bad(
        code="nothing_to_run", message="has neither a Procfile nor a Dockerfile", hint=ADD_PROCFILE, files={"README": "hello"}
    ),
    "no-cmd": Bad(
        code="nothing_to_run", message="the Dockerfile has no CMD or ENTRYPOINT", hint=ADD_PROCFILE, files={"Dockerfile": "FROM scratch\n"}
    ),
    "bad-procfile": Bad(
        code="procfile_invalid",
        message="Procfile line 3: 'worker python jobs.py' is not 'name: command'",
        hint="each line is 'name: command', for example 'web: python server.py'",
        files={"Procfile": "web: python server.py\n\nworker python jobs.py\n"},
    ),
    "twice": Bad(code="procfile_invalid", message="line 2: 'web' is there twice", hint="each line", files={"Procfile": "web: a\nweb: b\n"}),
    "link-out": Bad(
        code="tree_unsafe",
        message="the link 'passwords' leads to '/etc/passwd', outside of the repository",
        hint="make it a relative link",
        files=QUIET,
        prepare=_with_link("passwords", "/etc/passwd"),
    ),
    "link-up": Bad(
        code="tree_unsafe",
        message="the link 'up' leads to 'deep/../../..', outside of the repository",
        hint="let it point to a file within",
        files={**QUIET, "deep/file": ""},
        prepare=_with_link("up", "deep/../../.."),
    ),
    "submodule": Bad(
        code="tree_unsafe",
        message="'vendored' is a submodule",
        hint="commit its files, or install it as a package; submodules are not fetched",
        files=QUIET,
        prepare=_with_submodule,
    ),
    "line-end": Bad(
        code="tree_unsafe",
        message=r"'a\nb' has a name with control characters",
        hint="rename the file",
        files={**QUIET, "a\nb": "x"},
    ),
}
ELSEWHERE = {
    "missing": Bad(code="repository_not_found", message="there is no repository at", hint="correct its address"),
    "private": Bad(code="repository_needs_credentials", message="asks for credentials", hint="read without a password"),
}
HEALTH = "look at the evidence; raise deployment_timeout if the process only starts slowly"
ROLL_OUTS = {
    "exits": Bad(
        code="process_exited",
        message="web: exited with code 3 before it was ready",
        hint="the last lines of its log say why",
        evidence="web | no database",
        files=_running("web: echo no database && exit 3\n"),
    ),
    "no-command": Bad(
        code="command_not_found",
        message="the command was not found",
        hint="check the command in the Procfile",
        files=_running("web: no-such-program --now\n"),
    ),
    "worker-exits": Bad(
        code="process_exited",
        message="worker: exited with code 1 before it was ready",
        hint="the last lines of its log say why",
        evidence="worker: exited with code 1",
        files=_running("web: python server.py\nworker: exit 1\n"),
    ),
    "no-port": Bad(
        code="health_check_failed",
        message="not every process was healthy within 4 s",
        hint="it listens on no port: make it listen on the port in $PORT",
        evidence="web: running, not ready",
        files=_running("web: sleep 1000\n"),
        seconds=4,
    ),
    "health-500": Bad(
        code="health_check_failed",
        message="GET /_health/ answered 500: boom",
        hint=HEALTH,
        files=_answering("self.send_response(500)"),
        seconds=10,
    ),
    "redirects": Bad(
        code="health_check_failed",
        message="GET /_health/ answered 302, a redirect to /login",
        hint="a redirect is not taken for healthy",
        files=_answering("self.send_response(302); self.send_header('Location', '/login')"),
        seconds=10,
    ),
    "hangs": Bad(
        code="health_check_failed",
        message="GET /_health/ did not answer within",
        hint="make /_health/ answer faster, or at all",
        files=_answering("time.sleep(1000)"),
        seconds=10,
    ),
    "release-fails": Bad(
        code="release_failed",
        message="the release command ended with exit code 4",
        hint="look at its output in the deploy's log; nothing was rolled out",
        evidence="migrating",
        files=_running("release: echo migrating && exit 4\nweb: python server.py\n"),
    ),
    "release-hangs": Bad(
        code="release_timeout",
        message="the release command did not end within 3 s",
        hint="run long work in a process of its own, or raise deployment_timeout",
        files=_running("release: sleep 1000\nweb: python server.py\n"),
        seconds=3,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What became of a bad deploy, and what there was right after it, and after a good one."""

    run: dict[str, Any]
    status: dict[str, Any]
    service: dict[str, Any]
    deploys: list[dict[str, Any]]
    log: str
    answer: dict[str, Any] | None
    """What the service itself answered, if it ran before."""
    then: dict[str, Any]
    """The run of the good deploy that followed."""


class Yard:
    """Many services of one Ancla, each with a repository of its own; what they all do, they do at the same time."""

    def __init__(self, ancla: Ancla, folder: Path) -> None:
        self.ancla, self.folder = ancla, folder
        ancla.api("POST", "/workspaces", {"name": "acme"})
        ancla.api("POST", "/workspaces/acme/projects", {"name": "shop"})

    def repository(self, name: str, files: Mapping[str, str]) -> Repository:
        repository = Repository(self.folder / name)
        if files:
            repository.commit(files)
        return repository

    def make(self, name: str, location: str) -> str:
        self.ancla.api("POST", f"{ENVIRONMENT}/services", {"name": name, "repository": location})
        return f"{ENVIRONMENT}/services/{name}"

    def deployed(self, wishes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """All runs by path, once each has ended; `wishes` are the bodies."""
        runs = {path: self.ancla.deploy(path, body) for path, body in wishes.items()}
        return {path: self.ancla.ended(path, run) for path, run in runs.items()}

    def seen(self, path: str, run: dict[str, Any], *, ran: bool) -> dict[str, Any]:
        deploys = self.ancla.api("GET", f"{path}/deploys")["items"]
        log = f"{path}/deploys/{run['deploy_id']}/log" if run["deploy"] else f"{path}/builds/{run['build']}/log"
        return {
            "run": run,
            "status": self.ancla.api("GET", f"{path}/pipeline-status"),
            "service": self.ancla.api("GET", path),
            "deploys": deploys,
            "log": self.ancla.api("GET", log)["log_text"],
            "answer": self.ancla.answer(path) if ran else None,
        }


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("bad-deploys")
    with Ancla(folder) as ancla:
        yield Yard(ancla, folder / "repositories")


@pytest.fixture(scope="module")
def from_sources(yard: Yard) -> dict[str, Seen]:
    """Services that never ran: the bad source, then a good one."""
    good = yard.repository("good", QUIET)
    repositories = {name: yard.repository(name, bad.files) for name, bad in SOURCES.items()}
    for name, bad in SOURCES.items():
        bad.prepare(repositories[name])
    with server_that_wants_a_password() as private:
        locations = {name: str(repository.path) for name, repository in repositories.items()}
        locations |= {"missing": str(yard.folder / "nowhere"), "private": private}
        paths = {name: yard.make(name, location) for name, location in locations.items()}
        runs = yard.deployed({path: {"ref": {**SOURCES, **ELSEWHERE}[name].ref} for name, path in paths.items()})
    seen = {path: yard.seen(path, run, ran=False) for path, run in runs.items()}
    for path in paths.values():
        yard.ancla.api("PATCH", path, {"repository": str(good.path)})
    then = yard.deployed(dict.fromkeys(paths.values()))
    return {name: Seen(**seen[path], then=then[path]) for name, path in paths.items()}


@pytest.fixture(scope="module")
def from_roll_outs(yard: Yard) -> dict[str, Seen]:
    """Services that run: a good commit, a bad one, another good one."""
    repositories = {name: yard.repository(name, GOOD) for name in ROLL_OUTS}
    paths = {name: yard.make(name, str(repository.path)) for name, repository in repositories.items()}
    for run in yard.deployed(dict.fromkeys(paths.values())).values():
        assert run["outcome"] == "succeeded"
    for name, bad in ROLL_OUTS.items():
        repositories[name].commit(bad.files)
        yard.ancla.api("PATCH", paths[name], {"deployment_timeout": bad.seconds})
    runs = yard.deployed(dict.fromkeys(paths.values()))
    seen = {path: yard.seen(path, run, ran=True) for path, run in runs.items()}
    for name, path in paths.items():
        yard.ancla.api("PATCH", path, {"deployment_timeout": 180})
        repositories[name].commit({**GOOD, "VERSION": "2"})
    then = yard.deployed(dict.fromkeys(paths.values()))
    return {name: Seen(**seen[path], then=then[path]) for name, path in paths.items()}


def check_told(bad: Bad, seen: Seen) -> None:
    failure = seen.run["failure"]
    assert (seen.run["outcome"], failure["code"]) == ("failed", bad.code)
    assert bad.message in failure["message"]
    assert bad.hint in failure["hint"]
    assert bad.evidence in "\n".join(failure["evidence"])


@pytest.mark.parametrize("name", [*SOURCES, *ELSEWHERE])
def test_a_bad_source_is_told_and_leaves_nothing(from_sources: dict[str, Seen], name: str) -> None:
    bad, seen = {**SOURCES, **ELSEWHERE}[name], from_sources[name]
    check_told(bad, seen)
    assert (seen.deploys, seen.service["active_deploy"], seen.status["deploy"]) == ([], 0, None)
    assert seen.status["build"]["status"] == "error"
    assert bad.message in seen.status["build"]["error_detail"]
    assert bad.hint in seen.status["build"]["error_detail"]
    assert bad.message in seen.log
    assert bad.hint in seen.log


@pytest.mark.parametrize("name", [*SOURCES, *ELSEWHERE])
def test_a_good_source_right_after_a_bad_one_deploys(from_sources: dict[str, Seen], name: str) -> None:
    assert (from_sources[name].then["outcome"], from_sources[name].then["deploy"]) == ("succeeded", 1)


@pytest.mark.parametrize("name", ROLL_OUTS)
def test_a_bad_roll_out_is_told_and_what_ran_runs_on(from_roll_outs: dict[str, Seen], name: str) -> None:
    bad, seen = ROLL_OUTS[name], from_roll_outs[name]
    check_told(bad, seen)
    assert seen.answer == {"version": "1"}
    assert seen.service["active_deploy"] == 1
    assert [(deploy["version"], deploy["status"], deploy["active"]) for deploy in seen.deploys] == [
        (2, "error", False),
        (1, "success", True),
    ]
    assert seen.status["deploy"]["status"] == "error"
    assert bad.hint in seen.status["deploy"]["error_detail"]
    assert bad.message in seen.log


@pytest.mark.parametrize("name", ROLL_OUTS)
def test_a_good_commit_right_after_a_bad_roll_out_deploys(from_roll_outs: dict[str, Seen], name: str) -> None:
    assert (from_roll_outs[name].then["outcome"], from_roll_outs[name].then["deploy"]) == ("succeeded", 3)
