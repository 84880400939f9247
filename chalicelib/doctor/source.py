"""Git servers: which networks they may be in, and whether those that there are logins for can be reached."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.adapters.git.addresses import Network, parse_networks
from chalicelib.adapters.git.connections import Deadline, NoAnswer, NotAllowed, Reach, TimeIsUp, connect
from chalicelib.adapters.git.credentials import read_logins
from chalicelib.doctor.findings import Finding, Trouble, failed, ok, warning
from chalicelib.domain.errors import AnclaError
from chalicelib.settings import SourceSettings

SECONDS = 3.0
SERVERS = 3
"""Of those that there are logins for, so many are tried: there are 10 seconds for all."""
OTHERS = 0o077


def look_at_source(chosen: SourceSettings) -> Iterator[Finding]:
    networks = _networks(chosen)
    yield ok("networks", ", ".join(map(str, networks)) or "public addresses alone: ANCLA_GIT_NETWORKS names no private ones")
    yield _authority(chosen.ca)
    if chosen.credentials is None:
        yield ok("logins", "none: public repositories alone")
        return
    origins = _origins(chosen.credentials)
    yield judge_credentials(chosen.credentials, len(origins))
    reach = Reach(networks=networks, ca=chosen.ca)
    yield from (_reached(origin, reach) for origin in origins[:SERVERS])


def judge_credentials(path: Path, logins: int) -> Finding:
    if path.stat().st_mode & OTHERS:
        return warning("logins", f"{path} can be read by other users of this machine", f"chmod 600 {path}")
    return ok("logins", f"{logins} in {path}")


def _networks(chosen: SourceSettings) -> tuple[Network, ...]:
    try:
        return parse_networks(chosen.networks)
    except AnclaError as error:
        raise Trouble("networks", f"ANCLA_GIT_NETWORKS: {error.message}", error.hint) from error


def _authority(ca: Path | None) -> Finding:
    if ca is None:
        return ok("authority", "the system's")
    try:
        ssl.create_default_context(cafile=str(ca))
    except OSError as error:
        raise Trouble(
            "authority", f"{ca} holds no certificates ({error})", "let ANCLA_GIT_CA name a file with CA certificates in PEM"
        ) from error
    return ok("authority", str(ca))


def _origins(credentials: Path) -> list[str]:
    try:
        return sorted(read_logins(credentials))
    except AnclaError as error:
        raise Trouble("logins", error.message, error.hint) from error


def _reached(origin: str, reach: Reach) -> Finding:
    parts = urlsplit(origin)
    deadline = Deadline(SECONDS)
    try:
        connect(parts.hostname or "", parts.port or 443, deadline, reach, tls=parts.scheme == "https")
    except NotAllowed as error:
        return failed("git server", str(error), "add its network to ANCLA_GIT_NETWORKS, if that is where your git server is")
    except NoAnswer as error:
        return failed("git server", f"{origin}: {error}", "look at the git server, at ANCLA_GIT_CA, and at the way there")
    except TimeIsUp:
        return failed("git server", f"{origin} does not answer within {SECONDS:g} s", "look at the git server, and at the way there")
    finally:
        deadline.close()
    return ok("git server", f"{origin} can be reached")
