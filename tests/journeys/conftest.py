"""Fixtures of the stories: an Ancla for a whole file, since starting one takes a second, and what a story changes in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.site import Site, read_site
from tests.journeys.fleet import Fleet, mend
from tests.journeys.ground import GROUND
from tests.journeys.harness import Ancla
from tests.journeys.repository import Repository
from tests.journeys.town import Town, made_town


@pytest.fixture(scope="session", autouse=True)
def ground() -> Iterator[None]:
    with GROUND.ready():
        yield


@pytest.fixture(scope="module")
def ancla(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ancla]:
    with Ancla(tmp_path_factory.mktemp("ancla")) as ancla:
        yield ancla


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """With version 1 of a web service in it."""
    repository = Repository(tmp_path / "repository")
    repository.commit_version("1")
    return repository


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with made_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
def nothing_changes(town: Town) -> Iterator[None]:
    with town.unchanged():
        yield


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("faults")
    with Ancla(folder) as ancla:
        yield Fleet(ancla, folder)


@pytest.fixture
def all_engines() -> Iterator[Site]:
    """Whatever a test does to them, the next one has them all."""
    site = read_site()
    yield site
    mend(site)
