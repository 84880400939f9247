"""Push webhooks as GitHub sends them: signed, with an id of their own."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass

import httpx

PATH = "/api/v1/integrations/github/hooks"


@dataclass(frozen=True)
class Delivery:
    headers: dict[str, str]
    body: bytes


def push_delivery(*, repository: str, branch: str, before: str, after: str, secret: str) -> Delivery:
    """The delivery of a push to `branch` of the repository that is cloned at `repository`."""
    payload = {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "deleted": False,
        "repository": {"name": "hello-web", "full_name": "acme/hello-web", "clone_url": repository},
        "pusher": {"name": "demo"},
    }
    body = json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return Delivery(headers, body)


def deliver(server: str, delivery: Delivery) -> int:
    """Sends it, and returns the status of the answer."""
    return httpx.post(f"{server}{PATH}", content=delivery.body, headers=delivery.headers, timeout=15).status_code
