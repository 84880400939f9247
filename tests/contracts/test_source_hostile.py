"""What a git server that means no good can do to the source host: nothing but be refused."""

from __future__ import annotations

import hashlib
import resource
import struct
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from chalicelib.adapters.git.packs import BadPack, Limits, Object, PackTooLarge, patched, read_pack
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.hierarchy import Source
from chalicelib.ports.source import SourceProblem
from tests.contracts.git_servers import loopback_source, reply, server_that

OID = "1" * 40
LIMITS = Limits(object=10_000, kept=50_000, inflated=200_000)


def pkt(data: bytes) -> bytes:
    return b"%04x%s" % (len(data) + 4, data)


ADVERTISEMENT = b"".join(map(pkt, [b"version 2\n", b"ls-refs=unborn\n", b"fetch=shallow filter\n"])) + b"0000"


def header(kind: int, size: int) -> bytes:
    first, size, out = (kind << 4) | (size & 15), size >> 4, bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    return bytes([*out, first])


def entry(kind: int, content: bytes, *, said: int | None = None, base: bytes = b"") -> bytes:
    return header(kind, len(content) if said is None else said) + base + zlib.compress(content)


def pack(*entries: bytes, count: int | None = None) -> bytes:
    body = b"PACK" + struct.pack(">II", 2, len(entries) if count is None else count) + b"".join(entries)
    return body + hashlib.sha1(body).digest()  # noqa: S324


def chunked(data: bytes, size: int = 7) -> Iterator[bytes]:
    return (data[place : place + size] for place in range(0, len(data), size))


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def read(data: bytes, size: int = 7) -> dict[str, Object]:
    return read_pack(chunked(data, size), LIMITS)


@pytest.mark.parametrize("size", [1, 7, 4096, 1_000_000])
def test_objects_are_read_however_they_arrive(size: int) -> None:
    blobs = [b"x" * 9_000, b"", b"hello\n"]
    found = read(pack(*(entry(3, blob) for blob in blobs)), size)
    assert {one.content for one in found.values()} == set(blobs)
    assert found["ce013625030ba8dba906f756967f9e9ca394464a"].content == b"hello\n"  # as git itself calls it


def test_differences_are_applied_whichever_comes_first() -> None:
    base = Object("blob", b"0123456789" * 10)
    difference = number(100) + number(13) + b"\x03abc" + bytes([0x91, 5, 10])
    wanted = b"abc" + base.content[5:15]
    before = pack(entry(3, base.content), entry(7, difference, base=bytes.fromhex(base.oid)))
    after = pack(entry(7, difference, base=bytes.fromhex(base.oid)), entry(3, base.content))
    first = entry(3, base.content)
    by_offset = pack(first, entry(6, difference, base=bytes([len(first)])))
    for data in (before, after, by_offset):
        assert {one.content for one in read(data).values()} == {base.content, wanted}


def test_an_object_above_the_limit_is_passed_over_with_what_is_built_on_it() -> None:
    large = Object("blob", b"y" * 10_001)
    difference = number(10_001) + number(1) + b"\x01a"
    found = read(pack(entry(3, large.content), entry(7, difference, base=bytes.fromhex(large.oid)), entry(3, b"small")))
    assert [one.content for one in found.values()] == [b"small"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PACK",
        b"PUCK" + pack(entry(3, b"x"))[4:],
        b"PACK" + struct.pack(">II", 9, 0),
        pack(entry(3, b"x"))[:15],
        pack(entry(3, b"x"), count=2)[:-20],
        pack(entry(5, b"x")),
        pack(entry(0, b"x")),
        pack(entry(3, b"xyz", said=2)),
        pack(entry(3, b"xyz", said=4)),
        pack(header(3, 3) + b"no zlib at all"),
        pack(b"\xff" * 40),
        pack(entry(3, b"12345"), entry(6, b"\x04\x01\x01a", base=bytes([len(entry(3, b"12345"))]))),
    ],
    ids=str,
)
def test_what_is_no_pack_is_refused(data: bytes) -> None:
    with pytest.raises(BadPack):
        read(data)


@pytest.mark.parametrize(
    "difference",
    [b"", b"\x05", b"\x05\x01\x00", b"\x05\x01\x02ab", b"\x05\x03\x02ab", b"\x05\x02\x91\x04\x05", b"\x05\x02\x05a", b"\x80" * 20],
)
def test_a_difference_that_makes_no_sense_is_refused(difference: bytes) -> None:
    with pytest.raises(BadPack):
        patched(b"12345", difference, 100)


def test_a_difference_that_makes_too_much_is_not_applied() -> None:
    assert patched(b"12345", number(5) + number(101) + b"\x95\x00\x05" * 30, 100) is None


