"""When what is wanted is there already, and what of a stream is passed on."""

from __future__ import annotations

from typing import Any, cast

import pytest
from urllib3 import HTTPResponse

from chalicelib.adapters.kubernetes.api import Stream
from chalicelib.adapters.kubernetes.writes import holds

WANTED: dict[str, Any] = {"metadata": {"name": "one"}, "spec": {"ports": [{"port": 80}], "selector": {}, "rules": []}}


@pytest.mark.parametrize(
    "there",
    [
        WANTED,
        {**WANTED, "status": {"ready": True}, "metadata": {"name": "one", "uid": "u", "labels": {"of": "others"}}},
        {"metadata": {"name": "one"}, "spec": {"ports": [{"port": 80, "protocol": "TCP"}]}},
    ],
    ids=["as it is", "with what others added", "with what the server fills in and leaves out"],
)
def test_what_is_wanted_is_there(there: dict[str, Any]) -> None:
    assert holds(there, WANTED)


@pytest.mark.parametrize(
    "there",
    [
        None,
        {"metadata": {"name": "one"}},
        {"metadata": {"name": "other"}, "spec": WANTED["spec"]},
        {"metadata": {"name": "one"}, "spec": {**WANTED["spec"], "ports": [{"port": 80}, {"port": 81}]}},
        {"metadata": {"name": "one"}, "spec": {**WANTED["spec"], "ports": "80"}},
        {"metadata": {"name": "one"}, "spec": {**WANTED["spec"], "rules": [{}]}},
    ],
)
def test_something_of_what_is_wanted_is_not_there(there: dict[str, Any] | None) -> None:
    assert not holds(there, WANTED)


class Talking:
    """An answer that goes on, whatever becomes of its connection."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)

    def read1(self, amount: int) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""

    def shutdown(self) -> None:
        """From here on, what is read is what came over the wire: not what was said in it."""


def test_what_is_read_of_a_stream_after_it_was_closed_is_not_passed_on() -> None:
    stream = Stream(cast(HTTPResponse, Talking(b"one\n", b"\x17\x03\x03\xcd")))
    chunks = stream.chunks()
    assert next(chunks) == b"one\n"

    stream.close()

    assert list(chunks) == []
