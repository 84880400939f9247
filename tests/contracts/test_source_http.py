"""The source host for git servers: servers of every generation, logins, redirects, and addresses that are not asked."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.adapters.git.addresses import parse_networks
from chalicelib.adapters.git.connections import Reach
from chalicelib.adapters.git.credentials import Login, read_logins
from chalicelib.adapters.git.source import GitSource
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.secrets import Secret
from chalicelib.ports.source import Revision
from tests.contracts.git_servers import Generation, GitServer, git_server, loopback_source, reply, server_that
from tests.contracts.repositories import Repository
from tests.contracts.signers import Authority
from tests.contracts.test_source import PROCFILE, refused

GENERATIONS = [Generation(protocol, filters) for protocol in (2, 0) for filters in (True, False)]
TOKEN = "planted-token-value"
BASIC = "Basic Ym90OnBsYW50ZWQtdG9rZW4tdmFsdWU="
FILES = ["Procfile", "deploy/Dockerfile"]


@pytest.fixture(params=GENERATIONS, ids=str)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path, request.param) as served:
        yield served


def source_of(server: GitServer, repository: Repository) -> Source:
    return Source(location=server.location(repository))


def test_every_generation_of_servers_is_read(server: GitServer, repository: Repository) -> None:
    repository.commit({"Procfile": "web: old\n"})
    commit = repository.commit({"Procfile": PROCFILE, "deploy/Dockerfile": "FROM a\n"}, "Now\n\nMore.")
    repository.git("tag", "-a", "-m", "First", "v1")
    for ref in ("", "main", "v1", commit, commit[:9]):
        found = loopback_source().resolve(source_of(server, repository), ref, FILES)
        assert found == Revision(commit, "Now\n\nMore.", {"Procfile": PROCFILE, "deploy/Dockerfile": "FROM a\n"})


def test_every_generation_finds_an_older_commit(server: GitServer, repository: Repository) -> None:
    commit = repository.commit({"Procfile": PROCFILE})
    repository.commit({"Procfile": "web: later\n"})
    assert loopback_source().resolve(source_of(server, repository), commit, FILES) == Revision(commit, "A change", {"Procfile": PROCFILE})


def test_every_generation_says_what_is_not_there(server: GitServer, repository: Repository) -> None:
    repository.commit({"Procfile": PROCFILE})
    for ref in ("missing", "deadbee", "0" * 40):
        assert refused(loopback_source(), server.location(repository), ref).code == "ref_not_found"


def test_every_generation_names_a_file_that_is_too_long(server: GitServer, repository: Repository) -> None:
    repository.commit({"Procfile": os.urandom(3_000_000).hex()})
    problem = refused(loopback_source(), server.location(repository))
    assert (problem.code, problem.message) == ("file_invalid", "Procfile has more than 262,144 bytes")


@pytest.mark.parametrize("generation", [Generation(2, False), Generation(0, False)], ids=str)
def test_files_stored_as_differences_are_read(tmp_path: Path, repository: Repository, generation: Generation) -> None:
    text = "".join(f"# {number}: {number * number}\n" for number in range(4000))
    commit = repository.commit({"Procfile": f"{text}web: a\n", "deploy/Dockerfile": f"{text}FROM b\n", "other": f"{text}\n"})
    repository.git("repack", "-q", "-a", "-d", "-f", "--window=50")
    with git_server(tmp_path, generation) as server:
        found = loopback_source().resolve(source_of(server, repository), "", FILES)
        assert server.sent < 2 * len(text)  # else there were no differences in it
    assert found == Revision(commit, "A change", {"Procfile": f"{text}web: a\n", "deploy/Dockerfile": f"{text}FROM b\n"})


def test_of_a_large_repository_only_what_is_wanted_travels(tmp_path: Path, repository: Repository) -> None:
    repository.commit({f"data/{number}": os.urandom(500_000) for number in range(8)} | {"Procfile": PROCFILE})
    with git_server(tmp_path) as server:
        assert loopback_source().resolve(source_of(server, repository), "", FILES).files == {"Procfile": PROCFILE}
        assert server.sent < 10_000


def test_a_server_that_finds_no_part_of_a_hash_asks_for_all_of_it(tmp_path: Path, repository: Repository) -> None:
    commit = repository.commit()
    repository.commit()
    with git_server(tmp_path, Generation(2, False)) as server:
        problem = refused(loopback_source(), server.location(repository), commit[:10])
    assert (problem.code, "40 characters" in problem.hint) == ("ref_not_found", True)


def test_two_commits_that_begin_alike_are_not_taken_for_each_other(tmp_path: Path, repository: Repository) -> None:
    hashes = [repository.committed(f"number {number}") for number in range(40)]
    starts = [one[:1] for one in hashes]
    with git_server(tmp_path) as server:
        twice = next(one for one in hashes if starts.count(one[0]) > 1)
        shared = os.path.commonprefix([one for one in hashes if one[0] == twice[0]][:2])
        host = loopback_source()
        if len(shared) < 4:  # shorter ones are no abbreviations
            pair = [one for one in hashes if one.startswith(shared)]
            assert len(pair) > 1
            assert refused(host, server.location(repository), shared).code == "ref_not_found"
        assert host.resolve(source_of(server, repository), twice[:20], []).commit == twice


def test_a_login_opens_its_own_server_and_shows_nowhere(tmp_path: Path, repository: Repository) -> None:
    commit = repository.commit()
    with git_server(tmp_path, authorization=BASIC) as server, git_server(tmp_path, authorization=BASIC) as other:
        logins = {server.address: Login("bot", Secret(TOKEN))}
        assert loopback_source(logins).resolve(source_of(server, repository), "", []).commit == commit
        problem = refused(loopback_source(logins), other.location(repository))
        assert not any(BASIC in line for line in other.asked)
    assert problem.code == "repository_needs_credentials"
    assert TOKEN not in f"{problem.message} {problem.hint} {logins!r}"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "repository_needs_credentials"),
        (403, "repository_needs_credentials"),
        (404, "repository_not_found"),
        (410, "repository_not_found"),
    ],
)
def test_a_servers_refusal_is_told_apart(status: int, code: str) -> None:
    with server_that(lambda asked: reply(asked, status)) as location:
        assert refused(loopback_source(), location).code == code


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_in_trouble_may_be_well_later(status: int) -> None:
    with server_that(lambda asked: reply(asked, status)) as location, pytest.raises(Unavailable) as caught:
        loopback_source().resolve(Source(location=location), "", [])
    assert (caught.value.code, str(status) in caught.value.message) == ("source_unavailable", True)


@pytest.mark.parametrize("location", ["ssh://git@git.test/acme/shop.git", "git@git.test:acme/shop.git", "git://git.test/acme/shop"])
def test_what_is_not_http_is_refused_with_the_address_to_use(location: str) -> None:
    problem = refused(GitSource(), location)
    assert problem.code == "repository_unsafe"
    assert "https://git.test/acme/shop.git" in problem.hint


def test_a_servers_certificate_is_checked(tmp_path: Path) -> None:
    from tests.contracts.scripted import Told, scripted

    ours, other = Authority(tmp_path), tmp_path / "other"
    other.mkdir()
    with scripted(lambda asked: Told(404), ours.issue("server")) as server:
        location = f"https://{server.address}/owner/name.git"
        networks = parse_networks(["127.0.0.0/8"])
        assert refused(GitSource(Reach(networks=networks, ca=ours.certificate)), location).code == "repository_not_found"
        for ca in (None, Authority(other).certificate):
            with pytest.raises(Unavailable, match="certificate is not trusted"):
                GitSource(Reach(networks=networks, ca=ca)).resolve(Source(location=location), "", [])
        assert len(server.asked) == 1


def test_logins_are_read_as_git_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("# ours\n\nhttps://bot:a%2Fb@Git.Test\nhttp://x:y@inner:8080\n")
    logins = read_logins(file)
    assert {origin: (login.username, login.password.reveal()) for origin, login in logins.items()} == {
        "https://git.test:443": ("bot", "a/b"),
        "http://inner:8080": ("x", "y"),
    }


@pytest.mark.parametrize(
    "line", ["git.test bot secret-word", "https://git.test", "https://bot@git.test", "ssh://a:secret-word@b", "https://a:secret-word@b:x"]
)
def test_a_line_that_is_no_login_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    file = tmp_path / "credentials"
    file.write_text(f"https://bot:ok@git.test\n{line}\n")
    with pytest.raises(Invalid, match="line 2 of .* is no login") as caught:
        read_logins(file)
    assert "secret-word" not in caught.value.message + caught.value.hint


def test_a_server_that_drips_is_given_up_in_time() -> None:
    def drip(asked: object) -> None:
        wfile = asked.wfile  # type: ignore[attr-defined]
        wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            wfile.write(b"X-A: b\r\n"[:1])
            time.sleep(0.02)

    began = time.monotonic()
    with server_that(drip) as location, pytest.raises(Unavailable) as caught:
        loopback_source(seconds=0.3).resolve(Source(location=location), "", [])
    assert caught.value.code == "source_timed_out"
    assert time.monotonic() - began < 2
