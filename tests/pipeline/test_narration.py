"""What a run's log keeps of output that never stops."""

from __future__ import annotations

from chalicelib.domain.builds import build_log
from chalicelib.pipeline.narration import within
from tests.simulation.world import FILES, World


def test_output_is_kept_up_to_the_limit_and_a_note_says_that_there_was_more() -> None:
    assert within(b"abc", 0, 5, b"!") == b"abc"
    assert within(b"de", 3, 5, b"!") == b"de"
    assert within(b"def", 3, 5, b"!") == b"de!"
    assert within(b"g", 5, 5, b"!") == b""
    assert within(b"h", 9, 5, b"!") == b""


def test_a_build_that_writes_without_end_has_a_log_of_bounded_size(world: World) -> None:
    world.engines.builder.chatter = 20 * 1024 * 1024
    world.deploy()
    log = world.logs.read(build_log(world.service.id, 1))
    assert 16 * 1024 * 1024 < len(log) < 16 * 1024 * 1024 + 200
    assert log.endswith(b"[the build goes on: only the first 16 MB of its log are kept]\n")


def test_a_rollback_says_which_deploy_it_goes_back_to(world: World) -> None:
    world.deploy()
    world.deploy({**FILES, "VERSION": "2"})
    assert "deploy 3, as deploy 1 was: build v1" in world.log_of(world.roll_back_to(1))
