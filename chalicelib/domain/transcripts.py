"""What a follower is shown of a log: text that only ever grows, so that a client can print from the byte it has reached."""

from __future__ import annotations

import codecs

MAX_SHOWN = 5 * 1024 * 1024
"""Bytes of one reply: the platform that the API runs on takes 6 MB with its JSON around."""
CUT = f"\n[the log goes on: only its first {MAX_SHOWN // 1024 // 1024} MB are shown]\n"


def shown_text(log: bytes, *, ended: bool) -> str:
    """The log as text. While it still grows, a character that is not complete yet is held back; bytes that are no UTF-8 are
    replaced, each time in the same way."""
    if len(log) <= MAX_SHOWN:
        return _decoded(log, final=ended)
    return _decoded(log[:MAX_SHOWN], final=False) + CUT


def _decoded(log: bytes, *, final: bool) -> str:
    return codecs.getincrementaldecoder("utf-8")("replace").decode(log, final)
