"""What it means that the API server refuses: the user's manifest is wrong, Ancla's own rights are, or it is to be tried again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Unavailable
from chalicelib.ports.cluster import Rejected

MAX_WORDS = 1000
NAMESPACE_ENDING = "NamespaceTerminating"
_TOO_LARGE = re.compile(r"request is too large|larger than max|entity too large|exceeds? the maximum size", re.IGNORECASE)
_NO_RIGHT = re.compile(r'User "[^"]*" cannot ')
_OF_THE_MANIFEST = frozenset({400, 403, 404, 405, 406, 413, 415, 422})


class Refusal(Exception):
    """The API server's answer with a status of 400 or more. It stays in this room: `meaning` says what others get to see."""

    def __init__(self, status: int, reason: str, message: str, causes: frozenset[str] = frozenset()) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes


def parse_refusal(status: int, body: bytes) -> Refusal:
    """From the `Status` object that Kubernetes answers with, or from whatever a proxy in between says."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, Mapping) or answer.get("kind") != "Status":
        return Refusal(status, "", body[:MAX_WORDS].decode(errors="replace").strip())
    causes = (answer.get("details") or {}).get("causes") or ()
    reasons = frozenset(str(cause.get("reason", "")) for cause in causes)
    return Refusal(status, str(answer.get("reason", "")), str(answer.get("message", ""))[:MAX_WORDS], reasons)


def lacks_rights(refusal: Refusal) -> bool:
    """RBAC says no, and not what looks at the object itself."""
    return refusal.status == 403 and _NO_RIGHT.search(refusal.message) is not None


def meaning(refusal: Refusal, what: str) -> Rejected | Unavailable:
    """The error for what was asked of `what`, such as `Deployment 'api-web'`."""
    said = f"{what}: {refusal.message}"
    if refusal.status == 401:
        return Unavailable(
            f"{said}: the cluster does not take Ancla's credentials",
            code="cluster_unauthorized",
            hint="renew the token or certificate in the file that ANCLA_KUBECONFIG names",
        )
    if lacks_rights(refusal):
        return Unavailable(said, code="cluster_forbidden", hint="give Ancla's account in the cluster the role that the documentation lists")
    if NAMESPACE_ENDING in refusal.causes:
        return Unavailable(said, code="namespace_ending", hint="wait until the namespace is gone; it is then made anew")
    if refusal.status in _OF_THE_MANIFEST or _TOO_LARGE.search(refusal.message):
        return Rejected(said)
    return Unavailable(said, code="cluster_unavailable", hint="look at the cluster's API server; it is tried again")
