"""One repository on one server, over smart HTTP: https://git-scm.com/docs/protocol-v2, and protocol 0 for servers that know no other.

GET  <repository>/info/refs?service=git-upload-pack   capabilities (2), or all refs at once (0)
POST <repository>/git-upload-pack                     ls-refs (2), fetch (both)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.adapters.git.http import AGENT, Answer, HttpClient
from chalicelib.adapters.git.packs import Limits, Objects, read_pack
from chalicelib.adapters.git.pktline import DELIMITER, FLUSH, BadFrame, Frame, Special, frame, frames, is_special

SERVICE = "git-upload-pack"
INFO_REFS = f"/info/refs?service={SERVICE}"
MAX_REFS = 16 * 1024 * 1024
"""Bytes of a list of refs."""
NO_BLOBS_NO_TREES = "tree:0"
"""Nothing but what is asked for by its own hash, and commits."""
_OID = re.compile(r"[0-9a-f]{40}")
_WANTED = {"agent": AGENT, "no-progress": "", "ofs-delta": "", "side-band-64k": "", "shallow": "", "filter": ""}
"""What a fetch in protocol 0 asks for of what the server can do."""


class NotGit(Exception):
    """What answers there is no git server, or none for this repository."""


class Refused(Exception):
    """The server's own words, when it does not do what it is asked."""


class BadStatus(Exception):
    def __init__(self, status: int, url: str) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.url = url


@dataclass(frozen=True, slots=True)
class Fetch:
    """What to fetch: objects by hash, with history down to `depth` commits (0: all), and without what the filter leaves out."""

    wants: Sequence[str]
    depth: int = 0
    filter: str = ""


@dataclass(slots=True)
class Session:
    """A repository that was found. `url` is its own, redirects followed."""

    http: HttpClient
    url: str
    protocol: int
    features: Mapping[str, str]
    """What the server can do: the words behind `fetch=` in protocol 2 are features too."""
    _refs: dict[str, str] = field(default_factory=dict)
    """Protocol 0 alone: all of them."""

    @classmethod
    def open(cls, http: HttpClient, location: str) -> Session:
        """Raises NotGit or BadStatus."""
        headers = {"Git-Protocol": "version=2", "Accept": "*/*"}
        answer = http.get(f"{location.rstrip('/')}{INFO_REFS}", headers, limit=MAX_REFS)
        _check(answer)
        if not answer.url.endswith(INFO_REFS) or answer.header("Content-Type") != f"application/x-{SERVICE}-advertisement":
            raise NotGit
        told = list(frames(answer.read))
        url = answer.url.removesuffix(INFO_REFS)
        lines = [one for one in told if isinstance(one, bytes) and not one.startswith(b"# ")]
        if lines and lines[0].rstrip(b"\n") == b"version 2":
            return cls(http, url, 2, _capabilities(_text(line) for line in lines[1:]))
        features, refs = _advertised(lines)
        return cls(http, url, 0, features, refs)

    @property
    def filters(self) -> bool:
        return "filter" in self.features

    @property
    def object_format(self) -> str:
        return self.features.get("object-format") or "sha1"

    def refs(self, prefixes: Sequence[str]) -> Mapping[str, str]:
        """Name to hash of those refs that begin so; what an annotated tag stands for has `^{}` behind the tag's name."""
        if self.protocol == 0:
            return self._refs
        arguments = ["peel", "symrefs", *(f"ref-prefix {prefix}" for prefix in prefixes)]
        answer = self._post(self._command("ls-refs", arguments), limit=MAX_REFS)
        found: dict[str, str] = {}
        for line in _lines(answer):
            oid, name, *attributes = line.split(" ")
            found[name] = oid
            found |= {f"{name}^{{}}": one.removeprefix("peeled:") for one in attributes if one.startswith("peeled:")}
        return {name: oid for name, oid in found.items() if _OID.fullmatch(oid)}

    def fetch(self, what: Fetch, limits: Limits, *, limit: int) -> Objects:
        """The objects, out of a pack of at most `limit` bytes. Raises Refused, BadPack, PackTooLarge or TooMuch."""
        body = self._fetch_2(what) if self.protocol == 2 else self._fetch_0(what)
        answer = self._post(body, limit=limit)
        told = frames(answer.read)
        pack = _pack_2(told) if self.protocol == 2 else _pack_0(told, self.features)
        objects = read_pack(pack, limits)
        answer.finish()
        return objects

    def _fetch_2(self, what: Fetch) -> bytes:
        arguments = ["no-progress", "ofs-delta", *(f"want {oid}" for oid in what.wants)]
        arguments += [f"deepen {what.depth}"] if what.depth else []
        arguments += [f"filter {what.filter}"] if what.filter else []
        return self._command("fetch", [*arguments, "done"])

    def _fetch_0(self, what: Fetch) -> bytes:
        chosen = [f"{name}={value}" if value else name for name, value in _WANTED.items() if name in self.features]
        first, *others = what.wants
        lines = [f"want {first} {' '.join(chosen)}\n", *(f"want {oid}\n" for oid in others)]
        lines += [f"deepen {what.depth}\n"] if what.depth else []
        lines += [f"filter {what.filter}\n"] if what.filter else []
        return b"".join(map(frame, lines)) + FLUSH + frame("done\n")

    def _command(self, name: str, arguments: Iterable[str]) -> bytes:
        head = [f"command={name}\n", f"agent={AGENT}\n", f"object-format={self.object_format}\n"]
        return b"".join(map(frame, head)) + DELIMITER + b"".join(frame(f"{one}\n") for one in arguments) + FLUSH

    def _post(self, body: bytes, *, limit: int) -> Answer:
        headers = {"Content-Type": f"application/x-{SERVICE}-request", "Accept": f"application/x-{SERVICE}-result"}
        if self.protocol == 2:
            headers["Git-Protocol"] = "version=2"
        answer = self.http.post(f"{self.url}/{SERVICE}", headers, body, limit=limit)
        _check(answer)
        if answer.header("Content-Type") != f"application/x-{SERVICE}-result":
            raise NotGit
        return answer


