"""Logs and documents in S3.

S3 cannot append, so a log is a chain of objects, each created once and named by the byte at which it begins:

    {prefix}{name}!00000000000000000000   bytes 0 to 99
    {prefix}{name}!00000000000000000100   bytes 100 to 149

A writer lists the chain, and creates the next object on condition that it is not there (`If-None-Match: *`). Of two who do so at
once one wins; the other looks again and finds its bytes there already. `!` is in no name, so no log lies inside another's chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.adapters.limits import log_gap
from chalicelib.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_DELETE_AT_ONCE = 1000
TRIES = 10
"""How often a writer looks again. Others take its place only by writing further, so more than a few never happen."""


class Chunk(NamedTuple):
    start: int
    size: int
    key: str


class S3Logs:
    def __init__(self, bucket: str, *, region: str, prefix: str = "", endpoint: str | None = None) -> None:
        import boto3

        self._bucket = bucket
        self._prefix = prefix
        self._client: S3Client = boto3.client("s3", region_name=region, endpoint_url=endpoint)

    def write(self, name: str, offset: int, data: bytes) -> int:
        behind = offset + len(data)
        with _translated(name):
            for _ in range(TRIES):
                end = end_of(self._chunks(name))
                if offset > end:
                    raise log_gap(name, offset, end)
                if behind <= end or self._create(name, end, data[end - offset :]):
                    return behind
        raise Unavailable(f"too many write to the log {name!r} at once", code="log_contended", hint="try again in a moment")

    def read(self, name: str, *, start: int = 0) -> bytes:
        with _translated(name):
            chunks = [chunk for chunk in self._chunks(name) if chunk.start + chunk.size > start]
            return joined(((chunk.start, self._body(chunk)) for chunk in chunks), start)

    def remove(self, prefix: str) -> None:
        with _translated(prefix):
            for beginning in (f"{prefix}!", f"{prefix}/"):
                chunks = list(self._list(beginning))
                for first in range(0, len(chunks), _DELETE_AT_ONCE):
                    some = chunks[first : first + _DELETE_AT_ONCE]
                    self._client.delete_objects(
                        Bucket=self._bucket, Delete={"Objects": [{"Key": chunk.key} for chunk in some], "Quiet": True}
                    )

    def _create(self, name: str, start: int, data: bytes) -> bool:
        """Creates the chunk that begins at `start`, unless there is one; whether it did."""
        from botocore.exceptions import ClientError

        try:
            self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}{name}!{start:020d}", Body=data, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in _TAKEN:
                return False
            raise
        return True

    def _chunks(self, name: str) -> list[Chunk]:
        return list(self._list(f"{name}!"))

    def _list(self, beginning: str) -> Iterator[Chunk]:
        """All chunks whose name begins with `beginning`, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{self._prefix}{beginning}")
        for page in pages:
            for found in page.get("Contents", []):
                yield Chunk(int(found["Key"].rpartition("!")[2]), found["Size"], found["Key"])

    def _body(self, chunk: Chunk) -> bytes:
        return self._client.get_object(Bucket=self._bucket, Key=chunk.key)["Body"].read()


def end_of(chunks: Iterable[Chunk]) -> int:
    """The byte behind the chain: where it has a gap, what is behind the gap does not count."""
    end = 0
    for chunk in chunks:
        if chunk.start > end:
            break
        end = max(end, chunk.start + chunk.size)
    return end


def joined(chunks: Iterable[tuple[int, bytes]], start: int) -> bytes:
    """The bytes from `start` on. Where chunks overlap, the one that begins first counts: bytes that are there never change."""
    content, position = bytearray(), start
    for begin, body in chunks:
        if begin > position:
            break
        content += body[position - begin :]
        position = max(position, begin + len(body))
    return bytes(content)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        message = f"the bucket with the log {name!r} did not answer ({reason})"
        raise Unavailable(message, code="logs_unavailable", hint="try again in a moment") from error
