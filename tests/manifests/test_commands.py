"""Commands and values reach the process as they were written."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.manifests.commands import command_of, escaped


def expand(text: str) -> str:
    """What Kubernetes makes of an env value, by its own rules: `$$` is a dollar, `$(NAME)` a reference, all else stays."""
    result, rest = "", text
    while rest:
        if rest.startswith("$$"):
            result, rest = result + "$", rest[2:]
        elif rest.startswith("$(") and ")" in rest:
            result, rest = result + "<expanded>", rest.split(")", 1)[1]
        else:
            result, rest = result + rest[0], rest[1:]
    return result


@pytest.mark.parametrize("text", ["plain", "$HOME", "$", "$$", "$$$", "$$$$", "$(PATH)", "$$(PATH)", "$$$(PATH)", "$(open", "a$", "é $(é)"])
def test_a_value_comes_out_of_the_expansion_as_it_went_in(text: str) -> None:
    assert expand(escaped(text)) == text


def test_a_value_that_nothing_expands_is_left_alone() -> None:
    assert escaped("$HOME/bin costs 5$") == "$HOME/bin costs 5$"


def test_a_compound_command_goes_through_one_shell_whole() -> None:
    assert command_of("release", "./migrate && ./seed") == ["/bin/sh", "-c", "./migrate && ./seed"]


def test_a_json_array_runs_without_a_shell() -> None:
    assert command_of("web", '["gunicorn", "app:app", "--name=a b"]') == ["gunicorn", "app:app", "--name=a b"]


@pytest.mark.parametrize("text", ["[ -f go ] && ./go", '["a", 1]', "[]", '{"a": "b"}'])
def test_what_only_looks_like_an_array_is_a_shell_command(text: str) -> None:
    assert command_of("web", text) == ["/bin/sh", "-c", text]


def test_an_empty_command_names_its_process() -> None:
    with pytest.raises(Invalid, match="'worker'") as caught:
        command_of("worker", "")
    assert caught.value.code == "nothing_to_run"
    assert "Procfile" in caught.value.hint
