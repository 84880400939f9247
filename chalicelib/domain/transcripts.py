"""What a follower is shown of a log: text that only ever grows, so that a client can print from the byte it has reached."""

from __future__ import annotations

import codecs
import json

MAX_SHOWN = 5 * 1024 * 1024
"""Bytes of the text in one reply, as JSON writes it (a line end has two, other control characters six): the platform that the API
runs on takes 6 MB with the rest of the reply around."""
CUT = f"\n[the log goes on: only its first {MAX_SHOWN // 1024 // 1024} MB are shown]\n"


_PIECE = 4096


def shown_text(log: bytes, *, ended: bool) -> str:
    """The log as text. While it still grows, a character that is not complete yet is held back; bytes that are no UTF-8 are
    replaced, each time in the same way."""
    whole = len(log) <= MAX_SHOWN
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(log[:MAX_SHOWN], whole and ended)
    end = _fitting(text)
    return text if whole and end == len(text) else text[:end] + CUT


def _fitting(text: str) -> int:
    """How many characters of the text, from its first on, fit into one reply."""
    room = MAX_SHOWN
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE]
        if _json_bytes(piece) > room:
            return start + _fitting_in_piece(piece, room)
        room -= _json_bytes(piece)
    return len(text)


def _fitting_in_piece(piece: str, room: int) -> int:
    for position, character in enumerate(piece):
        room -= _json_bytes(character)
        if room < 0:
            return position
    return len(piece)


def _json_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2
