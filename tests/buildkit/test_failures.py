"""What failed builds are taken for, from what BuildKit itself said (recorded from version 0.34.2)."""

from __future__ import annotations

import pytest

from chalicelib.adapters.buildkit.failures import Blame, find_failure

REF = "cxxqbtmg85fddbycr5e2z3fwf::1rt252i0pm7lf5nf917rehh2y"
STEP = """\
#5 [3/3] RUN echo about to fail &&     exit {code}
#5 0.049 error: this is the step's own
#5 ERROR: process "/bin/sh -c echo about to fail &&     exit {code}" did not complete successfully: exit code: {code}
------
 > [3/3] RUN echo about to fail &&     exit {code}:
0.049 about to fail
------
Dockerfile:3
--------------------
   2 |     WORKDIR /app
   3 | >>> RUN echo about to fail && \\
   4 | >>>     exit {code}
   5 | FROM b
--------------------
error: failed to solve: process "/bin/sh -c echo about to fail &&     exit {code}" did not complete successfully: exit code: {code}
"""


def excerpt(line: int, text: str, error: str, *, file: str = "Dockerfile") -> bytes:
    """The end of a log whose error belongs to a line."""
    return f"#1 DONE 0.1s\n{file}:{line}\n{'-' * 20}\n   {line} | >>> {text}\n{'-' * 20}\nerror: failed to solve: {error}\n".encode()


@pytest.mark.parametrize(("code", "hint"), [(3, "output"), (127, "not found"), (126, "mode"), (137, "memory")])
def test_a_step_that_fails_is_named_with_its_line_and_whole_command(code: int, hint: str) -> None:
    found = find_failure(STEP.format(code=code).encode())
    said = f"Dockerfile line 3: RUN echo about to fail && exit {code} ended with exit code {code}"
    assert (found.blame, found.code, found.message) == (Blame.USER, "build_failed", said)
    assert hint in found.hint


@pytest.mark.parametrize(
    ("log", "code", "message"),
    [
        (
            excerpt(3, "INSTALL x", "dockerfile parse error on line 3: unknown instruction: INSTALL"),
            "dockerfile_invalid",
            "Dockerfile line 3: unknown instruction: INSTALL",
        ),
        (b"error: failed to solve: the Dockerfile cannot be empty\n", "dockerfile_invalid", "the Dockerfile is empty"),
        (
            b"error: failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory\n",
            "dockerfile_missing",
            "the commit has no Dockerfile",
        ),
        (
            excerpt(1, "FROM r/a:1", "r/a:1: failed to resolve source metadata for r/a:1: r/a:1: not found"),
            "base_image_not_found",
            "Dockerfile line 1: there is no image r/a:1",
        ),
        (
            excerpt(1, "FROM r/a:1", "r/a:1: failed to resolve source metadata for r/a:1: pull access denied, repository does not exist"),
            "base_image_denied",
            "Dockerfile line 1: the image r/a:1 is not there, or not for this build",
        ),
        (
            excerpt(
                1,
                "FROM r.x/a",
                "r.x/a: failed to resolve source metadata for r.x/a: failed to do request: dial tcp: lookup r.x: no such host",
            ),
            "base_image_unreachable",
            "Dockerfile line 1: the registry of r.x/a cannot be reached from where images are built",
        ),
        (
            excerpt(
                1,
                "FROM r.x/a",
                "r.x/a: failed to resolve source metadata for r.x/a: failed to copy: httpReadSeeker: failed open: unexpected status code "
                "https://r.x/v2/a/manifests/latest: 429 Too Many Requests - Server message: toomanyrequests: pull rate limit",
            ),
            "base_image_unreachable",
            "Dockerfile line 1: the registry of r.x/a gives out no more images for now (429",
        ),
        (
            excerpt(2, "COPY a /b", f'failed to compute cache key: failed to calculate checksum of ref {REF}: "/a": not found'),
            "build_failed",
            'Dockerfile line 2: "/a" is not in the repository',
        ),
        (excerpt(2, "RUN x", "secret NOPE: not found"), "build_failed", "Dockerfile line 2: the build has no secret NOPE"),
        (
            b"error: failed to solve: failed to load LLB: security.insecure is not allowed\n",
            "build_failed",
            "the Dockerfile asks for security.insecure, which builds are not given",
        ),
        (
            b"error: failed to solve: failed to read dockerfile: failed to checkout remote http://h/r.git: git stderr:\n"
            b"fatal: reference is not a tree: 0000\n: exit status 128\n",
            "ref_not_found",
            "the repository does not have that commit any more",
        ),
        (
            excerpt(4, "RUN x", "something that nobody has seen yet"),
            "build_failed",
            "Dockerfile line 4: something that nobody has seen yet",
        ),
    ],
)
def test_what_is_the_users_to_mend_has_a_code_and_a_line(log: bytes, code: str, message: str) -> None:
    found = find_failure(log)
    assert (found.blame, found.code) == (Blame.USER, code)
    assert found.message.startswith(message)
    assert found.hint


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("failed to solve: failed to push r/a:v3: push access denied: insufficient_scope", "registry_denied"),
        (
            "failed to solve: failed to push r/a:v3: failed to do request: dial tcp 10.0.0.1:5000: connect: connection refused",
            "registry_unavailable",
        ),
        ("failed to solve: r/a: failed to authorize: failed to fetch oauth token: dial tcp: connection refused", "registry_unavailable"),
        (
            "failed to solve: failed to push r/a:v3: unexpected status from PUT request to https://r/v2/a/manifests/v3: 401 Unauthorized",
            "registry_denied",
        ),
        (
            "failed to solve: failed to push r/a:v3: unexpected status from POST request to https://r/v2/a/blobs/uploads/: 403 Forbidden",
            "registry_denied",
        ),
        (
            "failed to solve: failed to push r/a:v3: unexpected status from HEAD request to https://r/v2/a: 429 Too Many Requests",
            "registry_throttled",
        ),
        (
            "failed to solve: failed to push r/a:v3: unexpected status from PUT request to https://r/v2/a: 500 Internal Server Error",
            "registry_unavailable",
        ),
        ("failed to solve: write /x: no space left on device", "buildkit_full"),
        (
            "listing workers for Build: failed to list workers: Unavailable: dial tcp 10.96.0.12:1: connection refused",
            "buildkit_unavailable",
        ),
        ("listing workers for Build: Unavailable: tls: failed to verify certificate: x509: unknown authority", "buildkit_untrusted"),
    ],
)
def test_what_builds_stand_on_is_told_as_the_operators(error: str, code: str) -> None:
    found = find_failure(f"#1 DONE\nerror: {error}\n".encode())
    assert (found.blame, found.code) == (Blame.ENGINE, code)
    assert found.message and found.hint


