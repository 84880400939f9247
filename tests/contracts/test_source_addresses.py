"""Which addresses the source host for git servers asks: none that somebody's name, redirect or trick leads to unless it may."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from chalicelib.adapters.git.addresses import may_be_reached, parse_networks
from chalicelib.adapters.git.connections import Reach
from chalicelib.adapters.git.credentials import Login
from chalicelib.adapters.git.source import GitSource
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.secrets import Secret
from tests.contracts.git_servers import git_server, loopback_source, reply, server_that
from tests.contracts.repositories import Repository
from tests.contracts.test_source import refused

TOKEN = "planted-token-value"


def test_a_login_does_not_follow_a_redirect_to_somebody_else(tmp_path: Path, repository: Repository) -> None:
    commit = repository.commit()
    with git_server(tmp_path) as elsewhere:
        target = elsewhere.location(repository)
        with server_that(lambda asked: reply(asked, 302, Location=f"{target}{asked.path.removeprefix('/owner/name.git')}")) as location:
            origin = re.match(r"http://[^/]+", location)
            assert origin is not None
            host = loopback_source({origin[0]: Login("bot", Secret(TOKEN))})
            assert host.resolve(Source(location=location), "", []).commit == commit
        assert not any("Basic" in line for line in elsewhere.asked)


@pytest.mark.parametrize(
    "leads_to",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/x",
        "http://10.1.2.3/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "http://user:pass@127.0.0.1/x",
        "http://a b/",
        "",
    ],
)
def test_a_redirect_to_what_is_not_asked_is_not_followed(leads_to: str) -> None:
    with server_that(lambda asked: reply(asked, 301, Location=leads_to)) as location:
        assert refused(loopback_source(), location).code == "repository_unsafe"


def test_redirects_come_to_an_end() -> None:
    seen: list[str] = []

    def on_and_on(asked: object) -> None:
        seen.append("once")
        reply(asked, 302, Location=f"/{len(seen)}/info/refs?service=git-upload-pack")  # type: ignore[arg-type]

    with server_that(on_and_on) as location:
        problem = refused(loopback_source(), location)
    assert (problem.code, len(seen)) == ("repository_unsafe", 4)


def test_without_leave_no_address_of_this_machine_is_asked(tmp_path: Path, repository: Repository) -> None:
    repository.commit()
    with git_server(tmp_path) as server:
        for location in (server.location(repository), server.location(repository).replace("127.0.0.1", "localhost")):
            problem = refused(GitSource(), location)
            assert (problem.code, "127.0.0.1" in problem.message) == ("repository_unsafe", True)
        assert server.asked == []


def test_of_a_names_addresses_only_allowed_ones_are_connected_to(tmp_path: Path, repository: Repository) -> None:
    commit = repository.commit()
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1", "127.0.0.2"]

    with git_server(tmp_path) as server:
        location = server.location(repository).replace("127.0.0.1", "git.test")

        def host(network: str) -> GitSource:
            return GitSource(Reach(networks=parse_networks([network]), lookup=lookup))

        assert host("127.0.0.0/8").resolve(Source(location=location), "", []).commit == commit
        with pytest.raises(Unavailable):  # nothing listens at the other address
            host("127.0.0.2/32").resolve(Source(location=location), "", [])
    assert {*asked} == {"git.test"}


def test_a_name_that_nobody_answers_for_is_given_up_in_time() -> None:
    def slow(host: str, port: int) -> list[str]:
        time.sleep(2)
        return []

    host = GitSource(Reach(lookup=slow), seconds=0.2)
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        host.resolve(Source(location="https://git.test/acme/shop"), "", [])
    assert (caught.value.code, time.monotonic() - began < 1) == ("source_timed_out", True)


def test_a_name_that_leads_nowhere_is_told_so() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(Unavailable, match=r"the name git.test leads nowhere \(Name or service not known\)"):
        GitSource(Reach(lookup=nowhere)).resolve(Source(location="https://git.test/acme/shop"), "", [])


PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:127.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
]
NEVER = [
    "169.254.169.254",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_reached_only_where_its_network_is_named(address: str) -> None:
    everything = parse_networks(["0.0.0.0/0", "::/0"])
    assert not may_be_reached(address, ())
    assert may_be_reached(address, everything)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_a_clouds_own_is_never_reached(address: str) -> None:
    assert not may_be_reached(address, parse_networks(["0.0.0.0/0", "::/0"]))


@pytest.mark.parametrize("address", ["140.82.121.3", "2606:50c0:8000::153"])
def test_the_worlds_addresses_are_reached(address: str) -> None:
    assert may_be_reached(address, ())


@pytest.mark.parametrize("text", ["", "10.0.0.0/99", "10.0.0.1/8", "host"])
def test_what_is_no_network_is_said_at_the_start(text: str) -> None:
    with pytest.raises(Invalid, match="is no network"):
        parse_networks([text])
