"""A user's process behind its launcher."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.node import launcher
from chalicelib.adapters.embedded.node.process import Process, adopt, exit_code, spawn


def start(folder: Path, *command: str, run: int = 7, path: str = os.environ["PATH"]) -> Process:
    return spawn(folder, run, work=folder, command=command, environment={"PATH": path, "GREETING": "hello"})


def run(folder: Path, *command: str, path: str = os.environ["PATH"]) -> tuple[int | None, str]:
    """Exit code and output of a command that ends by itself."""

    async def to_its_end() -> int | None:
        return await asyncio.wait_for(start(folder, *command, path=path).exited, 10)

    return asyncio.run(to_its_end()), (folder / "log").read_text()


async def recorded(process: Process) -> int:
    while not process.session:
        await asyncio.sleep(0.01)
    return process.session


async def until_said(folder: Path, word: str) -> None:
    while word not in (folder / "log").read_text().split():
        await asyncio.sleep(0.01)


_UNTIL_TERM = 'trap "{}" TERM; echo ready; while :; do sleep 0.02; done'


@pytest.mark.parametrize(
    ("command", "code"),
    [(["true"], 0), (["sh", "-c", "exit 5"], 5), (["sh", "-c", "kill -9 $$"], 137), (["no-such-command"], 127), (["./lock"], 126)],
)
def test_the_exit_code_is_kept_as_a_shell_would_say_it(tmp_path: Path, command: list[str], code: int) -> None:
    assert run(tmp_path, *command)[0] == code
    assert (exit_code(tmp_path, 7), exit_code(tmp_path, 6)) == (code, None)


def test_a_command_that_cannot_be_started_says_so_in_its_output(tmp_path: Path) -> None:
    assert run(tmp_path, "no-such-command") == (127, "no-such-command: No such file or directory\n")


def test_a_folder_of_path_that_may_not_be_searched_hides_nothing(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    assert run(tmp_path, "no-such-command", path=f"{closed}:{os.environ['PATH']}") == (127, "no-such-command: No such file or directory\n")


def test_the_command_gets_the_environment_and_nothing_is_added(tmp_path: Path) -> None:
    assert sorted(run(tmp_path, "env")[1].splitlines()) == ["GREETING=hello", f"PATH={os.environ['PATH']}"]


def test_the_command_has_no_descriptor_but_the_usual_three(tmp_path: Path) -> None:
    ours = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(ours, True)

    listed = run(tmp_path, "ls", "/proc/self/fd")[1].split()

    os.close(ours)
    assert listed == ["0", "1", "2", "3"]  # 3 is the folder that `ls` itself reads


def test_a_broken_pipe_ends_the_command_as_it_does_elsewhere(tmp_path: Path) -> None:
    assert run(tmp_path, "sh", "-c", "kill -s PIPE $$; echo survived") == (141, "")


def test_the_command_has_the_usual_umask_and_ignores_no_signal(tmp_path: Path) -> None:
    before = os.umask(0o077)
    ignored = [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGQUIT)]
    try:
        said = run(tmp_path, "sh", "-c", "umask; grep SigIgn /proc/self/status")[1].split()
    finally:
        os.umask(before)
        for number, handler in zip((signal.SIGHUP, signal.SIGQUIT), ignored, strict=True):
            signal.signal(number, handler)
    usual = sum(1 << (number - 1) for number in range(1, 32))
    assert (said[0], int(said[2], 16) & usual) == ("0022", 0)


def test_what_the_command_left_behind_ends_with_it_even_in_another_session(tmp_path: Path) -> None:
    _, left = run(tmp_path, "sh", "-c", "setsid sleep 60 & echo $!; sleep 0.3")

    assert launcher.start_time(int(left)) == ""


def test_the_process_leads_a_session_and_its_group_can_be_signalled(tmp_path: Path) -> None:
    async def story() -> int | None:
        process = start(tmp_path, "sh", "-c", "sleep 60; echo survived")
        assert os.getsid(await recorded(process)) == process.session
        await process.end(signal.SIGTERM)
        return await asyncio.wait_for(process.exited, 10)

    assert asyncio.run(story()) == 143


def test_what_a_shell_runs_finishes_its_work_though_the_shell_ends_at_once(tmp_path: Path) -> None:
    async def story() -> int | None:
        process = start(tmp_path, "sh", "-c", f"sh -c '{_UNTIL_TERM.format('sleep 0.3; echo finished; exit')}'; true")
        await until_said(tmp_path, "ready")
        await process.end(signal.SIGTERM)
        return await asyncio.wait_for(process.exited, 10)

    assert asyncio.run(story()) == 143
    assert (tmp_path / "log").read_text().splitlines()[-1] == "finished"


def test_what_a_shell_left_and_does_not_end_is_killed(tmp_path: Path) -> None:
    async def story() -> int | None:
        process = start(tmp_path, "sh", "-c", f"sh -c '{_UNTIL_TERM.format('echo no')}'; true")
        await until_said(tmp_path, "ready")
        await process.end(signal.SIGTERM)
        await until_said(tmp_path, "no")
        assert not process.exited.done()
        await process.end(signal.SIGKILL)
        return await asyncio.wait_for(process.exited, 5)

    assert asyncio.run(story()) == 143


def test_a_process_can_be_ended_right_after_its_start(tmp_path: Path) -> None:
    async def story() -> int | None:
        process = start(tmp_path, "sleep", "60")
        await process.end(signal.SIGKILL)
        return await asyncio.wait_for(process.exited, 10)

    assert asyncio.run(story()) == 137


def test_another_node_adopts_the_process_and_learns_its_exit_code(tmp_path: Path) -> None:
    async def story() -> int | None:
        start(tmp_path, "sh", "-c", "sleep 0.3; exit 9").leave()
        adopted = adopt(tmp_path, 7)
        assert adopted is not None
        return await asyncio.wait_for(adopted.exited, 10)

    assert asyncio.run(story()) == 9
    assert adopt(tmp_path, 7) is None


def test_there_is_never_a_second_process_beside_one_that_runs(tmp_path: Path) -> None:
    async def story() -> None:
        first = start(tmp_path, "sleep", "60")
        with pytest.raises(BlockingIOError):
            start(tmp_path, "sleep", "60", run=8)
        await first.end(signal.SIGKILL)
        await first.exited

    asyncio.run(story())


def test_a_process_whose_launcher_was_killed_is_ended_and_its_exit_is_not_known(tmp_path: Path) -> None:
    async def story() -> int | None:
        process = start(tmp_path, "sleep", "60")
        child = await recorded(process)
        os.kill(int((tmp_path / "process").read_text().split()[1]), signal.SIGKILL)
        code = await asyncio.wait_for(process.exited, 10)
        while launcher.start_time(child):
            await asyncio.sleep(0.01)
        return code

    assert asyncio.run(story()) is None


def test_a_process_whose_launcher_was_killed_while_no_node_ran_is_ended_by_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        child = await left_alone(tmp_path)
        assert adopt(tmp_path, 7) is None
        await gone(child)

    asyncio.run(story())


def test_what_a_killed_launcher_left_is_ended_before_another_process_starts(tmp_path: Path) -> None:
    async def story() -> int | None:
        child = await left_alone(tmp_path)
        code = await start(tmp_path, "true", run=9).exited
        await gone(child)
        return code

    assert asyncio.run(story()) == 0


async def left_alone(folder: Path) -> int:
    """A process that runs and whose launcher was killed, with no node that saw it."""
    process = start(folder, "sh", "-c", "echo begun; exec sleep 60")
    child = await recorded(process)
    while not (folder / "log").read_text():
        await asyncio.sleep(0.01)
    process.leave()
    launcher_pid = int((folder / "process").read_text().split()[1])
    os.kill(launcher_pid, signal.SIGKILL)
    os.waitpid(launcher_pid, 0)
    assert launcher.start_time(child)
    return child


async def gone(process: int) -> None:
    async with asyncio.timeout(10):
        while launcher.start_time(process):
            await asyncio.sleep(0.01)


def test_another_process_with_the_same_id_is_never_signalled(tmp_path: Path) -> None:
    async def story() -> tuple[bool, int | None]:
        process = start(tmp_path, "sleep", "0.5")
        bystander = await recorded(process)
        (tmp_path / "process").write_text(f"7 1 {bystander} 12345")  # as if the id had been given to it later
        return process.send(signal.SIGTERM), await process.exited

    assert asyncio.run(story()) == (False, 0)


def test_a_process_that_is_not_there_has_no_start_time() -> None:
    assert launcher.start_time(2**22 + 1) == ""
