"""How the node is found and woken."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from chalicelib.adapters.embedded.node.launcher import start_time
from chalicelib.adapters.embedded.node.poke import listening, poke
from chalicelib.adapters.embedded.node.presence import Presence, announce, lock_path, presence


def test_a_poke_wakes_the_node_however_long_the_path_of_its_home_is(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    home.mkdir()

    async def story() -> int:
        woken = 0

        def wake() -> None:
            nonlocal woken
            woken += 1

        with listening(home, wake):
            poke(home)
            await asyncio.sleep(0.05)
        return woken

    assert asyncio.run(story()) == 1


def test_a_poke_without_a_node_is_no_error(tmp_path: Path) -> None:
    poke(tmp_path)

    async def dead() -> None:
        with listening(tmp_path, lambda: None):
            pass

    asyncio.run(dead())
    poke(tmp_path)


def test_a_node_is_there_while_the_process_that_wrote_itself_down_lives(tmp_path: Path) -> None:
    assert presence(tmp_path) is None

    lock = os.open(lock_path(tmp_path), os.O_RDWR | os.O_CREAT)
    announce(lock, "127.0.0.1", 8701)
    os.close(lock)

    assert presence(tmp_path) == Presence(os.getpid(), "127.0.0.1", 8701)


def test_another_process_with_the_same_id_is_not_the_node(tmp_path: Path) -> None:
    lock_path(tmp_path).write_text(f"{os.getpid()} {int(start_time(os.getpid())) - 1} 127.0.0.1 8701\n")

    assert presence(tmp_path) is None
