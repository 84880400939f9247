"""A registry that speaks the OCI distribution protocol and asks for signed tokens (CNCF Distribution and its like).

Ancla signs its own tokens for what it asks, so it needs no account there, and no way to its own token endpoint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError, SSLError

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.registry import DELETE, PULL, Access, Holder, check_digest, check_repository
from chalicelib.ports.registry import PullGrant, RegistryTokens

PULL_GOOD_FOR = timedelta(days=30)
OWN_GOOD_FOR = timedelta(minutes=2)
OURSELVES = "ancla"
"""Whom our own tokens are for: it is what the registry's log shows."""
TIMEOUT = Timeout(connect=3.0, read=6.0)
"""Seconds: a step has 12 for everything."""
PAGE = 100
KINDS = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
"""Without this, a registry answers with a form of its own making, which has another digest."""
CONTENT_DIGEST = "Docker-Content-Digest"
_LAST = re.compile(r"[?&]last=([^&>]+)")


class OciRegistry:
    """Implements the registry port. `server`: host and port, as images are named with it; `ca` None: the system's certificates."""

    def __init__(self, server: str, tokens: RegistryTokens, *, ca: Path | None, now: Callable[[], datetime]) -> None:
        self._server = server
        self._tokens = tokens
        self._now = now
        # No redirects: a manifest lies where it is asked for, and our token is for nobody else.
        self._http = PoolManager(ca_certs=None if ca is None else str(ca), timeout=TIMEOUT, retries=False)

    def has(self, repository: str, digest: str) -> bool:
        check_digest(digest)
        answer = self._ask("HEAD", repository, f"manifests/{digest}", PULL)
        if answer.status == 404:
            return False
        found = answer.headers.get(CONTENT_DIGEST, digest)
        if found != digest:
            raise self._unavailable(f"answers for {digest} with {found[:80]}")
        return True

    def grant_pull(self, service_id: str, repository: str, *, now: datetime) -> PullGrant:
        check_repository(repository)
        holder = Holder(service_id=service_id)
        password = self._tokens.make_password(holder, [Access(repository, (PULL,))], now=now, good_for=PULL_GOOD_FOR)
        return PullGrant(server=self._server, username=holder.username, password=password, expires=now + PULL_GOOD_FOR)

    def remove_image(self, repository: str, digest: str, *, build: int) -> None:
        """`build` need not be compared: an image is labelled with the build that made it, so no other one has its digest."""
        check_digest(digest)
        self._ask("DELETE", repository, f"manifests/{digest}", DELETE)

    def remove(self, repository: str) -> None:
        for tag in list(self._tags(repository)):
            found = self._ask("HEAD", repository, f"manifests/{tag}", PULL).headers.get(CONTENT_DIGEST)
            if found:  # else it went along with another tag of the same image
                self._ask("DELETE", repository, f"manifests/{found}", DELETE)

    def _tags(self, repository: str) -> Iterator[str]:
        query = ""
        while True:
            answer = self._ask("GET", repository, f"tags/list?n={PAGE}{query}", PULL)
            if answer.status == 404:
                return
            yield from self._parsed_tags(answer.data)
            following = _LAST.search(answer.headers.get("Link", ""))
            if following is None:
                return
            query = f"&last={following[1]}"

    def _parsed_tags(self, body: bytes) -> list[str]:
        try:
            return list(json.loads(body)["tags"] or [])  # null: all tags of the repository are gone
        except (ValueError, KeyError, TypeError) as error:
            raise self._unavailable("answers with something that is no list of tags") from error

    def _ask(self, method: str, repository: str, what: str, action: str) -> BaseHTTPResponse:
        """The answer where it is good, or 404. Raises Unavailable for all others: none of them is the user's to mend."""
        check_repository(repository)
        token = self._tokens.make_token(OURSELVES, [Access(repository, (action,))], now=self._now(), good_for=OWN_GOOD_FOR).token
        headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": KINDS}
        try:
            answer = self._http.request(method, f"https://{self._server}/v2/{repository}/{what}", headers=headers, redirect=False)
        except SSLError as error:
            raise self._untrusted(error) from error
        except HTTPError as error:
            raise self._unavailable(f"does not answer ({_reason(error)})") from error
        if answer.status < 300 or answer.status == 404:
            return answer
        raise self._refused(method, repository, answer)

    def _refused(self, method: str, repository: str, answer: BaseHTTPResponse) -> Unavailable:
        said = f"{method} of {repository}: {answer.status}{_words_of(answer.data)}"
        match answer.status:
            case 401 | 403:
                return Unavailable(
                    f"the registry {self._server} takes no token of ours ({said})",
                    code="registry_denied",
                    hint="its auth.token must name our issuer, our service and the CA of ANCLA_REGISTRY_SIGNING_CERT",
                )
            case 405:
                return Unavailable(
                    f"the registry {self._server} deletes nothing ({said})",
                    code="registry_denied",
                    hint="set storage.delete.enabled in its configuration",
                )
            case 429:
                return Unavailable(
                    f"the registry {self._server} takes no more at this rate ({said})", code="registry_throttled", hint="it is tried again"
                )
            case _:
                return self._unavailable(f"answers with an error ({said})")

    def _unavailable(self, problem: str) -> Unavailable:
        return Unavailable(
            f"the registry {self._server} {problem}",
            code="registry_unavailable",
            hint="check that it runs, and ANCLA_REGISTRY_ADDRESS; it is tried again",
        )

    def _untrusted(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"the registry {self._server} shows a certificate that cannot be trusted ({_reason(error)})",
            code="registry_untrusted",
            hint="set ANCLA_REGISTRY_CA to the file with its CA",
        )


def _words_of(body: bytes) -> str:
    """What the registry itself says of an error, shortened."""
    try:
        errors = json.loads(body)["errors"]
        return f", {', '.join(error['code'] for error in errors)}"
    except (ValueError, KeyError, TypeError):
        return ""


def _reason(error: Exception) -> str:
    return str(error).rpartition(": ")[2][:200] or type(error).__name__
