"""Bringing engines up and down, with small programs in their place: order, what is started again, what is said, what is left."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engines.checks import accepts
from engines.engine import Engine, State
from engines.errors import Trouble
from engines.processes import is_alive, read_record
from engines.site import Site
from engines.supervisor import down, look, up

SERVER = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(home=tmp_path / "home", cache=tmp_path / "cache")


@pytest.fixture
def engine() -> Engine:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Engine(
        name="server",
        version="1",
        licence="MIT",
        argv=(sys.executable, "-c", SERVER, str(port)),
        ready=accepts("127.0.0.1", port),
        exports={"SERVER_PORT": str(port)},
    )


@pytest.fixture
def running(site: Site) -> Iterator[Callable[..., list[str]]]:
    """Brings engines up and returns what was said; whatever happens, they are brought down."""
    started: dict[str, Engine] = {}

    def bring(*engines: Engine) -> list[str]:
        started.update({engine.name: engine for engine in engines})
        lines: list[str] = []
        up(engines, site, lines.append)
        return [" ".join(line.split()[:2]) for line in lines]

    yield bring
    down([replace(engine, needs=()) for engine in started.values()], site, keep=False, say=print)


def states(engines: list[Engine], site: Site) -> list[State]:
    return [row.state for row in look(engines, site)]


def pid_of(name: str, site: Site) -> int:
    record = read_record(site.record(name))
    assert record is not None
    return record.pid


def test_up_starts_an_engine_once_and_waits_until_it_is_ready(engine: Engine, site: Site, running: Callable[..., list[str]]) -> None:
    assert running(engine) == ["started server"]
    assert engine.ready()
    first = pid_of("server", site)
    assert running(engine) == ["ready server"]
    assert pid_of("server", site) == first
    assert states([engine], site) == [State.READY]


def test_an_engine_that_was_killed_is_seen_as_dead_and_started_again(engine: Engine, site: Site, running: Callable[..., list[str]]) -> None:
    running(engine)
    os.kill(pid_of("server", site), signal.SIGKILL)
    wait_until(lambda: states([engine], site) == [State.DEAD])
    assert running(engine) == ["started server"]
    assert states([engine], site) == [State.READY]


def test_an_engine_is_started_again_where_its_flags_or_its_configuration_are_others(
    engine: Engine, site: Site, running: Callable[..., list[str]], tmp_path: Path
) -> None:
    configuration = tmp_path / "server.conf"
    configuration.write_text("one")
    reading = replace(engine, reads=(configuration,))
    assert running(reading) == ["started server"]
    assert running(reading) == ["ready server"]
    first = read_record(site.record("server"))
    configuration.write_text("two")
    assert running(reading) == ["started server"]
    assert first is not None
    assert not is_alive(first)
    assert running(replace(reading, environment={"VERBOSE": "1"})) == ["started server"]
    assert running(replace(reading, environment={"VERBOSE": "1"}, argv=(*reading.argv, "more"))) == ["started server"]


def test_an_engine_waits_for_what_it_needs_and_its_effects_come_in_order(
    engine: Engine, site: Site, running: Callable[..., list[str]]
) -> None:
    seen: list[str] = []
    slow = replace(engine, before=lambda: seen.append("before"), after=lambda: seen.append(f"after {engine.ready()}"))
    inside = replace(engine, name="inside", argv=(), needs=("server",), after=lambda: seen.append("inside"), ready=lambda: "inside" in seen)
    assert running(inside, slow) == ["started server", "ready inside"]
    assert seen == ["before", "after True", "inside"]


def test_an_engine_that_ends_at_once_is_reported_with_its_last_words(engine: Engine, site: Site, running: Callable[..., list[str]]) -> None:
    broken = replace(engine, argv=(sys.executable, "-c", "import time; print('no such disk', flush=True); time.sleep(0.2)"))
    with pytest.raises(Trouble, match=r"server ended before it was ready(.|\n)*no such disk"):
        running(broken)


def test_an_engine_that_never_gets_ready_is_reported_and_stays_known(engine: Engine, site: Site, running: Callable[..., list[str]]) -> None:
    deaf = replace(engine, ready=lambda: False, ready_within=0.3)
    needing = replace(engine, name="next", needs=("server",))
    with pytest.raises(Trouble, match="server is not ready after") as raised:
        running(deaf, needing)
    assert raised.value.hint == "make engines-logs NAME=server"
    assert states([deaf, needing], site) == [State.NOT_READY, State.STOPPED]


def test_an_engine_that_takes_long_to_answer_does_not_hold_up_the_others(
    engine: Engine, site: Site, running: Callable[..., list[str]]
) -> None:
    running(engine)
    released = threading.Event()
    hanging = replace(engine, name="hanging", argv=(), ready=lambda: released.wait(5))
    start = time.monotonic()
    assert [row.state for row in look([engine, hanging], site, within=0.3)] == [State.READY, State.STOPPED]
    assert time.monotonic() - start < 2
    released.set()


def test_down_ends_processes_clears_away_and_removes_the_home(engine: Engine, site: Site, running: Callable[..., list[str]]) -> None:
    cleared: list[str] = []
    cleaning = replace(engine, clean=lambda: cleared.append("cleared"))
    running(cleaning)
    record = read_record(site.record("server"))
    down([cleaning], site, keep=False, say=print)
    assert record is not None
    assert not is_alive(record)
    assert cleared == ["cleared"]
    assert not site.home.exists()


def test_down_with_keep_leaves_data_and_logs_for_the_next_up(engine: Engine, site: Site, running: Callable[..., list[str]]) -> None:
    running(engine)
    down([engine], site, keep=True, say=print)
    assert site.log("server").is_file()
    assert states([engine], site) == [State.STOPPED]
    assert running(engine) == ["started server"]


def test_down_ends_a_process_that_ignores_being_asked(engine: Engine, site: Site, running: Callable[..., list[str]]) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf = replace(engine, argv=(engine.argv[0], "-c", stubborn + SERVER, engine.argv[3]), stop_within=0.2)
    running(deaf)
    record = read_record(site.record("server"))
    down([deaf], site, keep=True, say=print)
    assert record is not None
    assert not is_alive(record)


def test_a_folder_that_is_no_home_is_never_removed(engine: Engine, site: Site) -> None:
    site.home.mkdir()
    (site.home / "precious").touch()
    down([engine], site, keep=False, say=print)
    assert (site.home / "precious").exists()


def test_a_process_that_got_the_number_of_an_engine_is_not_taken_for_it(
    engine: Engine, site: Site, running: Callable[..., list[str]]
) -> None:
    running(engine)
    record = read_record(site.record("server"))
    assert record is not None
    assert not is_alive(replace(record, started=record.started - 1))
    assert not is_alive(replace(record, pid=os.getpid()))


def test_what_clients_need_is_written_for_the_owner_alone(engine: Engine, site: Site, running: Callable[..., list[str]]) -> None:
    running(engine)
    assert site.environment.read_text() == f"SERVER_PORT={engine.exports['SERVER_PORT']}\n"
    assert site.environment.stat().st_mode & 0o777 == 0o600


def test_needs_that_go_in_a_circle_or_to_nobody_are_refused(engine: Engine, site: Site) -> None:
    with pytest.raises(Trouble, match="circle: server > server"):
        up([replace(engine, needs=("server",))], site, print)
    with pytest.raises(Trouble, match="no engine 'vault', which server needs"):
        up([replace(engine, needs=("vault",))], site, print)


def wait_until(holds: Callable[[], bool], within: float = 5) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
