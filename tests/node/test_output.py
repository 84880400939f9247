"""A pod's log file."""

from __future__ import annotations

from pathlib import Path

from chalicelib.adapters.embedded.node import output


def test_output_is_read_on_from_an_offset(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\ntwo\n")

    assert output.read_output(tmp_path, 4) == (b"two\n", False)
    assert output.read_output(tmp_path, 8) == (b"", False)


def test_one_look_takes_so_much_and_the_next_one_the_rest(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * output.LOOK + b"last")

    first, more = output.read_output(tmp_path, 0)

    assert (len(first), more) == (output.LOOK, True)
    assert output.read_output(tmp_path, len(first)) == (b"last", False)


def test_a_pod_that_wrote_nothing_has_no_output(tmp_path: Path) -> None:
    assert output.read_output(tmp_path, 0, ended=True) == (b"", False)
    assert output.tail(tmp_path, 5) == ()


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
    assert output.read_output(tmp_path, size + 1) == (b"next\n", False)
    assert output.tail(tmp_path, 2) == ("last", "next")


def test_a_small_log_is_not_cut(tmp_path: Path) -> None:
    output.append(tmp_path, "a line")

    assert not output.cut(tmp_path)
    assert output.read_output(tmp_path, 0) == (b"a line\n", False)


def test_who_asks_for_what_was_cut_off_gets_the_last_part_once_the_pod_has_ended(tmp_path: Path) -> None:
    with open(tmp_path / "log", "ab") as process:
        process.write(b"x" * (output.CAP + 1))
        process.flush()
        assert output.cut(tmp_path)
        process.write(b"y" * output.LOOK + b"last")

    assert output.read_output(tmp_path, 5) == (b"", False)
    last, more = output.read_output(tmp_path, 5, ended=True)
    assert (len(last), last[-5:], more) == (output.LOOK, b"ylast", False)