def _check(answer: Answer) -> None:
    if answer.status != 200:
        answer.finish()
        raise BadStatus(answer.status, answer.url)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\n")


def _lines(answer: Answer) -> Iterator[str]:
    last: Frame = b""
    for last in frames(answer.read):
        if isinstance(last, bytes):
            yield _told(last)
    if not is_special(last, "flush"):
        raise BadFrame("the answer breaks off")


def _told(one: bytes) -> str:
    line = _text(one)
    if line.startswith("ERR "):
        raise Refused(line[4:].strip())
    return line


def _capabilities(lines: Iterable[str]) -> dict[str, str]:
    features: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition("=")
        features[name] = value
        if name == "fetch":
            features |= dict.fromkeys(value.split(), "")
    return features


def _advertised(lines: Sequence[bytes]) -> tuple[dict[str, str], dict[str, str]]:
    """Features and refs of protocol 0: the features stand behind the first ref, or behind none at all."""
    if not lines:
        raise NotGit
    head, _, words = _told(lines[0]).partition("\0")
    features = {name: value for name, _, value in (word.partition("=") for word in words.split())}
    pairs = [_told(line).partition(" ") for line in (head.encode(), *lines[1:])]
    return features, {name: oid for oid, _, name in pairs if _OID.fullmatch(oid) and name != "capabilities^{}"}


def _pack_2(told: Iterator[Frame]) -> Iterator[bytes]:
    for one in told:
        if isinstance(one, bytes) and _told(one) == "packfile":
            yield from _demultiplexed(told)
            return
    raise BadFrame("the answer holds no pack")


def _pack_0(told: Iterator[Frame], features: Mapping[str, str]) -> Iterator[bytes]:
    if "side-band-64k" not in features:
        raise Refused("it speaks an old form of git's protocol, without side bands")
    for one in told:
        if isinstance(one, bytes) and _told(one) == "NAK":
            yield from _demultiplexed(told)
            return
    raise BadFrame("the answer holds no pack")


def _demultiplexed(told: Iterator[Frame]) -> Iterator[bytes]:
    for one in told:
        if isinstance(one, Special):
            if is_special(one, "flush"):
                return
            continue
        match one[:1]:
            case b"\1":
                yield one[1:]
            case b"\2":
                continue  # how far it is: for people who look on
            case b"\3":
                raise Refused(_text(one[1:]).strip())
            case _:
                raise BadFrame("the answer is not git's")
