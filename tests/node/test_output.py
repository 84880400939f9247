"""A pod's log file."""

from __future__ import annotations

from pathlib import Path

from chalicelib.adapters.embedded.node import output


def test_output_is_read_on_from_an_offset(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\ntwo\n")

    assert output.read_output(tmp_path, 4) == b"two\n"
    assert output.output_size(tmp_path) == 8


def test_a_pod_that_wrote_nothing_has_no_output(tmp_path: Path) -> None:
    assert (output.read_output(tmp_path, 0), output.output_size(tmp_path), output.tail(tmp_path, 5)) == (b"", 0, ())


def test_the_last_lines_are_told(tmp_path: Path) -> None:
    for number in range(5):
        output.append(tmp_path, f"line {number}")

    assert output.tail(tmp_path, 2) == ("line 3", "line 4")


def test_a_log_beyond_the_cap_is_cut_and_offsets_still_count_from_the_first_byte(tmp_path: Path) -> None:
    size = output.CAP + 1
    with open(tmp_path / "log", "ab") as process:
        process.write(b"x" * (size - 5) + b"\nlast")
        process.flush()
        assert output.cut(tmp_path)
        process.write(b"\nnext\n")

    assert (tmp_path / "log").stat().st_size == 6
    assert output.output_size(tmp_path) == size + 6
    assert output.read_output(tmp_path, size + 1) == b"next\n"
    assert output.tail(tmp_path, 2) == ("last", "next")


def test_a_small_log_is_not_cut(tmp_path: Path) -> None:
    output.append(tmp_path, "a line")

    assert not output.cut(tmp_path)
    assert output.read_output(tmp_path, 0) == b"a line\n"
