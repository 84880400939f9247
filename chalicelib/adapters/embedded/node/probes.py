"""Asks a pod how it is, over HTTP, and says in words what it answered."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from chalicelib.adapters.embedded.node.specs import Probe

_SNIPPET = 200
_READ = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    healthy: bool
    text: str
    hint: str = ""
    refused: bool = False
    """Nothing listens on the port."""


async def ask(session: aiohttp.ClientSession, port: int, probe: Probe) -> Answer:
    """One health check. Healthy is 200 to 299; a redirect is not, since what it leads to was not asked for."""
    request = f"GET {probe.path}"
    try:
        async with session.get(
            f"http://127.0.0.1:{port}{probe.path}", allow_redirects=False, timeout=aiohttp.ClientTimeout(total=probe.timeout)
        ) as response:
            body = b"" if response.ok and response.status < 300 else await response.content.read(_READ)
            return _judged(request, response.status, response.headers.get("Location", ""), body)
    except TimeoutError:
        return Answer(
            healthy=False, text=f"{request} did not answer within {probe.timeout:g} s", hint=f"make {probe.path} answer faster, or at all"
        )
    except aiohttp.ClientConnectorError:
        return Answer(healthy=False, text=f"{request}: nothing listens on port {port}", refused=True)
    except aiohttp.ClientError as error:
        return Answer(healthy=False, text=f"{request} gave no HTTP answer: {_printable(str(error))}")


def _judged(request: str, status: int, location: str, body: bytes) -> Answer:
    if 200 <= status < 300:
        return Answer(healthy=True, text=f"{request} answered {status}")
    if 300 <= status < 400:
        return Answer(
            healthy=False,
            text=f"{request} answered {status}, a redirect to {_printable(location)}",
            hint=f"a redirect is not taken for healthy: set the health check path to one that answers 200 itself,"
            f" not {_printable(location)} by a detour",
        )
    snippet = _printable(body.decode(errors="replace"))
    return Answer(healthy=False, text=f"{request} answered {status}: {snippet}" if snippet else f"{request} answered {status}")


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())[:_SNIPPET].rstrip()


def port_hint(port: int, listening: list[int]) -> str:
    """What to tell about a process that runs but does not listen where it should."""
    if port in listening:
        return f"it listens on port {port}, but not on the address 127.0.0.1: make it listen on 0.0.0.0"
    where = ", ".join(str(other) for other in listening)
    if where:
        return f"it listens on port {where}, but must listen on the port in $PORT ({port} this time)"
    return f"it listens on no port: make it listen on the port in $PORT ({port} this time)"


def probe_delay(elapsed: float, *, ready: bool, period: float) -> float:
    """Seconds until the next probe: close together while a process starts, so that no roll-out waits for the clock."""
    if ready:
        return period
    if elapsed < 0.5:
        return 0.02
    if elapsed < 15:
        return 0.05
    return min(0.25, period) if elapsed < 60 else min(1.0, period)
