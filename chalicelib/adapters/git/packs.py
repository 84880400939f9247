"""Reads a pack as it comes in, without trust in who sends it: every size is bounded before memory is given to it.

Objects are known by the hash of their content, which is computed here: what a server sends in place of something else is not found.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

CHUNK = 64 * 1024
SLICE = 4 * 1024
"""What is given to zlib at once: it copies all that lies behind an object's end."""
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFFSET_DELTA, _NAMED_DELTA = 6, 7
MAX_OBJECTS = 1_000_000


class BadPack(Exception):
    """It is no pack, or is damaged."""


class PackTooLarge(Exception):
    """It holds more than the limits allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes: of an object that is kept, of all kept ones, and of all that is inflated."""

    object: int
    kept: int
    inflated: int


@dataclass(frozen=True, slots=True)
class Object:
    kind: str
    content: bytes

    @property
    def oid(self) -> str:
        return hashlib.sha1(b"%s %d\0" % (self.kind.encode(), len(self.content)) + self.content, usedforsecurity=False).hexdigest()


Objects = dict[str, Object]


def read_pack(chunks: Iterable[bytes], limits: Limits) -> Objects:
    """The objects by their hash. Those above the limit are left out, with all that is stored as a difference to them."""
    pack = _Pack(_Feed(chunks, limits.inflated), limits)
    return pack.read()


@dataclass(slots=True)
class _Pack:
    feed: _Feed
    limits: Limits
    _at: dict[int, Object] = field(default_factory=dict)
    """By the offset where each begins."""
    _named: Objects = field(default_factory=dict)
    _open: list[tuple[str, bytes, int]] = field(default_factory=list)
    """Differences to an object that has not come yet: its hash, the difference, and where it begins."""
    _kept: int = 0

    def read(self) -> Objects:
        head = self.feed.take(12)
        if head[:4] != b"PACK" or int.from_bytes(head[4:8]) not in {2, 3}:
            raise BadPack("it does not begin as a pack")
        count = int.from_bytes(head[8:])
        if count > MAX_OBJECTS:
            raise PackTooLarge(f"{count:,} objects")
        for _ in range(count):
            self._read_one()
        self._close()
        return self._named

    def _read_one(self) -> None:
        begin = self.feed.offset
        kind, size = self._header()
        if kind in _KINDS:
            content = self.feed.inflated(size, keep=size <= self.limits.object)
            if content is not None:
                self._keep(begin, Object(_KINDS[kind], content))
        elif kind == _OFFSET_DELTA:
            base = self._at.get(begin - self._distance())
            self._apply(begin, base, self._difference(size))
        elif kind == _NAMED_DELTA:
            name = self.feed.take(20).hex()
            self._apply_named(begin, name, self._difference(size))
        else:
            raise BadPack(f"it holds an object of kind {kind}")

    def _header(self) -> tuple[int, int]:
        byte = self.feed.byte()
        kind, size, shift = (byte >> 4) & 7, byte & 15, 4
        while byte & 0x80:
            byte = self.feed.byte()
            size |= (byte & 0x7F) << shift
            shift += 7
            if shift > 60:
                raise BadPack("an object's size has no end")
        return kind, size

    def _distance(self) -> int:
        byte = self.feed.byte()
        distance = byte & 0x7F
        while byte & 0x80:
            byte = self.feed.byte()
            distance = ((distance + 1) << 7) | (byte & 0x7F)
            if distance >> 60:
                raise BadPack("an offset has no end")
        return distance

    def _difference(self, size: int) -> bytes | None:
        return self.feed.inflated(size, keep=size <= self.limits.object)

    def _apply_named(self, begin: int, name: str, difference: bytes | None) -> None:
        base = self._named.get(name)
        if base is None and difference is not None:
            self._kept_more(len(difference))
            self._open.append((name, difference, begin))
            return
        self._apply(begin, base, difference)

    def _apply(self, begin: int, base: Object | None, difference: bytes | None) -> None:
        if base is None or difference is None:
            return
        content = patched(base.content, difference, self.limits.object)
        if content is not None:
            self._keep(begin, Object(base.kind, content))

    def _close(self) -> None:
        """Applies the differences whose base came after them, until none can be applied any more."""
        while ready := [one for one in self._open if one[0] in self._named]:
            self._open = [one for one in self._open if one[0] not in self._named]
            for name, difference, begin in ready:
                self._apply(begin, self._named[name], difference)

    def _keep(self, begin: int, one: Object) -> None:
        self._kept_more(len(one.content))
        self._at[begin] = one
        self._named[one.oid] = one

    def _kept_more(self, count: int) -> None:
        self._kept += count
        if self._kept > self.limits.kept:
            raise PackTooLarge(f"more than {self.limits.kept:,} bytes")


