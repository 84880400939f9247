"""The frames that git's protocol is made of: four hexadecimal digits of length, then the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator

FLUSH = b"0000"
DELIMITER = b"0001"
_SPECIAL = {0: "flush", 1: "delimiter", 2: "end"}
_HEAD = 4


class BadFrame(Exception):
    """What came is not git's protocol, or breaks off."""


class Special:
    """A frame without data, that divides others."""

    def __init__(self, name: str) -> None:
        self.name = name


Frame = bytes | Special


def frame(text: str) -> bytes:
    data = text.encode()
    return b"%04x%s" % (len(data) + _HEAD, data)


def frames(read: Callable[[int], bytes]) -> Iterator[Frame]:
    """The frames up to the end. `read` returns as many bytes as it is asked for, fewer only at the end."""
    while head := read(_HEAD):
        length = _length(head)
        if length in _SPECIAL:
            yield Special(_SPECIAL[length])
            continue
        data = read(length - _HEAD)
        if len(data) < length - _HEAD:
            raise BadFrame("the answer breaks off")
        yield data


def is_special(one: Frame, name: str) -> bool:
    return isinstance(one, Special) and one.name == name


def _length(head: bytes) -> int:
    try:
        if len(head) < _HEAD or not head.isalnum():
            raise ValueError
        length = int(head, 16)
    except ValueError as error:
        raise BadFrame("the answer is not git's") from error
    if length == _HEAD - 1:
        raise BadFrame("the answer is not git's")
    return length
