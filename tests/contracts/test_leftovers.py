"""What a home keeps of work that is over, and what it does not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.build_folder import BuildFolder
from chalicelib.adapters.embedded.builder import EmbeddedBuilder
from chalicelib.adapters.embedded.leftovers import CACHE_KEPT, DAY, remove_leftovers
from chalicelib.ports.builder import JobState
from tests.contracts.builds import PROCFILE, REPOSITORY, built, job_for
from tests.contracts.cluster_world import eventually
from tests.contracts.repositories import Repository

SHORTLY = 60.0


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ("builds/an-old-build", DAY),
        ("builds/.gone-x", DAY),
        ("images/staging/an-old-build", DAY),
        ("git/0123.git", CACHE_KEPT),
        ("git/0123.commits", CACHE_KEPT),
    ],
)
def test_what_nobody_comes_back_to_is_removed_after_its_time(tmp_path: Path, place: str, kept: float) -> None:
    folder = tmp_path / place
    within = folder / "within"
    within.mkdir(parents=True)
    (within / "file").touch()
    within.chmod(0o555)
    last = folder.stat().st_mtime

    remove_leftovers(tmp_path, last + kept - SHORTLY)
    assert within.exists()
    remove_leftovers(tmp_path, last + kept + SHORTLY)

    assert list(folder.parent.iterdir()) == []


def test_a_build_that_goes_on_is_no_leftover_however_old_it_is(tmp_path: Path) -> None:
    folder = BuildFolder.of(tmp_path, "a-long-build")
    lock = folder.take_lock()
    assert lock is not None

    remove_leftovers(tmp_path, time.time() + 9 * DAY)
    assert folder.path.exists()
    os.close(lock)
    remove_leftovers(tmp_path, time.time() + 9 * DAY)

    assert not folder.path.exists()


def test_images_and_locks_are_no_leftovers(tmp_path: Path) -> None:
    image = tmp_path / "images" / "sha256" / ("0" * 64) / "tree"
    lock = tmp_path / "git" / "0123.lock"
    image.mkdir(parents=True)
    lock.parent.mkdir()
    lock.touch()

    remove_leftovers(tmp_path, time.time() + 2 * CACHE_KEPT)

    assert image.exists() and lock.exists()


def test_the_next_build_removes_what_old_ones_left_and_their_images_stay(
    builder: EmbeddedBuilder, home: Path, repository: Repository
) -> None:
    commit = repository.commit({"Procfile": PROCFILE})
    first = built(builder, job_for(repository, commit, id="first", procfile="Procfile"))
    eventually(lambda: BuildFolder.of(home, "first").worker() is None)
    long_ago = time.time() - DAY - SHORTLY
    os.utime(home / "builds" / "first", (long_ago, long_ago))
    caches = [cache for cache in (home / "git").iterdir() if cache.suffix == ".git"]
    for cache in caches:
        os.utime(cache, (time.time() - CACHE_KEPT + SHORTLY, time.time() - CACHE_KEPT + SHORTLY))

    second = built(builder, job_for(repository, commit, id="second", procfile="Procfile"))

    assert [folder.name for folder in (home / "builds").iterdir()] == ["second"]
    assert (first.state, second.state) == (JobState.SUCCEEDED, JobState.SUCCEEDED)
    assert first.image is not None and second.image is not None
    assert first.image.digest == second.image.digest
    assert (home / "registry" / REPOSITORY / first.image.digest.removeprefix("sha256:")).exists()
    assert all(cache.stat().st_mtime > time.time() - DAY for cache in caches), "a cache that was used is as good as new"
