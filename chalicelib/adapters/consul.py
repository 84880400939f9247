"""Service discovery in Consul, through one agent: only what is registered with an agent has its HTTP checks run.

An agent takes registrations without conditions, so what counts is kept beside it, in the KV store, and moved by `cas`:

    ancla/catalog/{service id}   {"fence": "5f0c.7.1", "closed": false, "entry": {…} or null}

    register ── cas: our fence and entry ──► read the key ──► make the agent so ──► read again ── moved meanwhile? ─┐
                                                 ▲                                                                 │ yes
                                                 └─────────────────────────────────────────────────────────────────┘

So whoever is last at the agent leaves there what the key says, however long one of them slept in between.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import consul  # type: ignore[import-untyped]
import requests

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.fences import Fence, Fenced
from chalicelib.ports.catalog import Entry, Registration

KEYS = "ancla/catalog/"
SERVICE_ID = "ancla-service-id"
CHECK_URL = "ancla-check-url"
CHECK_HOST = "ancla-check-host"
"""What an entry says of itself in the metadata of its registration: whose it is, and what its check asks."""
PASSING = "passing"
CHECK_SECONDS = 10
SECONDS = 5.0
"""For one request: a step has 12 for everything."""
TRIES = 8
"""How often a key is looked at again that others move at the same time: in one lane that is a rare thing."""
_ACCESSORS = uuid.UUID("0f0c9a54-5f0a-4c8e-8d5e-b1a5b2f0c3d7")
_NO_SUCH_TOKEN = "ACL not found"
_TAKEN = "already in use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the key of a service says."""

    fence: Fence
    closed: bool
    entry: Entry | None


class ConsulCatalog:
    """Implements the catalog port. `token_file` None: the agent checks no tokens; else each service gets one of its own."""

    def __init__(self, address: str, *, ca: Path | None, token_file: Path | None, check_seconds: int = CHECK_SECONDS) -> None:
        self._address = address
        self._token_file = token_file
        self._check_seconds = check_seconds
        self._consul = _client(address, ca)

    def register(self, entry: Entry, fence: Fence) -> None:
        with self._reaching(f"register {entry.name!r}"):
            self._move(entry.service_id, Kept(fence=fence, closed=False, entry=entry))
            self._settle(entry.service_id, fence)

    def deregister(self, service_id: str, fence: Fence, *, for_good: bool = False) -> None:
        with self._reaching(f"take out the service {service_id}"):
            self._move(service_id, Kept(fence=fence, closed=for_good, entry=None))
            self._settle(service_id, fence)
            if for_good and self._token_file is not None:
                self._consul.acl.token.delete(token_id(service_id))

    def list_registrations(self) -> list[Registration]:
        with self._reaching("list the services"):
            services = self._consul.agent.services().values()
            checks = self._consul.agent.checks().values()
        failing = {check["ServiceID"] for check in checks if check["Status"] != PASSING}
        ours = [(_entry_of(service), service["ID"]) for service in services if SERVICE_ID in service["Meta"]]
        found = [Registration(entry=entry, passing=registered not in failing) for entry, registered in ours]
        return sorted(found, key=lambda registration: (registration.entry.name, registration.entry.service_id))

    def _move(self, service_id: str, wanted: Kept) -> None:
        """Makes `wanted` what the key says. Raises Fenced where a later fence was here, or the service is closed for good."""
        for _ in range(TRIES):
            index, kept = self._read(service_id)
            if kept is not None and wanted.fence.beaten_by(kept.fence):
                raise Fenced(f"{kept.fence} was here before {wanted.fence}")
            if kept is not None and kept.closed:
                if wanted.entry is not None:
                    raise Fenced(f"service {service_id} was taken down for good")
                wanted = Kept(fence=wanted.fence, closed=True, entry=None)
            if self._consul.kv.put(f"{KEYS}{service_id}", _text_of(wanted), cas=index):
                return
        raise self._contended(service_id)

    def _settle(self, service_id: str, fence: Fence) -> None:
        """Makes the agent what the key says, until that has not moved meanwhile. Raises Fenced when it is not our fence any more."""
        for _ in range(TRIES):
            index, kept = self._read(service_id)
            self._make_so(service_id, kept.entry if kept is not None else None)
            again, _ = self._read(service_id)
            if again == index:
                if kept is not None and fence.beaten_by(kept.fence):
                    raise Fenced(f"{kept.fence} came right after {fence}")
                return
        raise self._contended(service_id)

    def _read(self, service_id: str) -> tuple[int, Kept | None]:
        """What the key says, and the index under which it does; 0 and None while there is none."""
        _, found = self._consul.kv.get(f"{KEYS}{service_id}", consistency="consistent")
        return (0, None) if found is None else (found["ModifyIndex"], _parsed(found["Value"]))

    def _make_so(self, service_id: str, entry: Entry | None) -> None:
        if entry is None:
            self._consul.agent.service.deregister(service_id)
            return
        self._consul.agent.service.register(
            entry.name,
            service_id=service_id,
            address=entry.address,
            port=entry.port,
            tags=list(entry.tags),
            meta={**entry.meta, SERVICE_ID: service_id, CHECK_URL: entry.check_url, CHECK_HOST: entry.check_host},
            check=_check_of(entry, self._check_seconds),
            replace_existing_checks=True,
            token=self._service_token(entry),
        )

    def _service_token(self, entry: Entry) -> str | None:
        """The secret of the service's own token, which can register this one service: the agent keeps it, and ours stays with us."""
        if self._token_file is None:
            return None
        accessor, identities = token_id(entry.service_id), [{"ServiceName": entry.name}]
        found = self._find_token(accessor) or self._make_token(accessor, entry)
        if found.get("ServiceIdentities") != identities:
            self._consul.agent.service.deregister(entry.service_id)  # under its old name, which the token is about to lose
            found = self._consul.acl.token.update(accessor, service_identities=identities, description=found["Description"])
        return str(found["SecretID"])

    def _make_token(self, accessor: str, entry: Entry) -> Mapping[str, Any]:
        try:
            made: Mapping[str, Any] = self._consul.acl.token.create(
                accessor_id=accessor,
                service_identities=[{"ServiceName": entry.name}],
                description=f"Ancla: service {entry.service_id}",
            )
        except consul.ConsulException as error:
            found = self._find_token(accessor) if _TAKEN in str(error) else None  # somebody else was quicker
            if found is None:
                raise
            return found
        return made

    def _find_token(self, accessor: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] | None = self._consul.acl.token.read(accessor)
        except consul.ACLPermissionDenied as error:
            # It says the same of our own token, which has just read the key, so it is known.
            if _NO_SUCH_TOKEN not in str(error):
                raise
            return None
        return found

    @contextmanager
    def _reaching(self, what: str) -> Iterator[None]:
        """Runs what is asked of Consul, as whom the token file names now; its errors become ours."""
        self._consul.token = self._own_token()
        try:
            yield
        except (consul.ACLPermissionDenied, consul.ACLDisabled) as error:
            raise Unavailable(
                f"Consul does not let Ancla {what}: {str(error).strip()[:200]}",
                code="catalog_denied",
                hint="check the token in ANCLA_CONSUL_TOKEN_FILE and its policy",
            ) from error
        except requests.exceptions.SSLError as error:
            raise Unavailable(
                f"Consul at {self._address} shows a certificate that cannot be trusted",
                code="catalog_untrusted",
                hint="set ANCLA_CONSUL_CA to the file with its CA",
            ) from error
        except (consul.ConsulException, requests.exceptions.RequestException) as error:
            raise self._unavailable(f"could not {what} ({_reason(error)})") from error

    def _own_token(self) -> str | None:
        if self._token_file is None:
            return None
        try:
            return self._token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(
                f"Ancla's token for Consul cannot be read from {self._token_file}",
                code="catalog_denied",
                hint="check ANCLA_CONSUL_TOKEN_FILE",
            ) from error

    def _contended(self, service_id: str) -> Unavailable:
        return self._unavailable(f"was asked by others for the service {service_id} all the time")

    def _unavailable(self, problem: str) -> Unavailable:
        return Unavailable(
            f"Consul at {self._address} {problem}",
            code="catalog_unavailable",
            hint="check that its agent runs, and ANCLA_CONSUL_ADDRESS; it is tried again",
        )


