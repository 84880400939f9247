"""What a command hands back: data for programs, lines for people, and how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ancla_sdk import AnclaError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Paint:
    """Puts colour on text, or not. One accent, red for errors, dim for hints."""

    on: bool = False

    def accent(self, text: str) -> str:
        return self._colored("36", text)

    def error(self, text: str) -> str:
        return self._colored("31", text)

    def dim(self, text: str) -> str:
        return self._colored("2", text)

    def _colored(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text


Renderer = Callable[[Paint], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong: the text and code of the server where there is one, `evidence` in lines, `hint` names the next step."""

    code: str
    message: str
    hint: str = ""
    evidence: Sequence[str] = ()
    status: int = 0
    request_id: str = ""

    def document(self) -> dict[str, Any]:
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "hint": self.hint,
                "status": self.status,
                "request_id": self.request_id,
            }
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`data` is the one JSON value, `render` the lines for people, `quiet` the lines of `-q`, `note` what people may want to do next.
    With a `problem` it did not work out."""

    data: Any
    render: Renderer
    quiet: Sequence[str] = ()
    note: str = ""
    problem: Problem | None = None

    @property
    def exit_code(self) -> int:
        return FAILED if self.problem else 0


class CommandError(Exception):
    """Ends the command: nothing but the problem is to be said."""

    def __init__(self, problem: Problem, exit_code: int = FAILED) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.exit_code = exit_code


def wrong_usage(message: str, hint: str) -> CommandError:
    return CommandError(Problem(code="usage", message=message, hint=hint), WRONG_USAGE)


def problem_of(error: AnclaError) -> Problem:
    """The server writes message and hint; they are passed on as they are."""
    return Problem(code=error.code, message=error.message, hint=error.hint, status=error.status, request_id=error.request_id)
