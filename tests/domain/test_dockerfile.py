"""Reading a Dockerfile: its stages, its steps and the command it comes to."""

from __future__ import annotations

import pytest

from chalicelib.domain.dockerfile import Dockerfile, parse_dockerfile
from chalicelib.domain.errors import Invalid


def after_from(*lines: str) -> Dockerfile:
    return parse_dockerfile("\n".join(["FROM base", *lines]))


def problem_of(text: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse_dockerfile(text)
    assert caught.value.code == "dockerfile_invalid"
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        ((), ""),
        (("CMD python server.py",), "python server.py"),
        (('CMD ["python", "server.py"]',), '["python", "server.py"]'),
        (("CMD one", "CMD two"), "two"),
        (("CMD []",), ""),
        (("cmd run it",), "run it"),
        (('ENTRYPOINT ["python"]',), '["python"]'),
        (('ENTRYPOINT ["python"]', 'CMD ["server.py"]'), '["python", "server.py"]'),
        (('CMD ["server.py"]', 'ENTRYPOINT ["python"]'), '["python", "server.py"]'),
        (('ENTRYPOINT ["entry"]', "CMD run it"), '["entry", "/bin/sh", "-c", "run it"]'),
        (("ENTRYPOINT exec run", 'CMD ["ignored"]'), "exec run"),
        (("ENTRYPOINT exec run", "CMD ignored"), "exec run"),
        (("ENTRYPOINT []", "CMD run"), "run"),
        (("CMD [ -f x ] && run",), '["/bin/sh", "-c", "[ -f x ] && run"]'),
        (("CMD ['single']",), """["/bin/sh", "-c", "['single']"]"""),
        (("CMD [1, 2]",), '["/bin/sh", "-c", "[1, 2]"]'),
        (("HEALTHCHECK CMD curl localhost",), ""),
        (("ONBUILD CMD later",), ""),
        (("CMD run \\", "  --port 80 \\", "# why", "", "  --fast"), "run   --port 80   --fast"),
        (('CMD ["grüße"]',), '["grüße"]'),
    ],
)
def test_the_command_is_what_docker_would_run(lines: tuple[str, ...], command: str) -> None:
    assert after_from(*lines).command == command


def test_the_last_stage_counts() -> None:
    parsed = parse_dockerfile("FROM a AS build\nCMD build\nFROM b\nCMD serve\n")
    assert (parsed.base, parsed.command) == ("b", "serve")
    assert [(stage.base, stage.name) for stage in parsed.stages] == [("a", "build"), ("b", "")]


def test_a_stage_inherits_from_the_stage_it_is_built_on() -> None:
    assert parse_dockerfile("FROM a AS Base\nCMD serve\nEXPOSE 80\nFROM base\nRUN x\n").command == "serve"
    assert parse_dockerfile("FROM a AS base\nEXPOSE 80\nFROM base\nEXPOSE 81\n").ports == ("80", "81")


def test_a_stage_that_is_built_on_another_image_inherits_nothing() -> None:
    assert parse_dockerfile("FROM a AS base\nCMD serve\nFROM b\nRUN x\n").command == ""


def test_an_entrypoint_of_its_own_resets_the_inherited_command() -> None:
    assert parse_dockerfile('FROM a AS base\nCMD ["old"]\nFROM base\nENTRYPOINT ["new"]\n').command == '["new"]'


def test_a_stage_may_be_named_like_its_own_image() -> None:
    assert parse_dockerfile("FROM node AS node\nCMD serve\n").command == "serve"


def test_from_takes_a_platform_and_arguments_may_come_before_it() -> None:
    parsed = parse_dockerfile("# syntax=docker/dockerfile:1\nARG VERSION=3\nFROM --platform=linux/amd64 python:$VERSION AS run\n")
    assert (parsed.base, parsed.stages[0].name) == ("python:$VERSION", "run")


def test_exposed_ports_are_listed_once_in_order() -> None:
    assert after_from("EXPOSE 8000 53/udp", "EXPOSE 8000").ports == ("8000", "53/udp")


def test_steps_know_their_line() -> None:
    steps = after_from("", "# a comment", "RUN one \\", "    two", "COPY a b").steps
    assert [(step.line, step.name, step.text) for step in steps] == [(4, "RUN", "one     two"), (6, "COPY", "a b")]


def test_heredocs_are_skipped() -> None:
    parsed = after_from("RUN <<EOF", "CMD in the script", "EOF", "COPY <<-'A' <<B /x/", "one", "\tA", "CMD no", "B", "CMD yes")
    assert [step.name for step in parsed.steps] == ["RUN", "COPY", "CMD"]
    assert parsed.command == "yes"


def test_what_only_looks_like_a_heredoc_is_none() -> None:
    assert after_from("RUN echo $((1<<2)) <<<word", "CMD run").command == "run"


def test_the_escape_directive_sets_what_continues_a_line() -> None:
    parsed = parse_dockerfile("# escape=`\nFROM windows\nCMD run C:\\\nRUN a `\n  b\n")
    assert [step.text for step in parsed.steps] == ["run C:\\", "a   b"]


def test_a_directive_below_a_comment_is_a_comment() -> None:
    assert parse_dockerfile("# hello\n# escape=`\nFROM a\nCMD x \\\n y\n").command == "x  y"


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    assert parse_dockerfile("\ufeffFROM a\r\nCMD run \\\r\n  it\r\n").command == "run   it"


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("", 1, "no FROM"),
        ("# only a comment\n", 1, "no FROM"),
        ("RUN x\nFROM a\n", 1, "RUN comes before the first FROM"),
        ("FROM a\n\nINSTALL x\n", 3, "'INSTALL' is not an instruction"),
        ("FROM a\nRUN\n", 2, "RUN has no argument"),
        ("FROM a b\n", 1, "'FROM image AS name'"),
        ("FROM a\nRUN <<EOF\nx\n", 2, "the heredoc 'EOF' is not closed"),
        ("# escape=x\nFROM a\n", 1, "the escape character 'x'"),
        ("<html>\n", 1, "'<html>' is not an instruction"),
    ],
)
def test_a_problem_names_its_line(text: str, line: int, part: str) -> None:
    problem = problem_of(text)
    assert problem.message.startswith(f"Dockerfile line {line}: ")
    assert part in problem.message
    assert problem.extra == {"line": line}
