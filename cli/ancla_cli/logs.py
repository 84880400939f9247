"""Shows a log, and with `follow` what it grows by until it has ended."""

from __future__ import annotations

from collections.abc import Callable

from ancla_sdk import encode
from ancla_sdk.models import Log

from ancla_cli.app import App
from ancla_cli.framework import plain
from ancla_cli.result import Result

INTERVAL = 0.5


def shown_log(app: App, read: Callable[[], Log], *, follow: bool) -> Result:
    log = read()
    if not follow:
        return Result(data=encode(log), render=plain(*log.log_text.splitlines()), quiet=log.log_text.splitlines())
    told = _tell(app, log, 0)
    while not log.finished:
        app.around.sleep(INTERVAL)
        log = read()
        told = _tell(app, log, told)
    return Result(data=encode(log), render=plain())


def _tell(app: App, log: Log, told: int) -> int:
    """Prints the whole lines beyond the first `told` characters, and returns how many were told then."""
    end = len(log.log_text) if log.finished else log.log_text.rfind("\n") + 1
    for line in log.log_text[told:end].splitlines():
        app.ui.data_line(line)
    return max(end, told)
