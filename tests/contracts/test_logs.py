"""The logs port: what every adapter keeps."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chalicelib.adapters.embedded.logs import FileLogs
from chalicelib.adapters.s3 import Chunk, end_of, joined
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.ports.logs import Logs

if TYPE_CHECKING:
    from tests.contracts.aws import SimulatedAws

NAME = "services/s1/builds/1/log"


def test_what_is_written_in_pieces_is_read_as_one(logs: Logs) -> None:
    assert logs.write(NAME, 0, b"step 1\n") == 7
    assert logs.write(NAME, 7, b"step 2\n") == 14
    assert logs.read(NAME) == b"step 1\nstep 2\n"


def test_many_small_pieces_stay_in_order(logs: Logs) -> None:
    data = b"".join(b"line %02d\n" % number for number in range(20))
    for offset in range(0, len(data), 8):
        logs.write(NAME, offset, data[offset : offset + 8])
    assert logs.read(NAME) == data
    assert logs.read(NAME, start=83) == data[83:]


@pytest.mark.parametrize(("start", "rest"), [(0, b"abcdef"), (2, b"cdef"), (3, b"def"), (6, b""), (9, b"")])
def test_a_read_begins_at_any_byte(logs: Logs, start: int, rest: bytes) -> None:
    logs.write(NAME, 0, b"abc")
    logs.write(NAME, 3, b"def")
    assert logs.read(NAME, start=start) == rest


def test_a_log_that_nobody_wrote_is_empty(logs: Logs) -> None:
    assert logs.read(NAME) == b""
    assert logs.read("services") == b""
    logs.write("services/s1/log", 0, b"x")
    logs.remove("services/s1/log/below")
    assert logs.read("services/s1") == logs.read("services/s1/log/below") == b""


def test_the_same_bytes_at_the_same_place_change_nothing(logs: Logs) -> None:
    logs.write(NAME, 0, b"abc")
    assert logs.write(NAME, 0, b"abc") == 3
    assert logs.write(NAME, 1, b"b") == 2
    assert logs.read(NAME) == b"abc"


def test_bytes_that_are_there_are_never_changed(logs: Logs) -> None:
    logs.write(NAME, 0, b"abc")
    logs.write(NAME, 0, b"XYZ")
    assert logs.read(NAME) == b"abc"


def test_a_write_that_reaches_further_adds_only_what_is_missing(logs: Logs) -> None:
    logs.write(NAME, 0, b"abc")
    assert logs.write(NAME, 1, b"bcdef") == 6
    assert logs.read(NAME) == b"abcdef"


def test_a_gap_is_refused_and_leaves_nothing(logs: Logs) -> None:
    with pytest.raises(Invalid) as error:
        logs.write(NAME, 1, b"x")
    assert error.value.code == "log_gap"
    logs.write(NAME, 0, b"abc")
    with pytest.raises(Invalid):
        logs.write(NAME, 4, b"x")
    assert logs.read(NAME) == b"abc"


def test_nothing_can_be_written_at_the_end(logs: Logs) -> None:
    logs.write(NAME, 0, b"abc")
    assert logs.write(NAME, 3, b"") == 3
    assert logs.read(NAME) == b"abc"


def test_all_256_byte_values_and_64_kib_come_back(logs: Logs) -> None:
    data = bytes(range(256)) * 256
    logs.write(NAME, 0, data)
    assert logs.read(NAME) == data


def test_logs_do_not_mix(logs: Logs) -> None:
    logs.write("a/1", 0, b"one")
    logs.write("a/10", 0, b"ten")
    logs.write("a/1-0", 0, b"other")
    assert [logs.read(name) for name in ("a/1", "a/10", "a/1-0")] == [b"one", b"ten", b"other"]


def test_removing_takes_what_lies_below_the_path_and_nothing_beside_it(logs: Logs) -> None:
    for name in ("services/s1/log", "services/s1/builds/1/log", "services/s10/log", "services/s1.old"):
        logs.write(name, 0, b"x")
    logs.remove("services/s1")
    assert logs.read("services/s1/log") == logs.read("services/s1/builds/1/log") == b""
    assert logs.read("services/s10/log") == logs.read("services/s1.old") == b"x"


def test_removing_one_log_and_removing_it_again(logs: Logs) -> None:
    logs.write("a/1", 0, b"x")
    logs.write("a/10", 0, b"x")
    logs.remove("a/1")
    logs.remove("a/1")
    logs.remove("never/there")
    assert (logs.read("a/1"), logs.read("a/10")) == (b"", b"x")


def test_a_removed_log_begins_anew(logs: Logs) -> None:
    logs.write(NAME, 0, b"old and long")
    logs.remove("services/s1")
    logs.write(NAME, 0, b"new")
    assert logs.read(NAME) == b"new"


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../b", "a/./b", "a//b", "a/", "a b", "a!b", "ä", "a\n", "a\0", "x" * 1000])
def test_a_name_that_could_lead_elsewhere_is_refused(logs: Logs, name: str) -> None:
    for call in (lambda: logs.write(name, 0, b"x"), lambda: logs.read(name), lambda: logs.remove(name)):
        with pytest.raises(Invalid) as error:
            call()
        assert error.value.code == "log_name_invalid"


def test_a_negative_place_is_refused(logs: Logs) -> None:
    with pytest.raises(Invalid):
        logs.write(NAME, -1, b"x")
    with pytest.raises(Invalid):
        logs.read(NAME, start=-1)


def test_many_who_write_the_same_log_write_it_once(logs: Logs) -> None:
    data = bytes(range(250)) * 4

    def write() -> None:
        for offset in range(0, len(data), 100):
            logs.write(NAME, offset, data[offset : offset + 100])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert logs.read(NAME) == data


def test_a_writer_waits_for_the_one_before_it(tmp_path: Path) -> None:
    logs = FileLogs(tmp_path)
    writer = threading.Thread(target=logs.write, args=("log", 0, b"abc"))
    with (tmp_path / "log").open("ab", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writer.start()
        writer.join(0.2)
        other.write(b"ab")
    writer.join()
    assert logs.read("log") == b"abc"


def test_files_are_still_there_after_a_restart(tmp_path: Path) -> None:
    FileLogs(tmp_path / "logs").write(NAME, 0, b"abc")
    again = FileLogs(tmp_path / "logs")
    assert again.write(NAME, 3, b"def") == 6
    assert again.read(NAME) == b"abcdef"


def test_a_full_disk_says_so_and_names_the_place(tmp_path: Path) -> None:
    logs = FileLogs(tmp_path)
    (tmp_path / "log").symlink_to("/dev/full")
    with pytest.raises(Unavailable) as error:
        logs.write("log", 0, b"x")
    assert error.value.code == "storage_full"
    assert str(tmp_path / "log") in error.value.message


def test_a_chunk_that_another_writer_created_first_is_never_replaced(simulated_aws: SimulatedAws) -> None:
    simulated_aws.clear()
    logs = simulated_aws.logs
    others = [b"FIRST"]

    def write_first(**_: object) -> None:
        if others:
            logs.write("log", 0, others.pop())

    events = logs._client.meta.events
    events.register("before-call.s3.PutObject", write_first)
    try:
        assert logs.write("log", 0, b"first and more") == 14
    finally:
        events.unregister("before-call.s3.PutObject", write_first)
    assert logs.read("log") == b"FIRST and more"


def test_chunks_that_overlap_read_as_the_first_wrote_them() -> None:
    assert joined([(0, b"abc"), (2, b"XYZ"), (2, b"X"), (5, b"!")], 0) == b"abcYZ!"
    assert joined([(0, b"abc"), (2, b"XYZ")], 4) == b"Z"


def test_what_lies_behind_a_gap_does_not_count() -> None:
    assert joined([(0, b"abc"), (7, b"x")], 0) == b"abc"
    assert end_of([Chunk(0, 3, "a"), Chunk(2, 3, "b"), Chunk(7, 1, "c")]) == 5
