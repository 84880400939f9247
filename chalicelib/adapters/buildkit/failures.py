"""What a failed build has to tell: from buildctl's own words to a code, a message and a hint, with the line of the Dockerfile.

Dockerfile:3                                <- the excerpt, where the error belongs to a line
--------------------
   2 |     WORKDIR /app
   3 | >>> RUN make
--------------------
error: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.manifests.buildkit import FETCH_FILE

MAX_WORDS = 400
TAIL = 64 * 1024
"""Bytes of the log's end that are looked at."""

_ERROR = re.compile(r"^error: (.*)", re.MULTILINE | re.DOTALL)
_EXCERPT = re.compile(r"^(?P<file>\S+):(?P<line>\d+)\n-{20}\n(?P<lines>(?:.*\n)*?)-{20}$", re.MULTILINE)
_PROGRESS = re.compile(rb"^#\d+ ", re.MULTILINE)
"""Each line of a build that BuildKit has taken on begins so."""
_MARKED = re.compile(r"^ *\d+ \| >>> (.*)$", re.MULTILINE)


class Blame(StrEnum):
    USER = "user"
    """The build failed."""
    ENGINE = "engine"
    """Something that builds stand on is away or wrongly set up: to be told, and tried again."""
    ACCIDENT = "accident"
    """BuildKit went away in the middle: to be started again."""


@dataclass(frozen=True, slots=True)
class Finding:
    blame: Blame
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which Dockerfile; `text` is the instruction, its lines joined."""

    line: str = ""
    text: str = ""

    def named(self, words: str) -> str:
        return f"Dockerfile line {self.line}: {words}" if self.line else words


def find_failure(log: bytes, *, own_registry: str = "") -> Finding:
    """What the end of a failed build's log means. That `own_registry` (host:port) is away is no fault of the build."""
    text = log[-TAIL:].decode(errors="replace").replace("\r", "")
    error = _ERROR.findall(text)
    words = _tidied(error[-1]) if error else ""
    place = _place_in(text)
    for pattern, make in _RULES:
        if found := pattern.search(words):
            finding = make(found, place)
            if finding.blame is Blame.ACCIDENT and not _PROGRESS.search(log):
                return Finding(Blame.ENGINE, "buildkit_unavailable", f"BuildKit does not answer: {words[:MAX_WORDS]}", _BUILDKIT_HINT)
            if own_registry and finding.code == "base_image_unreachable" and found[1].startswith(f"{own_registry}/"):
                return replace(finding, blame=Blame.ENGINE, code="registry_unavailable", hint=_REGISTRY_HINT)
            return finding
    if not words:
        return Finding(Blame.ACCIDENT, code="build_lost", message="the build ended without a word", hint="it is started again")
    return _user(place.named(words[:MAX_WORDS]), "the lines above in the build's log say more", code="build_failed")


def _place_in(text: str) -> _Place:
    excerpts = [one for one in _EXCERPT.finditer(text) if one["file"] != FETCH_FILE]
    if not excerpts:
        return _Place()
    found = excerpts[-1]
    parts = [part.rstrip(" \\") for part in _MARKED.findall(found["lines"])]
    return _Place(found["line"], " ".join(part.strip() for part in parts)[:200])


def _tidied(words: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in words)
    return " ".join(shown.split()).removeprefix("failed to solve: ")


def _user(message: str, hint: str, *, code: str) -> Finding:
    return Finding(Blame.USER, code, message, hint)


def _dockerfile(found: re.Match[str], place: _Place) -> Finding:
    hint = "correct that line; 'docker build --check .' shows the same kind of problem"
    return _user(f"Dockerfile line {found[1]}: {found[2]}", hint, code="dockerfile_invalid")


def _process(found: re.Match[str], place: _Place) -> Finding:
    status = int(found[1])
    hints = {
        126: "the command cannot be executed: check its mode and its first line",
        127: "the command was not found: install it in an earlier step, or correct its name",
        137: "it was killed, most likely for want of memory: let the step use less",
    }
    said = place.named(f"{place.text or 'a RUN'} ended with exit code {status}")
    return _user(said, hints.get(status, "the step's output is above, in the log"), code="build_failed")


def _base_missing(found: re.Match[str], place: _Place) -> Finding:
    hint = "check name and tag; a stage of the same file must stand above the line that uses it"
    return _user(place.named(f"there is no image {found[1]}"), hint, code="base_image_not_found")


def _base_denied(found: re.Match[str], place: _Place) -> Finding:
    hint = "use a public image, or one that the operator lets builds use"
    return _user(place.named(f"the image {found[1]} is not there, or not for this build"), hint, code="base_image_denied")


def _base_throttled(found: re.Match[str], place: _Place) -> Finding:
    hint = "deploy again later; an operator can keep a copy of it in a registry that builds may pull from"
    said = f"the registry of {found[1]} gives out no more images for now (429, too many requests)"
    return _user(place.named(said), hint, code="base_image_unreachable")


def _base_unreachable(found: re.Match[str], place: _Place) -> Finding:
    said = f"the registry of {found[1]} cannot be reached from where images are built: {found[2][:MAX_WORDS]}"
    return _user(place.named(said), "check the image's name, or deploy again when its registry answers", code="base_image_unreachable")


def _not_in_context(found: re.Match[str], place: _Place) -> Finding:
    hint = "commit the file, correct its path, or look whether .dockerignore leaves it out"
    return _user(place.named(f"{found[1]} is not in the repository"), hint, code="build_failed")


def _no_secret(found: re.Match[str], place: _Place) -> Finding:
    hint = f"set it, then deploy again: 'ancla config set SERVICE {found[1]}=- --secret --buildtime' reads its value"
    return _user(place.named(f"the build has no secret {found[1]}"), hint, code="build_failed")


