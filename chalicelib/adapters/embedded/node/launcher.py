"""The small parent of one user's process. It outlives the node, so that the exit code is known whoever dies in between.

    python -I -S launcher.py POD_DIR RUN WORK_DIR COMMAND...

It imports next to nothing: every pod has one. Descriptor 3 holds the pod's lock for as long as the launcher lives.
"""

import errno
import os
import sys

LOCK = 3
_SIGKILL = 9
_SIGTERM = 15
_POLL = 0.02
_DESCRIPTORS = 4096
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_UMASK = 0o022  # the usual one: Ancla's own is stricter


def main(arguments: list[str]) -> None:
    folder, run, work, *command = arguments
    os.set_inheritable(LOCK, False)
    child = os.fork()
    if child == 0:
        _become(folder, run, work, command)
    _adopt_orphans()
    _await_end(child)
    _, status = os.waitpid(child, 0)
    _end_descendants(child)
    code = os.waitstatus_to_exitcode(status)
    write(folder, "exit", f"{run} {code if code >= 0 else 128 - code}")


def write(folder: str, name: str, text: str) -> None:
    """Writes a whole file or none."""
    temporary = os.path.join(folder, f"{name}.new")
    data = text.encode()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if os.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), temporary)
    finally:
        os.close(descriptor)
    os.rename(temporary, os.path.join(folder, name))


def start_time(pid: int, *, zombie: bool = False) -> str:
    """When the process began, in clock ticks since boot: with its id, this names it for good. Empty when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    # The text after the name begins with field 3; a zombie counts as gone, unless it is asked for.
    return "" if fields[0] == b"Z" and not zombie else fields[19].decode()


def _become(folder: str, run: str, work: str, command: list[str]) -> None:
    try:
        import signal

        # What an interpreter ignores, or whoever started the node (nohup does), the command must not.
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        os.umask(_UMASK)
        os.setsid()
        # Recorded before exec, so there is no moment in which the command runs unknown.
        write(folder, "process", f"{run} {os.getppid()} {os.getpid()} {start_time(os.getpid())}")
        os.closerange(LOCK, _DESCRIPTORS)
        os.chdir(work)
        os.execvpe(command[0], command, _environment())
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) or not _is_there(command[0])
        os.write(2, f"{command[0]}: {os.strerror(errno.ENOENT) if missing else error.strerror}\n".encode())
        os._exit(127 if missing else 126)


def _is_there(name: str) -> bool:
    """exec says that a name is forbidden, too, when it is nowhere and one of PATH's folders may not be searched."""
    return "/" in name or any(os.path.lexists(os.path.join(folder, name)) for folder in os.get_exec_path())


def _environment() -> dict[bytes, bytes]:
    """As the node gave it: os.environ may hold a locale that the interpreter has added at its own start."""
    with open("/proc/self/environ", "rb") as file:
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def _adopt_orphans() -> None:
    """Makes processes that leave the command's session come back to this one when their parent ends."""
    import ctypes

    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _await_end(child: int) -> None:
    """Until the command has ended, and where SIGTERM did that, the rest of its group too: a shell ends at once, while what it runs has
    got the same signal and finishes its work. Whoever sent it sends SIGKILL in time. The command stays a zombie meanwhile, so that
    its id, which is the group's, is nobody else's."""
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    if ended is None or ended.si_code == os.CLD_EXITED or ended.si_status != _SIGTERM:
        return
    import time

    while [pid for pid in _children() if pid != child and _works_on(pid, child)]:
        time.sleep(_POLL)


def _works_on(pid: int, group: int) -> bool:
    """Whether this child lives and is of the group; one that has ended is taken leave of."""
    return os.waitpid(pid, os.WNOHANG) == (0, 0) and os.getpgid(pid) == group


def _end_descendants(child: int) -> None:
    """As with a container: when the command ends, all that it started ends."""
    try:
        os.killpg(child, _SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    while True:
        for pid in _children():
            try:
                os.kill(pid, _SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    main(sys.argv[1:])
