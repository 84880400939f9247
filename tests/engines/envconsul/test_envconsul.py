"""What a service's process is promised by what stands in front of it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engines.envconsul.conftest import VALUES
from tests.engines.envconsul.workload import Workload, finished, killed, listening

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
# Unbuffered: a signal may come while the line is being written, and a buffer is not to be entered twice.
LISTEN = """
import os, signal, sys, time
say = lambda text: os.write(1, text)
signal.signal(signal.SIGTERM, lambda *_: ({}))
say(b"listening\\n")
time.sleep(30)
"""
REFUSED = 14
INTERRUPTED = 12
QUIET = 2.0
"""Long enough for a process that is to start."""


def serving(workload: Workload, on_term: str) -> subprocess.Popen[bytes]:
    """A process that waits, and does that when it is asked to end."""
    return listening(workload.start(workload.configuration(python(LISTEN.format(on_term)))))


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def bytes_read(process: subprocess.Popen[bytes]) -> int:
    """What envconsul itself has read so far, from its connections too (proc(5), /proc/pid/io)."""
    return int(re.findall(r"^rchar: (\d+)$", Path(f"/proc/{process.pid}/io").read_text(), re.MULTILINE)[0])


def marking(path: Path) -> list[str]:
    """A command that leaves a file behind."""
    return python("import pathlib, sys; pathlib.Path(sys.argv[1]).touch()", str(path))


def test_values_arrive_whole_whatever_is_in_them(workload: Workload) -> None:
    done = workload.run(python(SHOW))
    seen = json.loads(done.stdout)
    assert {name: seen.get(name) for name in VALUES} == VALUES


def test_what_was_in_the_environment_stays_there(workload: Workload) -> None:
    assert json.loads(workload.run(python(SHOW), {"PORT": "8000"}).stdout)["PORT"] == "8000"


def test_a_secret_wins_over_a_plain_variable_of_its_name(workload: Workload) -> None:
    assert json.loads(workload.run(python(SHOW), {"PLAIN": "from outside"}).stdout)["PLAIN"] == "one"


def test_the_words_of_a_command_arrive_as_they_are(workload: Workload) -> None:
    words = ["two words", "$PLAIN", "a'b\"c", "*", ""]
    done = workload.run(python("import json, sys; print(json.dumps(sys.argv[1:]))", *words))
    assert json.loads(done.stdout) == words


def test_a_shell_command_sees_the_secrets(workload: Workload) -> None:
    assert workload.run(["/bin/sh", "-c", 'printf %s "$QUOTES"']).stdout.decode() == VALUES["QUOTES"]


def test_nothing_but_the_process_writes_to_its_output(workload: Workload) -> None:
    assert workload.run(python("print('mine')")).stdout == b"mine\n"


@pytest.mark.parametrize("code", [0, 1, 3, 42])
def test_the_exit_code_comes_through(workload: Workload, code: int) -> None:
    assert workload.run(python(f"raise SystemExit({code})")).returncode == code


def test_a_process_that_a_signal_ends_does_not_read_as_a_success(workload: Workload) -> None:
    assert workload.run(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")).returncode == 255


def test_sigterm_reaches_the_process_and_its_exit_code_comes_through(workload: Workload) -> None:
    running = serving(workload, "say(b'asked to stop\\n'), sys.exit(7)")
    running.send_signal(signal.SIGTERM)
    done = finished(running)
    assert (done.returncode, done.stdout) == (7, b"asked to stop\n")


def test_a_process_may_take_its_time_to_end(workload: Workload) -> None:
    running = serving(workload, "time.sleep(2), say(b'done\\n'), sys.exit(0)")
    running.send_signal(signal.SIGTERM)
    done = finished(running)
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_an_interrupt_ends_both_in_order(workload: Workload) -> None:
    running = serving(workload, "say(b'asked to stop\\n'), sys.exit(7)")
    running.send_signal(signal.SIGINT)
    done = finished(running)
    assert (done.returncode, done.stdout) == (INTERRUPTED, b"asked to stop\n")


def test_a_token_for_somebody_else_is_refused_and_nothing_runs(workload: Workload, tmp_path: Path) -> None:
    configuration = workload.configuration(marking(tmp_path / "ran"))
    token = workload.token("somebody-else")
    configuration["vault"]["k8s_service_account_token_path"] = str(token)
    done = finished(workload.start(configuration))
    assert done.returncode == REFUSED
    assert not (tmp_path / "ran").exists()
    assert token.read_bytes().strip() not in done.stderr


def test_a_role_that_is_not_there_is_refused(workload: Workload) -> None:
    configuration = workload.configuration(python(SHOW))
    configuration["vault"]["k8s_auth_role_name"] = "ancla-nobody"
    assert finished(workload.start(configuration)).returncode == REFUSED


def test_a_vault_that_is_away_is_refused(workload: Workload) -> None:
    configuration = workload.configuration(python(SHOW))
    configuration["vault"]["address"] = "https://127.0.0.1:1"
    assert finished(workload.start(configuration)).returncode == REFUSED


def test_a_vault_whose_certificate_nobody_knows_is_refused(workload: Workload) -> None:
    configuration = workload.configuration(python(SHOW))
    del configuration["vault"]["ssl"]
    assert finished(workload.start(configuration)).returncode == REFUSED


def test_a_command_that_is_not_there_is_refused_and_named(workload: Workload) -> None:
    done = workload.run(["/no/such/program", "serve"])
    assert done.returncode == REFUSED
    assert b"/no/such/program" in done.stderr


def test_no_value_shows_in_what_it_says_itself(workload: Workload) -> None:
    done = workload.run(["/bin/false"])
    assert done.returncode == 1
    assert [name for name, value in VALUES.items() if len(value) > 3 and value.encode() in done.stderr] == []


@pytest.mark.parametrize("entry", ["ancla/data/ancla/services/{id}/missing", "ancla/data/ancla/services/another/abc123"])
def test_an_entry_that_cannot_be_read_is_waited_for_and_nothing_runs(workload: Workload, tmp_path: Path, entry: str) -> None:
    configuration = workload.configuration(marking(tmp_path / "ran"))
    configuration["secret"][0]["path"] = entry.format(id=workload.service_id)
    with killed(workload.start(configuration)) as waiting:
        time.sleep(QUIET)  # it is logged in by then, and reads
        waiting.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(QUIET)
        assert not (tmp_path / "ran").exists()


def test_a_configuration_without_a_secret_starts_nothing(workload: Workload, tmp_path: Path) -> None:
    configuration = workload.configuration(marking(tmp_path / "ran"))
    del configuration["secret"]
    with killed(workload.start(configuration)):
        time.sleep(QUIET)
        assert not (tmp_path / "ran").exists()


def test_a_token_that_is_renewed_outlives_its_period(workload: Workload) -> None:
    workload.shorten_token(seconds=4)
    with killed(serving(workload, "sys.exit(0)")):
        given = workload.living_tokens()
        time.sleep(9)
        assert workload.living_tokens() == given != []


def test_a_process_that_runs_costs_vault_next_to_nothing(workload: Workload) -> None:
    with killed(serving(workload, "sys.exit(0)")) as running:
        time.sleep(QUIET)  # what it began with is over by then
        before = bytes_read(running)
        time.sleep(2 * QUIET)
        # One answer of Vault has half a thousand.
        assert bytes_read(running) - before < 2_000