class _Feed:
    """Bytes as they come, with the offset that the next one has in the pack."""

    def __init__(self, chunks: Iterable[bytes], budget: int) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._buffer = b""
        self._place = 0
        self._budget = budget
        self.offset = 0

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        while len(self._buffer) - self._place < count:
            self._more()
        data = self._buffer[self._place : self._place + count]
        self._moved(count)
        return data

    def inflated(self, size: int, *, keep: bool) -> bytes | None:
        """The next object's content, exactly `size` bytes; None where it is only passed over."""
        self._budget -= size
        if self._budget < 0:
            raise PackTooLarge("more than may be inflated")
        parts: list[bytes] = []
        done = 0
        machine = zlib.decompressobj()
        while not machine.eof:
            data = machine.unconsumed_tail or self._rest()
            try:
                part = machine.decompress(data, CHUNK)
            except zlib.error as error:
                raise BadPack("an object cannot be inflated") from error
            self._moved(len(data) - len(machine.unconsumed_tail) - len(machine.unused_data))
            done += len(part)
            if done > size:
                raise BadPack("an object is longer than it says")
            if keep:
                parts.append(part)
        if done != size:
            raise BadPack("an object is shorter than it says")
        return b"".join(parts) if keep else None

    def _rest(self) -> bytes:
        if self._place == len(self._buffer):
            self._more()
        return self._buffer[self._place : self._place + SLICE]

    def _more(self) -> None:
        chunk = next(self._chunks, b"")
        if not chunk:
            raise BadPack("it breaks off")
        self._buffer = self._buffer[self._place :] + chunk
        self._place = 0

    def _moved(self, count: int) -> None:
        self._place += count
        self.offset += count


def patched(base: bytes, difference: bytes, limit: int) -> bytes | None:
    """`base` with the difference applied to it; None where the result has more than `limit` bytes."""
    reader = _Bytes(difference)
    if reader.number() != len(base):
        raise BadPack("a difference belongs to another object")
    size = reader.number()
    if size > limit:
        return None
    parts: list[bytes] = []
    done = 0
    while not reader.at_end:
        part = _instruction(base, reader)
        done += len(part)
        if done > size:
            raise BadPack("a difference makes more than it says")
        parts.append(part)
    if done != size:
        raise BadPack("a difference makes less than it says")
    return b"".join(parts)


def _instruction(base: bytes, reader: _Bytes) -> bytes:
    code = reader.byte()
    if not code & 0x80:
        if not code:
            raise BadPack("a difference holds an unknown instruction")
        return reader.take(code)
    offset = sum(reader.byte() << (8 * place) for place in range(4) if code & (1 << place))
    count = sum(reader.byte() << (8 * place) for place in range(3) if code & (0x10 << place)) or 0x10000
    if offset + count > len(base):
        raise BadPack("a difference copies what is not there")
    return base[offset : offset + count]


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def at_end(self) -> bool:
        return self._place >= len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        data = self._data[self._place : self._place + count]
        if len(data) < count:
            raise BadPack("a difference breaks off")
        self._place += count
        return data

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
            if shift > 60:
                raise BadPack("a size in a difference has no end")
