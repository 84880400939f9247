"""The one output door: stdout is data, stderr is everything else; in JSON mode stdout is exactly one value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TextIO

from ancla_cli.result import CommandError, Paint, Problem, Renderer, Result, wrong_usage

_CLEAR_LINE = "\r\x1b[2K"


class Ui:
    def __init__(
        self, *, out: TextIO, err: TextIO, stdin: TextIO, read_hidden: Callable[[str], str], as_json: bool = False, color: bool = True
    ) -> None:
        self._out = out
        self._err = err
        self._stdin = stdin
        self._read_hidden = read_hidden
        self._as_json = as_json
        self._out_paint = Paint(color and out.isatty())
        self._err_paint = Paint(color and err.isatty())
        self._ticking = False
        self.quiet = False

    def finish(self, result: Result) -> None:
        """Prints what a command handed back."""
        self._end_tick()
        if self._as_json:
            self._print(self._out, [json.dumps(result.data, indent=2, ensure_ascii=False)])
            return
        self._print(self._out, result.quiet if self.quiet else result.render(self._out_paint))
        if result.note and not self.quiet:
            self._print(self._err, [self._err_paint.dim(f"hint: {result.note}")])
        if result.problem:
            self._print(self._err, card(result.problem, self._err_paint))

    def fail(self, problem: Problem) -> None:
        """Prints the problem that ended a command before it had a result."""
        self._end_tick()
        if self._as_json:
            self._print(self._out, [json.dumps(problem.document(), indent=2, ensure_ascii=False)])
        else:
            self._print(self._err, card(problem, self._err_paint))

    def progress(self, render: Renderer) -> None:
        """Lines about what has been done meanwhile, or is about to be."""
        if not self.quiet:
            self._end_tick()
            self._print(self._err, render(self._err_paint))

    def tick(self, render: Callable[[Paint], str]) -> None:
        """What is being done now: a line that the next one replaces, on a terminal alone."""
        if self._err.isatty() and not self.quiet:
            self._err.write(_CLEAR_LINE + render(self._err_paint))
            self._err.flush()
            self._ticking = True

    def data_line(self, text: str) -> None:
        """Data that comes bit by bit, such as a log that is followed. In JSON mode it is part of the result instead."""
        if not self._as_json:
            self._print(self._out, [text])

    def ask_secret(self, question: str, *, flag: str) -> str:
        """An answer typed without echo; without a terminal fails and names the flag."""
        self._need_terminal(question, flag)
        return self._read_hidden(question)

    def need_yes(self, question: str, *, given: bool) -> None:
        """Goes on only with the person's yes, which `given` says was passed as --yes; without a terminal fails and names that flag."""
        if given:
            return
        self._need_terminal(question, "--yes")
        self._err.write(f"{question} [y/N] ")
        self._err.flush()
        if self._stdin.readline().strip().lower() not in {"y", "yes"}:
            raise CommandError(Problem(code="declined", message="the answer was no: nothing was done"))

    def read_value(self) -> str:
        """All of stdin, without the line end that `echo` adds."""
        return self._stdin.read().removesuffix("\n").removesuffix("\r")

    def _need_terminal(self, question: str, flag: str) -> None:
        if self._as_json or not self._stdin.isatty():
            raise wrong_usage(f"cannot ask without a terminal: {question.rstrip(': ')}", f"pass {flag}")

    def _end_tick(self) -> None:
        if self._ticking:
            self._err.write(_CLEAR_LINE)
            self._ticking = False

    def _print(self, stream: TextIO, lines: Iterable[str]) -> None:
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()


def card(problem: Problem, paint: Paint) -> list[str]:
    """A problem as people read it: what happened, the evidence, and what to do next."""
    code = "" if problem.code == problem.message else paint.dim(f" ({problem.code})")
    lines = [f"{paint.error('error:')} {problem.message}{code}"]
    lines += [f"  {paint.dim('|')} {line}" for line in problem.evidence]
    if problem.hint:
        lines.append(paint.dim(f"hint: {problem.hint}"))
    if problem.status >= 500 and problem.request_id:
        lines.append(paint.dim(f"request: {problem.request_id}"))
    return lines