def _fixed(blame: Blame, message: str, hint: str, *, code: str) -> Callable[[re.Match[str], _Place], Finding]:
    """`message` may name what was found, as `{1}`."""

    def make(found: re.Match[str], place: _Place) -> Finding:
        said = message.format(found[0], *found.groups())[:MAX_WORDS]
        return Finding(blame, code, place.named(said), hint)

    return make


_REGISTRY_HINT = "check that the registry and Ancla's token endpoint can be reached from where images are built; it is tried again"
_BUILDKIT_HINT = "check that BuildKit runs, and ANCLA_BUILDKIT_ADDRESS; it is tried again"
_LOST = _fixed(Blame.ACCIDENT, "BuildKit went away in the middle of the build", "it is started again", code="build_lost")
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], _Place], Finding]], ...] = (
    # Of buildctl and BuildKit, one has lost the other, whatever else the line says. It also comes of a BuildKit that was busy: it holds
    # one lock for a project's cache while it waits five seconds for each session that this project's builds had in the last minutes,
    # if a build failed while its cache was still being imported (0.34: util/resolver/authorizer.go, solver/llbsolver/bridge.go).
    (re.compile(r"no active session|no such job"), _LOST),
    (re.compile(r"dockerfile parse error on line (\d+): (.*)"), _dockerfile),
    (
        re.compile(r"the Dockerfile cannot be empty"),
        _fixed(Blame.USER, "the Dockerfile is empty", "begin it with a line such as 'FROM python:3.12'", code="dockerfile_invalid"),
    ),
    (re.compile(r"did not complete successfully: exit code: (\d+)"), _process),
    (
        re.compile(r"failed to read dockerfile: open (\S+): no such file"),
        _fixed(Blame.USER, "the commit has no {1}", "deploy a commit that has it", code="dockerfile_missing"),
    ),
    (
        re.compile(r"(failed to checkout remote|failed to fetch remote|failed to load git source).*(not a tree|not our ref|remote ref)"),
        _fixed(
            Blame.USER, "the repository does not have that commit any more", "push it again, or deploy another one", code="ref_not_found"
        ),
    ),
    (
        re.compile(r"(could not read Username|Authentication failed|terminal prompts disabled|returned error: 40[13])"),
        _fixed(
            Blame.USER,
            "the repository asks for credentials",
            "make it public, or let an operator add a login",
            code="repository_needs_credentials",
        ),
    ),
    (
        re.compile(r"failed to (?:fetch|checkout|init|resolve).* remote (\S+)"),
        _fixed(
            Blame.ENGINE, "{1} could not be read by BuildKit", "check that builds reach it; it is tried again", code="source_unavailable"
        ),
    ),
    (
        re.compile(r"failed to fetch oauth token: (.*)"),
        _fixed(Blame.ENGINE, "the build got no token for the registry: {1}", _REGISTRY_HINT, code="registry_unavailable"),
    ),
    (
        re.compile(
            r"failed to resolve source metadata for (\S+): .*(?:pull access denied|insufficient_scope|401 Unauthorized|403 Forbidden)"
        ),
        _base_denied,
    ),
    (re.compile(r"failed to resolve source metadata for (\S+): .*(?:429 Too Many Requests|toomanyrequests)"), _base_throttled),
    (
        re.compile(
            r"failed to resolve source metadata for (\S+): .*(?:failed to do request|failed to authorize|unexpected status).*?: (.*)"
        ),
        _base_unreachable,
    ),
    (re.compile(r"failed to resolve source metadata for (\S+): .*not found"), _base_missing),
    (re.compile(r"failed to calculate checksum of ref \S+: (\"[^\"]*\"): not found"), _not_in_context),
    (re.compile(r"secret ([A-Za-z_][A-Za-z0-9_]*): not found"), _no_secret),
    (
        re.compile(r"(\S+) is not allowed"),
        _fixed(Blame.USER, "the Dockerfile asks for {1}, which builds are not given", "do without it", code="build_failed"),
    ),
    (
        re.compile(r"failed to push .*(?:push access denied|insufficient_scope|401 Unauthorized|403 Forbidden)"),
        _fixed(
            Blame.ENGINE,
            "the registry does not take what was built",
            "check that it trusts the key Ancla signs with",
            code="registry_denied",
        ),
    ),
    (
        re.compile(r"failed to push .*(?:429 Too Many Requests|toomanyrequests)"),
        _fixed(Blame.ENGINE, "the registry takes no more at this rate", "it is tried again", code="registry_throttled"),
    ),
    (
        re.compile(r"failed to push \S+: (.*)"),
        _fixed(Blame.ENGINE, "what was built could not be pushed: {1}", _REGISTRY_HINT, code="registry_unavailable"),
    ),
    (
        re.compile(r"no space left on device"),
        _fixed(
            Blame.ENGINE,
            "BuildKit has no space left",
            "give it more room, or let it keep less cache; it is tried again",
            code="buildkit_full",
        ),
    ),
    (
        re.compile(r"certificate|tls:"),
        _fixed(
            Blame.ENGINE,
            "BuildKit and the build job do not trust each other",
            "check their certificates; it is tried again",
            code="buildkit_untrusted",
        ),
    ),
    (
        re.compile(r"listing workers|failed to list workers|failed to dial"),
        _fixed(Blame.ENGINE, "BuildKit does not answer", _BUILDKIT_HINT, code="buildkit_unavailable"),
    ),
    (
        re.compile(
            r"code = (?:Unavailable|Canceled|Internal)|Unavailable: |transport is closing|connection reset|EOF"
            # A deadline without a word of what it was for is that of BuildKit's own session with buildctl: one of them had no time.
            r"|context canceled|^context deadline exceeded"
        ),
        _LOST,
    ),
)
"""The first one that fits counts."""