@pytest.mark.parametrize(
    "data",
    [
        pack(*(entry(3, bytes([one]) * 9_999) for one in range(6))),
        pack(*(entry(3, b"z" * 50_000) for _ in range(5))),
        pack(header(3, 1 << 50)),
        pack(count=2_000_000),
        pack(*(entry(7, bytes([one]) * 9_999, base=b"\1" * 20) for one in range(6))),
    ],
    ids=["kept", "inflated", "said", "count", "waiting"],
)
def test_a_pack_beyond_the_limits_is_refused(data: bytes) -> None:
    with pytest.raises(PackTooLarge):
        read(data, 1000)


def answering(*bodies: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """First the advertisement, then these to whatever is asked; the last one again and again."""
    left = list(bodies)

    def answer(asked: BaseHTTPRequestHandler) -> None:
        if asked.command == "GET":
            reply(asked, 200, ADVERTISEMENT, Content_Type="application/x-git-upload-pack-advertisement")
        else:
            body = left.pop(0) if len(left) > 1 else left[0]
            reply(asked, 200, body, Content_Type="application/x-git-upload-pack-result")

    return answer


def problem_with(answer: Callable[[BaseHTTPRequestHandler], None], ref: str = OID) -> SourceProblem:
    with server_that(answer) as location, pytest.raises(SourceProblem) as caught:
        loopback_source().resolve(Source(location=location), ref, ["Procfile"])
    return caught.value


def sent(data: bytes) -> bytes:
    """A pack as an answer to a fetch."""
    frames = b"".join(pkt(b"\1" + data[place : place + 60_000]) for place in range(0, len(data), 60_000))
    return pkt(b"packfile\n") + frames + b"0000"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"zzzz", b"0003", b"0010short", pkt(b"packfile\n") + pkt(b"\7x"), sent(b"PACKnonsense"), b"0000"]
)
def test_an_answer_that_is_not_gits_is_refused(body: bytes) -> None:
    assert problem_with(answering(body)).code == "repository_unsafe"


def test_a_page_for_people_is_no_repository() -> None:
    assert problem_with(lambda asked: reply(asked, 200, b"<html>", Content_Type="text/html")).code == "repository_not_found"


def test_a_commit_that_is_not_what_it_is_called_is_not_taken() -> None:
    commit = entry(1, b"tree " + b"2" * 40 + b"\n\nother\n")
    assert problem_with(answering(sent(pack(commit)))).code == "ref_not_found"


def test_a_hash_that_names_a_file_is_no_commit() -> None:
    problem = problem_with(answering(sent(pack(entry(3, b"hello\n")))), "ce013625030ba8dba906f756967f9e9ca394464a")
    assert (problem.code, "not a commit" in problem.message) == ("ref_not_found", True)


def test_a_tree_that_cannot_be_read_is_refused() -> None:
    tree = Object("tree", b"100644 Procfile\0short")
    commit = Object("commit", f"tree {tree.oid}\n\nx\n".encode())
    answer = answering(sent(pack(entry(1, commit.content))), sent(pack(entry(2, tree.content))))
    assert problem_with(answer, commit.oid).code == "repository_unsafe"


def test_the_servers_own_words_are_shown_without_what_moves_a_cursor() -> None:
    problem = problem_with(answering(pkt(b"ERR not our ref \x1b[31m" + OID.encode())))
    assert problem.code == "ref_not_found"
    assert "not our ref" in problem.message and "\x1b" not in problem.message


def test_a_pack_that_inflates_without_end_takes_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bomb = zlib.compress(b"\0" * 300_000_000, 9)
    problem = problem_with(answering(sent(pack(header(3, 300_000_000) + bomb))))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert problem.code == "repository_unsafe"
    assert grown < 150_000 + 300_000  # what the test itself needs for the bomb; KiB


def test_a_list_of_refs_without_end_is_cut_off() -> None:
    line = pkt(OID.encode() + b" refs/heads/" + b"a" * 1000)
    problem = problem_with(answering(line * 20_000), "main")
    assert (problem.code, "more than is taken" in problem.message) == ("repository_unsafe", True)


@pytest.mark.parametrize("body", [b"", pkt(OID.encode() + b" refs/heads/other\n")])
def test_a_list_of_refs_that_breaks_off_is_not_taken_for_all_of_them(body: bytes) -> None:
    assert problem_with(answering(body), "main").code == "repository_unsafe"


def test_a_server_that_hangs_up_in_the_middle_is_asked_again_later() -> None:
    def cut(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        asked.send_header("Content-Length", "5000")
        asked.end_headers()
        asked.wfile.write(ADVERTISEMENT)

    with server_that(cut) as location, pytest.raises(Unavailable, match="hung up"):
        loopback_source().resolve(Source(location=location), "", [])