def _client(address: str, ca: Path | None) -> Any:
    url = urlsplit(address)
    port = url.port or (443 if url.scheme == "https" else 80)
    client = consul.Consul(url.hostname, port, scheme=url.scheme, verify=True if ca is None else str(ca), connections_timeout=SECONDS)
    client.http.session.trust_env = False  # no proxy, and no password of ~/.netrc, between us and the agent
    return client


def token_id(service_id: str) -> str:
    """The id of the service's own token: always the same, so that it is made once, and found again."""
    return str(uuid.uuid5(_ACCESSORS, service_id))


def _check_of(entry: Entry, seconds: int) -> dict[str, Any] | None:
    if not entry.check_url:
        return None
    return {
        "Name": f"{entry.name} answers",
        "HTTP": entry.check_url,
        "Header": {"Host": [entry.check_host]} if entry.check_host else {},
        **({"TLSServerName": entry.check_host, "TLSSkipVerify": True} if entry.check_url.startswith("https:") else {}),
        "Interval": f"{seconds}s",
        "Timeout": f"{min(seconds, SECONDS)}s",
        "DisableRedirects": True,
        # It has just been rolled out and watched: until the first check it is to be found.
        "Status": PASSING,
    }


def _entry_of(service: Mapping[str, Any]) -> Entry:
    meta = dict(service["Meta"])
    service_id, check_url, check_host = (meta.pop(name, "") for name in (SERVICE_ID, CHECK_URL, CHECK_HOST))
    return Entry(
        service_id=service_id,
        name=service["Service"],
        address=service["Address"],
        port=service["Port"],
        tags=tuple(service["Tags"]),
        meta=meta,
        check_url=check_url,
        check_host=check_host,
    )


def _text_of(kept: Kept) -> str:
    entry = None if kept.entry is None else asdict(kept.entry)
    return json.dumps({"fence": str(kept.fence), "closed": kept.closed, "entry": entry}, sort_keys=True)


def _parsed(value: bytes) -> Kept:
    raw = json.loads(value)
    entry = None if raw["entry"] is None else Entry(**{**raw["entry"], "tags": tuple(raw["entry"]["tags"])})
    return Kept(fence=Fence.parse(raw["fence"]), closed=raw["closed"], entry=entry)


def _reason(error: Exception) -> str:
    """Consul's own words, or in one word why it did not answer."""
    return str(error).strip()[:200] if isinstance(error, consul.ConsulException) else type(error).__name__
