"""When a pod is asked, and what is told about one that cannot be."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chalicelib.adapters.embedded.node.ports import free_port, listening_ports
from chalicelib.adapters.embedded.node.probes import port_hint, probe_delay


@pytest.mark.parametrize(
    ("elapsed", "ready", "delay"), [(0.1, False, 0.02), (3, False, 0.05), (30, False, 0.25), (90, False, 1.0), (0.1, True, 5)]
)
def test_probes_are_close_together_only_while_a_process_starts(elapsed: float, ready: bool, delay: float) -> None:
    assert probe_delay(elapsed, ready=ready, period=5) == delay


def test_a_process_on_another_port_is_told_which_one_is_expected() -> None:
    assert port_hint(20001, [3000]) == "it listens on port 3000, but must listen on the port in $PORT (20001 this time)"
    assert port_hint(20001, [20001]) == "it listens on port 20001, but not on the address 127.0.0.1: make it listen on 0.0.0.0"
    assert port_hint(20001, []) == "it listens on no port: make it listen on the port in $PORT (20001 this time)"


def test_a_free_port_is_neither_taken_nor_bound() -> None:
    port = free_port(set())
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(set(range(20_000, 32_000)) - {port, port + 1 if port < 31_999 else port - 1}) != port


def test_the_ports_that_a_session_listens_on_are_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert server.getsockname()[1] in listening_ports(os.getsid(0))


def test_a_session_that_listens_on_nothing_has_no_ports_though_others_have() -> None:
    with socket.create_server(("127.0.0.1", 0)), quiet_session() as session:
        assert listening_ports(session) == []


@contextmanager
def quiet_session() -> Iterator[int]:
    """A session of its own: number 0 would be everybody's whose leader lives outside this machine's process namespace."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield process.pid
    finally:
        process.communicate(b"\n")
