"""Reading a Procfile."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.procfile import MAX_COMMAND, MAX_PROCESSES, is_process_name, parse_procfile


def test_each_line_is_a_process_in_the_files_order() -> None:
    text = "# what runs\n\nweb: python server.py --port $PORT\nrelease:./migrate\n  worker-2 :  a : b  \n"
    assert parse_procfile(text) == {"web": "python server.py --port $PORT", "release": "./migrate", "worker-2": "a : b"}
    assert list(parse_procfile(text)) == ["web", "release", "worker-2"]


def test_windows_line_ends_do_not_matter() -> None:
    assert parse_procfile("web: a\r\nworker: b\r\n") == {"web": "a", "worker": "b"}


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("python server.py", "'python server.py' is not 'name: command'"),
        ("web:", "'web:' is not 'name: command'"),
        (": command", "is not 'name: command'"),
        ("web server: x", "is not 'name: command'"),
        ("Web: x", "'Web' cannot be a process type"),
        ("my_worker: x", "'my_worker' cannot be a process type"),
        ("worker-: x", "'worker-' cannot be a process type"),
        (f"{'w' * 33}: x", "at most 32 characters"),
        ("ok: again", "'ok' is there twice"),
        (f"web: {'x' * (MAX_COMMAND + 1)}", f"more than {MAX_COMMAND} characters"),
        ("web: a\0b", "a NUL byte"),
    ],
)
def test_a_problem_names_its_line(line: str, part: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_procfile(f"ok: fine\n{line}\n")
    assert caught.value.code == "procfile_invalid"
    assert caught.value.message.startswith("Procfile line 2: ")
    assert part in caught.value.message
    assert caught.value.extra == {"line": 2}
    assert "web: python server.py" in caught.value.hint


def test_a_long_line_is_shown_cut_off() -> None:
    with pytest.raises(Invalid) as caught:
        parse_procfile("x" * 500)
    assert len(caught.value.message) < 120


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_a_file_without_a_process_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="has no process"):
        parse_procfile(text)


def test_there_is_a_most_of_processes() -> None:
    lines = [f"p{number}: x" for number in range(MAX_PROCESSES)]
    assert len(parse_procfile("\n".join(lines))) == MAX_PROCESSES
    with pytest.raises(Invalid, match=f"more than {MAX_PROCESSES} processes"):
        parse_procfile("\n".join([*lines, "one-more: x"]))


@pytest.mark.parametrize(
    ("name", "fits"), [("web", True), ("w", True), ("a-1", True), ("", False), ("-a", False), ("a_b", False), ("A", False)]
)
def test_process_names_are_those_that_kubernetes_takes(name: str, fits: bool) -> None:
    assert is_process_name(name) is fits
