"""What the embedded vault promises beside: reading as a pod, and files that show nothing and believe nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.vault import EmbeddedVault, VaultDenied
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import snapshot_path, snapshot_prefix
from chalicelib.ports.vault import Workload

PATH = "ancla/scopes/one"
SERVICE = Workload(service_id="s1", namespace="ancla-acme", account="api")
ENTRY = snapshot_path("s1", "aaaa")


@pytest.fixture(params=["memory", "file"])
def embedded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedVault]:
    made = EmbeddedVault(None if request.param == "memory" else tmp_path)
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose vault holds two entries and is closed."""
    vault = EmbeddedVault(tmp_path)
    vault.write(PATH, values("first"), cas=0)
    vault.write("ancla/scopes/two", values("second"), cas=0)
    vault.close()
    return tmp_path


def values(text: str) -> dict[str, Secret]:
    return {"TOKEN": Secret(text)}


def opened(entry: Mapping[str, Secret] | None) -> dict[str, str] | None:
    return None if entry is None else {name: secret.reveal() for name, secret in entry.items()}


def test_nothing_is_left_in_the_file_of_what_was_destroyed(home: Path) -> None:
    vault = EmbeddedVault(home)
    vault.destroy(PATH, 1)
    vault.close()
    with sqlite3.connect(home / "vault" / "vault.db") as connection:
        assert connection.execute("SELECT length(sealed) FROM entry WHERE path = ?", (PATH,)).fetchall() == [(0,)]


def test_a_pod_reads_as_its_own_account(embedded: EmbeddedVault) -> None:
    embedded.write(ENTRY, values("frozen"), cas=0)
    embedded.allow(SERVICE, snapshot_prefix("s1"))
    assert opened(embedded.read_as("ancla-acme", "api", ENTRY)) == {"TOKEN": "frozen"}
    assert embedded.read_as("ancla-acme", "api", snapshot_path("s1", "never-written")) is None


def test_a_pod_of_another_account_or_namespace_is_denied(embedded: EmbeddedVault) -> None:
    embedded.write(ENTRY, values("frozen"), cas=0)
    embedded.allow(SERVICE, snapshot_prefix("s1"))
    for namespace, account, path in [
        ("ancla-acme", "web", ENTRY),
        ("ancla-other", "api", ENTRY),
        ("ancla-acme", "api", PATH),
        ("ancla-acme", "api", snapshot_path("s11", "aaaa")),
    ]:
        with pytest.raises(VaultDenied):
            embedded.read_as(namespace, account, path)


def test_another_process_sees_what_was_written(tmp_path: Path) -> None:
    server, node = EmbeddedVault(tmp_path), EmbeddedVault(tmp_path)
    server.write(ENTRY, values("frozen"), cas=0)
    server.allow(SERVICE, snapshot_prefix("s1"))
    assert opened(node.read_as("ancla-acme", "api", ENTRY)) == {"TOKEN": "frozen"}
    server.close()
    node.close()


def test_no_value_lies_open_in_the_home(home: Path) -> None:
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"first" not in path.read_bytes()


def test_only_its_owner_can_read_the_key(home: Path) -> None:
    assert (home / "vault" / "key").stat().st_mode & 0o777 == 0o600
    assert (home / "vault").stat().st_mode & 0o777 == 0o700


def test_a_missing_key_is_never_replaced(home: Path) -> None:
    (home / "vault" / "key").unlink()
    with pytest.raises(Unavailable, match="cannot be read") as caught:
        EmbeddedVault(home)
    assert caught.value.code == "vault_key_missing"
    assert not (home / "vault" / "key").exists()


@pytest.mark.parametrize("content", [b"", b"not a key", b"00" * 16, b"00" * 32])
def test_a_wrong_key_is_noticed_at_once(home: Path, content: bytes) -> None:
    (home / "vault" / "key").write_bytes(content)
    with pytest.raises(Unavailable) as caught:
        EmbeddedVault(home)
    assert caught.value.code == "vault_key_wrong"
    assert "backup" in caught.value.hint


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM entry WHERE path = 'ancla/scopes/one'; UPDATE entry SET path = 'ancla/scopes/one'",
        "UPDATE entry SET version = 7",
        "UPDATE entry SET sealed = zeroblob(64)",
        "UPDATE entry SET sealed = x'00'",
    ],
)
def test_an_entry_that_was_swapped_or_changed_is_not_believed(home: Path, tampering: str) -> None:
    connection = sqlite3.connect(home / "vault" / "vault.db")
    connection.executescript(tampering)
    connection.commit()
    connection.close()
    vault = EmbeddedVault(home)
    with pytest.raises(Unavailable, match="changed outside") as caught:
        vault.read(PATH)
    assert caught.value.code == "vault_entry_damaged"
    assert "first" not in str(caught.value)
    vault.close()


_WRITER = """
import sys
from pathlib import Path
from chalicelib.adapters.embedded.vault import EmbeddedVault
from chalicelib.domain.secrets import Secret
vault = EmbeddedVault(Path(sys.argv[1]))
for version in range(100_000):
    vault.write("ancla/scopes/one", {"TOKEN": Secret(f"v{version + 1}")}, cas=version)
    print(version + 1, flush=True)
"""


def test_what_was_written_outlives_a_writer_that_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=root) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            confirmed = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
    vault = EmbeddedVault(tmp_path)
    newest = vault.newest_version("ancla/scopes/one")
    assert newest >= confirmed
    assert opened(vault.read("ancla/scopes/one")) == {"TOKEN": f"v{newest}"}
    assert vault.write("ancla/scopes/one", values("next"), cas=newest) == newest + 1
    vault.close()


def test_processes_that_begin_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=8) as threads:
        vaults = list(threads.map(EmbeddedVault, [tmp_path] * 8))
    for number, vault in enumerate(vaults):
        vault.write(f"ancla/scopes/{number}", values(f"from {number}"), cas=0)
    for number in range(8):
        assert opened(vaults[0].read(f"ancla/scopes/{number}")) == {"TOKEN": f"from {number}"}
    for vault in vaults:
        vault.close()
