"""What every registry promises."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.registry import EmbeddedRegistry
from chalicelib.domain.errors import Invalid
from chalicelib.ports.registry import Registry
from tests.contracts.builds import make_tree
from tests.contracts.engines_home import engine_settings
from tests.contracts.oci import real_registry

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MISSING = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class Bench:
    """A registry, and the way in which builds bring images to it."""

    registry: Registry
    push: Callable[[str, int, str], str]
    """Repository, number of the build, content; returns the digest."""


@pytest.fixture(params=["embedded", "oci"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "embedded":
        embedded = EmbeddedRegistry(tmp_path / "home")
        yield Bench(embedded, lambda repository, number, content: embedded.put(make_tree(tmp_path / "tree", content), repository, number))
    else:
        real = real_registry(engine_settings())
        yield Bench(real.registry, real.push)
        real.clear()


def repositories() -> tuple[str, str]:
    """Two repositories that no test before this one had."""
    mark = uuid.uuid4().hex
    return f"acme/shop/production/api/{mark}", f"acme/shop/staging/api/{mark}"


def test_an_image_is_there_once_it_was_pushed_and_only_there(bench: Bench) -> None:
    here, there = repositories()
    digest = bench.push(here, 1, "one")
    assert bench.registry.has(here, digest)
    assert not bench.registry.has(here, MISSING)
    assert not bench.registry.has(there, digest)


def test_equal_images_have_one_digest_in_every_repository(bench: Bench) -> None:
    here, there = repositories()
    assert bench.push(here, 1, "one") == bench.push(there, 7, "one")


def test_a_removed_image_is_gone_and_the_others_stay(bench: Bench) -> None:
    here, there = repositories()
    first, second = bench.push(here, 1, "one"), bench.push(here, 2, "two")
    bench.push(there, 1, "one")
    for _ in range(2):
        bench.registry.remove_image(here, first, build=1)
        assert not bench.registry.has(here, first)
    assert bench.registry.has(here, second)
    assert bench.registry.has(there, first)


def test_removing_what_was_never_there_is_no_error(bench: Bench) -> None:
    here, _ = repositories()
    bench.registry.remove(here)
    bench.registry.remove_image(here, MISSING, build=1)
    assert not bench.registry.has(here, MISSING)


def test_a_removed_repository_has_no_image_any_more(bench: Bench) -> None:
    here, there = repositories()
    digests = [bench.push(here, number, f"content {number}") for number in (1, 2, 3)]
    bench.push(there, 1, "content 1")
    for _ in range(2):
        bench.registry.remove(here)
        assert not any(bench.registry.has(here, digest) for digest in digests)
    assert bench.registry.has(there, digests[0])


def test_a_removed_image_can_be_pushed_again(bench: Bench) -> None:
    here, _ = repositories()
    digest = bench.push(here, 1, "one")
    bench.registry.remove(here)
    assert bench.push(here, 2, "one") == digest
    assert bench.registry.has(here, digest)


def test_a_pull_grant_says_for_whom_and_until_when(bench: Bench) -> None:
    here, there = repositories()
    grant, other = (bench.registry.grant_pull("service-1", repository, now=NOW) for repository in (here, there))
    assert grant.username == "service-1"
    assert grant.server
    assert timedelta(weeks=3) < grant.expires - NOW < timedelta(weeks=10)
    assert grant.password != other.password


@pytest.mark.parametrize("repository", ["", "../etc", "a/../b", "/etc", "a//b", "a b", ".hidden"])
def test_what_could_be_a_path_elsewhere_is_refused(bench: Bench, repository: str) -> None:
    with pytest.raises(Invalid, match="cannot be a repository"):
        bench.registry.has(repository, MISSING)
    with pytest.raises(Invalid, match="cannot be a repository"):
        bench.registry.remove(repository)


@pytest.mark.parametrize("digest", ["", "latest", "sha256:../../x", f"sha512:{'0' * 64}"])
def test_only_a_digest_names_an_image(bench: Bench, digest: str) -> None:
    with pytest.raises(Invalid, match="is not a digest"):
        bench.registry.has(repositories()[0], digest)
