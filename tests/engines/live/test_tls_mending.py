"""The ACME server dies, and with it all that it knew: its root, its accounts. `up` makes an end of that."""

from __future__ import annotations

import os
import signal

from engines import pebble
from engines.engine import State
from engines.pebble.settings import files
from engines.processes import read_record
from engines.rooms import define
from engines.site import Site
from engines.supervisor import look, up
from tests.engines.live.secured import service_in, workspace
from tests.engines.live.workloads import wait_until


def state_of(site: Site, name: str) -> State:
    (row,) = [row for row in look(define(site), site) if row.name == name]
    return row.state


def test_an_acme_server_that_was_killed_is_brought_back_and_certificates_are_issued_again(site: Site) -> None:
    before = pebble.fetch_root(site)
    process = read_record(site.record(pebble.NAME))
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: state_of(site, pebble.NAME) is State.DEAD)
    assert state_of(site, "certificate-issuer") is not State.READY

    said: list[str] = []
    up(define(site), site, said.append)
    assert [line.split()[1] for line in said if line.startswith("started")] == [pebble.NAME]

    root = pebble.fetch_root(site)
    assert root != before
    assert files(site).root.read_text() == root
    with workspace(site) as room:
        service = service_in(room)
        service.deploy()
        wait_until(lambda: service.serves(root), within=60)
