"""What can be wrong with a repository or with what it runs, and what people have to be told about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.contracts.repositories import Repository
from tests.journeys.ground import GROUND
from tests.journeys.repository import SERVER

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


HTTPServer(("0.0.0.0" if "KUBERNETES_SERVICE_HOST" in os.environ else "127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
"""A web service that gives this one answer to its health check."""


SCREAM = "head -c 200000 /dev/zero; printf '\\n\\033[31mred alert\\033[0m\\n'; exit 1"
"""More in one line than any record could keep, and what a terminal would obey."""


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
    embedded: bool = False
    """It is bad where the tree is laid out on the machine itself alone; in a container it harms nobody."""


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


def here(embedded: str, real: str) -> str:
    """What is told on this ground, where a kubelet looks at less than the embedded node, or says it in its own words."""
    return real if GROUND.real else embedded


ADD_PROCFILE = "add a Procfile with a line such as 'web: python server.py'"
ALL_SOURCES = {
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
        embedded=True,
        code="tree_unsafe",
        message="the link 'passwords' leads to '/etc/passwd', outside of the repository",
        hint="make it a relative link",
        files=QUIET,
        prepare=_with_link("passwords", "/etc/passwd"),
    ),
    "link-up": Bad(
        embedded=True,
        code="tree_unsafe",
        message="the link 'up' leads to 'deep/../../..', outside of the repository",
        hint="let it point to a file within",
        files={**QUIET, "deep/file": ""},
        prepare=_with_link("up", "deep/../../.."),
    ),
    "submodule": Bad(
        embedded=True,
        code="tree_unsafe",
        message="'vendored' is a submodule",
        hint="commit its files, or install it as a package; submodules are not fetched",
        files=QUIET,
        prepare=_with_submodule,
    ),
    "line-end": Bad(
        embedded=True,
        code="tree_unsafe",
        message=r"'a\nb' has a name with control characters",
        hint="rename the file",
        files={**QUIET, "a\nb": "x"},
    ),
}
SOURCES = {name: bad for name, bad in ALL_SOURCES.items() if not (bad.embedded and GROUND.real)}
ELSEWHERE = {
    "missing": Bad(code="repository_not_found", message="there is no repository at", hint="correct its address"),
    "private": Bad(
        code="repository_needs_credentials",
        message="asks for credentials",
        hint=here("read without a password", "let an operator add a login"),
    ),
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
        files=_running("web: sleep 1000\nworker: sleep 1 && exit 1\n"),
    ),
    "screams": Bad(
        code="process_exited",
        message="exited with code 1 before it was ready",
        hint="the last lines of its log say why",
        evidence="red alert",
        files=_running("".join(f"{name}: {SCREAM}\n" for name in ("web", "worker", "beat"))),
    ),
    "no-port": Bad(
        code="health_check_failed",
        message=here("not every process was healthy within 4 s", "not every process was healthy within 12 s"),
        hint=here("it listens on no port: make it listen on the port in $PORT", "make it listen on the port in $PORT"),
        evidence="web: running, not ready",
        files=_running("web: sleep 1000\n"),
        seconds=12 if GROUND.real else 4,  # the node tells of a probe when it has failed
    ),
    "health-500": Bad(
        code="health_check_failed",
        message=here("GET /_health/ answered 500: boom", "GET /_health/ answered 500"),
        hint=HEALTH,
        files=_answering("self.send_response(500)"),
        seconds=10,
    ),
    "redirects": Bad(
        code="health_check_failed",
        message=here("GET /_health/ answered 302, a redirect to /login", "stopped after 10 redirects"),
        hint=here("a redirect is not taken for healthy", HEALTH),
        files=_answering("self.send_response(302); self.send_header('Location', '/login')"),
        seconds=10,
    ),
    "hangs": Bad(
        code="health_check_failed",
        message="GET /_health/ did not answer within",
        hint="make /_health/ answer faster, or at all",
        files=_answering("time.sleep(1000)"),
        seconds=25 if GROUND.real else 10,  # its node tells of a probe when it has failed
    ),
    "release-fails": Bad(
        code="release_failed",
        message="the release command ended with exit code 4",
        hint="look at its output in the deploy's log; nothing was rolled out",
        evidence="migrating",
        files=_running("release: echo migrating && exit 4\nweb: python server.py\n"),
    ),
    "release-screams": Bad(
        code="release_failed",
        message="the release command ended with exit code 5",
        hint="look at its output in the deploy's log",
        evidence="release | yyy",
        files=_running("release: yes yyy | head -c 9000000; exit 5\nweb: python server.py\n"),
    ),
    "release-hangs": Bad(
        code="release_timeout",
        message="the release command did not end within 3 s",
        hint="run long work in a process of its own, or raise deployment_timeout",
        files=_running("release: sleep 1000\nweb: python server.py\n"),
        seconds=3,
    ),
}
