"""What the embedded registry promises beside, with the pull side that its node uses."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.registry import EmbeddedRegistry, NoSuchImage, PullDenied
from chalicelib.domain.secrets import Secret
from tests.contracts.builds import make_tree

REPOSITORY = "acme/shop/production/api/5f0c"
OTHER = "acme/shop/staging/api/77aa"
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MISSING = f"sha256:{'0' * 64}"


class Moment:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.value = NOW

    def now(self) -> datetime:
        return self.value


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def registry(tmp_path: Path, moment: Moment) -> EmbeddedRegistry:
    return EmbeddedRegistry(tmp_path / "home", now=moment.now)


@pytest.fixture
def digest(registry: EmbeddedRegistry, tmp_path: Path) -> str:
    return registry.put(make_tree(tmp_path / "tree"), REPOSITORY, 1)


def password_for(registry: EmbeddedRegistry, repository: str = REPOSITORY) -> Secret:
    return registry.grant_pull("service-1", repository, now=NOW).password


def test_equal_trees_have_one_digest_in_every_repository(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    assert registry.put(make_tree(tmp_path / "again"), OTHER, 7) == digest
    assert registry.has(OTHER, digest)


def change_content(tree: Path) -> None:
    (tree / "server.py").write_text("print('bye')\n")


def change_mode(tree: Path) -> None:
    (tree / "server.py").chmod(0o755)


def change_name(tree: Path) -> None:
    (tree / "server.py").rename(tree / "serve.py")


def change_link(tree: Path) -> None:
    (tree / "current").unlink()
    (tree / "current").symlink_to("bin/start")


@pytest.mark.parametrize("change", [change_content, change_mode, change_name, change_link])
def test_another_tree_has_another_digest(registry: EmbeddedRegistry, digest: str, tmp_path: Path, change: object) -> None:
    tree = make_tree(tmp_path / "other")
    assert callable(change)
    change(tree)
    assert registry.put(tree, REPOSITORY, 2) != digest


def test_files_of_an_image_are_read_only_and_keep_what_can_be_run(registry: EmbeddedRegistry, digest: str) -> None:
    tree = registry.open_image(REPOSITORY, digest, password_for(registry))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tree / "server.py", tree / "bin/start", tree / "bin", tree)}
    assert modes == {"server.py": 0o444, "start": 0o555, "bin": 0o555, "tree": 0o555}
    assert os.readlink(tree / "current") == "server.py"


def test_a_password_opens_its_own_repository_alone(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    registry.put(make_tree(tmp_path / "again"), OTHER, 1)
    with pytest.raises(PullDenied, match=f"does not open {OTHER}"):
        registry.open_image(OTHER, digest, password_for(registry))


def test_a_password_outlives_its_maker_and_ends_after_weeks(
    registry: EmbeddedRegistry, digest: str, tmp_path: Path, moment: Moment
) -> None:
    grant = registry.grant_pull("service-1", REPOSITORY, now=NOW)
    later = EmbeddedRegistry(tmp_path / "home", now=moment.now)
    moment.value = grant.expires - timedelta(seconds=1)
    assert later.open_image(REPOSITORY, digest, grant.password).is_dir()
    moment.value = grant.expires
    with pytest.raises(PullDenied, match="has expired"):
        later.open_image(REPOSITORY, digest, grant.password)
    assert timedelta(weeks=3) < grant.expires - NOW < timedelta(weeks=10)


@pytest.mark.parametrize("forged", ["", "x", "ancla-pull-v1.e30=.00", "ancla-pull-v2.e30=.00", "ancla-pull-v1.é.ü"])
def test_a_password_that_was_made_up_is_denied_and_not_shown(registry: EmbeddedRegistry, digest: str, forged: str) -> None:
    with pytest.raises(PullDenied) as caught:
        registry.open_image(REPOSITORY, digest, Secret(forged))
    assert not forged or len(forged) == 1 or forged not in str(caught.value)


def test_a_password_with_other_claims_under_its_signature_is_denied(registry: EmbeddedRegistry, digest: str) -> None:
    form, _, signature = password_for(registry).reveal().split(".")
    _, claims, _ = password_for(registry, OTHER).reveal().split(".")
    with pytest.raises(PullDenied):
        registry.open_image(OTHER, digest, Secret(f"{form}.{claims}.{signature}"))


def test_the_password_of_another_registry_is_denied(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    with pytest.raises(PullDenied):
        registry.open_image(REPOSITORY, digest, password_for(EmbeddedRegistry(tmp_path / "elsewhere")))


def test_an_image_that_is_not_there_is_named(registry: EmbeddedRegistry, digest: str) -> None:
    with pytest.raises(NoSuchImage, match=MISSING):
        registry.open_image(REPOSITORY, MISSING, password_for(registry))


def test_the_key_is_for_its_owner_alone(registry: EmbeddedRegistry, tmp_path: Path) -> None:
    password_for(registry)
    assert (tmp_path / "home/registry.key").stat().st_mode & 0o777 == 0o600


def test_a_removed_image_is_gone_and_its_tree_with_the_last_repository(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    registry.put(make_tree(tmp_path / "again"), OTHER, 1)
    registry.remove(REPOSITORY)
    assert not registry.has(REPOSITORY, digest)
    assert registry.has(OTHER, digest)
    registry.remove(OTHER)
    assert not registry.has(OTHER, digest)
    assert not list((tmp_path / "home/images/sha256").iterdir())


def test_one_image_is_removed_and_the_others_stay(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    other = registry.put(make_tree(tmp_path / "other", "print('other')\n"), REPOSITORY, 2)
    for _ in range(2):
        registry.remove_image(REPOSITORY, digest, build=1)
    assert not registry.has(REPOSITORY, digest)
    assert registry.has(REPOSITORY, other)
    assert [folder.name for folder in (tmp_path / "home/images/sha256").iterdir()] == [other.removeprefix("sha256:")]


def test_an_image_that_a_later_build_pushed_again_is_not_removed_for_an_earlier_one(
    registry: EmbeddedRegistry, digest: str, tmp_path: Path
) -> None:
    assert registry.put(make_tree(tmp_path / "again"), REPOSITORY, 5) == digest
    registry.put(make_tree(tmp_path / "late"), REPOSITORY, 2)  # which another worker had in hand for long
    registry.remove_image(REPOSITORY, digest, build=4)
    assert registry.has(REPOSITORY, digest)
    registry.remove_image(REPOSITORY, digest, build=5)
    assert not registry.has(REPOSITORY, digest)


def test_an_image_is_removed_from_one_repository_alone(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    registry.put(make_tree(tmp_path / "again"), OTHER, 1)
    registry.remove_image(REPOSITORY, digest, build=1)
    assert not registry.has(REPOSITORY, digest) and registry.has(OTHER, digest)


def test_a_removal_that_was_cut_short_is_completed_by_the_next(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    entry = home / "registry" / REPOSITORY / digest.removeprefix("sha256:")
    entry.unlink()  # and the process died: the tree is nobody's
    (entry.parent / f".{entry.name}.x1").touch()
    (home / "images" / "sha256" / ".gone-x" / "it").mkdir(parents=True)
    kept = registry.put(make_tree(tmp_path / "other", "print('other')\n"), OTHER, 2)

    registry.remove(REPOSITORY)

    assert [folder.name for folder in (home / "images" / "sha256").iterdir()] == [kept.removeprefix("sha256:")]
    assert registry.has(OTHER, kept)


def test_nothing_is_left_of_a_removed_repository(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    registry.remove(REPOSITORY)
    assert list((tmp_path / "home" / "registry").iterdir()) == []
    assert list((tmp_path / "home" / "images" / "sha256").iterdir()) == []
    registry.remove(REPOSITORY)


def test_removing_a_repository_leaves_those_below_its_name(registry: EmbeddedRegistry, digest: str) -> None:
    registry.remove("acme/shop")
    registry.remove("acme/nothing")
    assert registry.has(REPOSITORY, digest)


def test_a_removed_image_can_be_put_again(registry: EmbeddedRegistry, digest: str, tmp_path: Path) -> None:
    registry.remove(REPOSITORY)
    assert registry.put(make_tree(tmp_path / "again"), REPOSITORY, 2) == digest
    assert registry.has(REPOSITORY, digest)
