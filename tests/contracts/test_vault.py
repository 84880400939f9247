"""What every vault promises: versions, conflicts, rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.vault import EmbeddedVault
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import snapshot_path, snapshot_prefix
from chalicelib.ports.vault import Vault, VaultConflict, Workload
from tests.contracts.real_vault import cleared_vault

PATH = "ancla/scopes/one"
SERVICE = Workload(service_id="s1", namespace="ancla-acme", account="api")
OTHER = Workload(service_id="s2", namespace="ancla-acme", account="web")
ENTRY = snapshot_path("s1", "aaaa")
BESIDE = "ancla/scopes/two"


@pytest.fixture(params=["memory", "file", "vault"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    if request.param == "vault":
        with cleared_vault([PATH, BESIDE], ["s1", "s11", "s2", "moved"]) as real:
            yield real
        return
    made = EmbeddedVault(None if request.param == "memory" else tmp_path)
    yield made
    made.close()


def values(text: str) -> dict[str, Secret]:
    return {"TOKEN": Secret(text)}


def opened(entry: Mapping[str, Secret] | None) -> dict[str, str] | None:
    return None if entry is None else {name: secret.reveal() for name, secret in entry.items()}


def test_nothing_is_there_at_first(vault: Vault) -> None:
    assert vault.read(PATH) is None
    assert vault.read(PATH, version=1) is None
    assert vault.newest_version(PATH) == 0


def test_an_entry_is_read_as_it_was_written(vault: Vault) -> None:
    entry = {"EMPTY": Secret(""), "LINES": Secret("a\nb"), "WORDS": Secret('ünï "quoted" 日本 \U0001f511'), "LONG": Secret("x" * 65536)}
    assert vault.write(PATH, entry, cas=0) == 1
    assert vault.read(PATH) == entry


def test_an_empty_entry_is_an_entry(vault: Vault) -> None:
    vault.write(PATH, {}, cas=0)
    assert vault.read(PATH) == {}
    assert vault.newest_version(PATH) == 1


def test_every_version_stays_readable(vault: Vault) -> None:
    for number in range(1, 26):
        assert vault.write(PATH, values(f"v{number}"), cas=number - 1) == number
    assert vault.newest_version(PATH) == 25
    assert opened(vault.read(PATH)) == {"TOKEN": "v25"}
    assert [opened(vault.read(PATH, version=number)) for number in range(1, 26)] == [{"TOKEN": f"v{number}"} for number in range(1, 26)]
    assert vault.read(PATH, version=26) is None


@pytest.mark.parametrize("cas", [0, 1, 3, 99])
def test_a_write_on_another_version_than_the_newest_changes_nothing(vault: Vault, cas: int) -> None:
    vault.write(PATH, values("v1"), cas=0)
    vault.write(PATH, values("v2"), cas=1)
    with pytest.raises(VaultConflict):
        vault.write(PATH, values("late"), cas=cas)
    assert vault.newest_version(PATH) == 2
    assert opened(vault.read(PATH)) == {"TOKEN": "v2"}


def test_a_write_on_top_of_nothing_is_refused(vault: Vault) -> None:
    with pytest.raises(VaultConflict):
        vault.write(PATH, values("v2"), cas=1)
    assert vault.newest_version(PATH) == 0


def test_of_many_that_write_at_once_one_wins(vault: Vault) -> None:
    def attempt(number: int) -> int:
        try:
            return vault.write(PATH, values(f"from {number}"), cas=0)
        except VaultConflict:
            return 0

    with ThreadPoolExecutor(max_workers=8) as threads:
        assert sorted(threads.map(attempt, range(8))) == [0] * 7 + [1]


def test_a_workload_reads_below_its_prefix_once_it_is_allowed(vault: Vault) -> None:
    vault.write(ENTRY, values("frozen"), cas=0)
    assert not vault.readable(SERVICE, ENTRY)
    vault.allow(SERVICE, snapshot_prefix("s1"))
    vault.allow(SERVICE, snapshot_prefix("s1"))
    assert vault.readable(SERVICE, ENTRY)
    assert not vault.readable(SERVICE, snapshot_path("s1", "never-written"))


def test_nobody_else_reads_there(vault: Vault) -> None:
    vault.write(ENTRY, values("frozen"), cas=0)
    vault.allow(SERVICE, snapshot_prefix("s1"))
    vault.allow(OTHER, snapshot_prefix("s2"))
    assert not vault.readable(OTHER, ENTRY)
    assert not vault.readable(Workload(service_id="s1", namespace="ancla-other", account="api"), ENTRY)
    assert not vault.readable(Workload(service_id="s1", namespace="ancla-acme", account="other"), ENTRY)


def test_a_prefix_ends_at_a_slash(vault: Vault) -> None:
    longer = snapshot_path("s11", "aaaa")
    vault.write(longer, values("not mine"), cas=0)
    vault.allow(SERVICE, snapshot_prefix("s1"))
    assert not vault.readable(SERVICE, longer)


def test_what_is_allowed_last_counts_and_nothing_else(vault: Vault) -> None:
    vault.write(ENTRY, values("frozen"), cas=0)
    vault.allow(SERVICE, snapshot_prefix("s1"))
    vault.allow(SERVICE, "ancla/services/moved")
    assert not vault.readable(SERVICE, ENTRY)


def test_disallow_takes_the_right_away_and_may_come_twice(vault: Vault) -> None:
    vault.write(ENTRY, values("frozen"), cas=0)
    vault.allow(SERVICE, snapshot_prefix("s1"))
    for _ in range(2):
        vault.disallow("s1")
        assert not vault.readable(SERVICE, ENTRY)


def test_purge_removes_every_version_below_and_nothing_beside(vault: Vault) -> None:
    beside = snapshot_path("s11", "aaaa")
    for path in (ENTRY, snapshot_path("s1", "bbbb"), beside):
        vault.write(path, values("v1"), cas=0)
        vault.write(path, values("v2"), cas=1)
    for _ in range(2):
        vault.purge(snapshot_prefix("s1"))
        assert vault.newest_version(ENTRY) == vault.newest_version(snapshot_path("s1", "bbbb")) == 0
    assert vault.read(ENTRY, version=1) is None
    assert vault.newest_version(beside) == 2


def test_purge_takes_an_entry_by_its_own_path_too(vault: Vault) -> None:
    vault.write(PATH, values("v1"), cas=0)
    vault.purge(PATH)
    assert vault.newest_version(PATH) == 0
    assert vault.write(PATH, values("anew"), cas=0) == 1


@pytest.mark.parametrize("prefix", ["", "/"])
def test_an_empty_prefix_is_not_taken_for_everything(vault: Vault, prefix: str) -> None:
    for call in (vault.purge, lambda prefix: vault.allow(SERVICE, prefix)):
        with pytest.raises(ValueError, match="whole vault"):
            call(prefix)


def test_a_prefix_means_the_same_with_a_slash_at_its_end(vault: Vault) -> None:
    vault.write(ENTRY, values("frozen"), cas=0)
    vault.allow(SERVICE, f"{snapshot_prefix('s1')}/")
    assert vault.readable(SERVICE, ENTRY)
    vault.purge(f"{snapshot_prefix('s1')}/")
    assert vault.newest_version(ENTRY) == 0


def test_a_folder_is_no_entry(vault: Vault) -> None:
    vault.write(ENTRY, values("frozen"), cas=0)
    assert vault.read(snapshot_prefix("s1")) is None
    assert vault.newest_version(snapshot_prefix("s1")) == 0


def test_an_entry_and_a_folder_may_have_one_name(vault: Vault) -> None:
    vault.write(snapshot_prefix("s1"), values("the entry"), cas=0)
    vault.write(ENTRY, values("in the folder"), cas=0)
    vault.write(f"{ENTRY}/deeper", values("deeper"), cas=0)
    assert opened(vault.read(snapshot_prefix("s1"))) == {"TOKEN": "the entry"}
    vault.purge(snapshot_prefix("s1"))
    assert [vault.newest_version(path) for path in (snapshot_prefix("s1"), ENTRY, f"{ENTRY}/deeper")] == [0, 0, 0]


def test_a_destroyed_version_has_no_values_and_keeps_its_number(vault: Vault) -> None:
    for number in (1, 2, 3):
        vault.write(PATH, values(f"v{number}"), cas=number - 1)
    for _ in range(2):
        vault.destroy(PATH, 1)
        vault.destroy(PATH, 3)
    assert [opened(vault.read(PATH, version=number)) for number in (1, 2, 3)] == [None, {"TOKEN": "v2"}, None]
    assert vault.read(PATH) is None
    assert vault.newest_version(PATH) == 3
    assert vault.write(PATH, values("v4"), cas=3) == 4
    assert opened(vault.read(PATH)) == {"TOKEN": "v4"}


def test_a_destroyed_version_s_number_is_not_given_again(vault: Vault) -> None:
    vault.write(PATH, values("v1"), cas=0)
    vault.destroy(PATH, 1)
    with pytest.raises(VaultConflict):
        vault.write(PATH, values("late"), cas=0)
    assert vault.write(PATH, values("v2"), cas=1) == 2


def test_destroying_what_is_not_there_is_no_error(vault: Vault) -> None:
    vault.destroy(PATH, 1)
    assert vault.newest_version(PATH) == 0
    vault.write(PATH, values("v1"), cas=0)
    vault.destroy(PATH, 2)
    assert opened(vault.read(PATH)) == {"TOKEN": "v1"}
    assert vault.newest_version(PATH) == 1


def test_what_is_destroyed_is_not_readable(vault: Vault) -> None:
    vault.write(ENTRY, values("frozen"), cas=0)
    vault.allow(SERVICE, snapshot_prefix("s1"))
    assert vault.readable(SERVICE, ENTRY)
    vault.destroy(ENTRY, 1)
    assert not vault.readable(SERVICE, ENTRY)
