"""The first process of the node's namespaces: when it ends, the kernel ends all others in them, and their mounts and links go.

It runs as a file of its own under `unshare`, arranges the mounts, and then only takes note of orphans' ends (of containers' shims).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

HARD_CODED = ("/var/lib/cni", "/var/lib/kubelet", "/usr/libexec/kubernetes", "/var/log/containers")
"""Folders that kubelet, containerd or the CNI plugins use whatever they are told. Inside the node they lie in its room."""
RUNTIME = "/run/containerd"
LAST_MOUNT = RUNTIME
WANTED_SYSCTLS = {"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1"}
"""Settings of the whole machine that kubelet sets unless they are so. It is shown these values, and the machine keeps its own."""


def main(room: Path) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
    arrange_mounts(room)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    run("ip", "link", "set", "lo", "up")
    while signal.sigwait({signal.SIGCHLD, signal.SIGTERM}) != signal.SIGTERM:
        reap()


def arrange_mounts(room: Path) -> None:
    """LAST_MOUNT comes last, so who sees that one sees them all."""
    run("mount", "--make-rshared", "/")  # what a pod's volumes mount, its containers see
    for name, value in WANTED_SYSCTLS.items():
        shown = room / "sysctls" / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        run("mount", "--bind", str(shown), f"/proc/sys/{name}")
    for path in HARD_CODED:
        own = room / "root" / path.lstrip("/")
        own.mkdir(parents=True, exist_ok=True)
        Path(path).mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", str(own), path)
    Path(RUNTIME).mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=711", "tmpfs", RUNTIME)


def reap() -> None:
    """Takes note of every child that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return


def run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