def test_a_disk_that_is_full_is_the_operators_and_names_the_line_all_the_same() -> None:
    found = find_failure(excerpt(3, "COPY . .", "failed to copy files: write /var/lib/buildkit/x: no space left on device"))
    assert (found.blame, found.code) == (Blame.ENGINE, "buildkit_full")
    assert found.message == "Dockerfile line 3: BuildKit has no space left"


def test_a_line_of_the_dockerfile_that_fetches_is_not_shown_as_the_users() -> None:
    error = "failed to load cache key: failed to fetch remote https://h/r.git: git stderr:\nfatal: Authentication failed: exit status 128"
    found = find_failure(excerpt(2, "ADD https://h/r.git#1 /", error, file="ancla.fetch"))
    assert (found.code, found.message) == ("repository_needs_credentials", "the repository asks for credentials")


LOST_WORDS = [
    b"error: failed to solve: Unavailable: error reading from server: EOF\n",
    b"error: failed to receive status: rpc error: code = Unavailable desc = transport is closing\n",
    b"error: failed to solve: context deadline exceeded\n",
    b"error: context deadline exceeded\n",
    b"error: failed to receive status: rpc error: code = NotFound desc = no such job zinswx8pevvbkf156xt4dyplz\n",
    b"error: failed to solve: python:3: failed to resolve source metadata for python:3: failed to authorize: "
    b"no active session for 946l7u9cqtl3kkur5pifuipi4: context deadline exceeded\n",
]


@pytest.mark.parametrize("log", [*(b"#5 0.1 still at it\n" + words for words in LOST_WORDS), b"#5 0.1 still at it\n", b""])
def test_a_build_whose_buildkit_went_away_is_started_again(log: bytes) -> None:
    assert find_failure(log).blame is Blame.ACCIDENT


@pytest.mark.parametrize("words", LOST_WORDS)
def test_a_buildkit_that_never_took_the_build_on_is_away_and_waited_for(words: bytes) -> None:
    """Where the network lets a new pod through later than it starts, for example: three of them in a row are gone in no time."""
    found = find_failure(words)
    assert (found.blame, found.code) == (Blame.ENGINE, "buildkit_unavailable")
    assert words.decode().removeprefix("error: ").removeprefix("failed to solve: ").strip()[:40] in found.message


def test_words_are_shown_short_and_without_what_moves_a_cursor() -> None:
    found = find_failure(b"error: failed to solve: \x1b[31mred " + b"x" * 5000)
    assert "\x1b" not in found.message
    assert len(found.message) <= 400


def test_a_base_image_that_lies_in_our_own_registry_which_is_away_is_no_fault_of_the_build() -> None:
    away = "reg:5000/base/a: failed to resolve source metadata for reg:5000/base/a: failed to do request: dial tcp: connection refused"
    log = excerpt(1, "FROM reg:5000/base/a", away)

    ours, anothers = find_failure(log, own_registry="reg:5000"), find_failure(log, own_registry="reg:50")

    assert (ours.blame, ours.code, "connection refused" in ours.message) == (Blame.ENGINE, "registry_unavailable", True)
    assert (anothers.blame, anothers.code) == (Blame.USER, "base_image_unreachable")
