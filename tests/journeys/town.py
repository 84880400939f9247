"""A small Ancla with something to lose, for requests that must not be taken; and what every refusal has in common."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from chalicelib.settings import read_settings
from chalicelib.usecases.people import create_user
from chalicelib.wiring import make_ports
from tests.demo.deliveries import PATH
from tests.journeys.harness import WEBHOOK_SECRET, Ancla
from tests.journeys.repository import Repository

WORKSPACE = "/workspaces/acme"
PROJECT = f"{WORKSPACE}/projects/shop"
SERVICES = f"{PROJECT}/envs/staging/services"
SERVICE = f"{SERVICES}/web"
CONFIG = f"{SERVICE}/config"
ERROR_FIELDS = {"status", "status_code", "message", "detail", "code", "hint", "request_id", "extra"}


@dataclass(frozen=True)
class Town:
    """One service that runs, its owner the admin, and a stranger with a key and a workspace of the stranger's own."""

    ancla: Ancla
    repository: Repository
    stranger: str

    def census(self) -> Any:
        """All that a bad request could have made or changed."""
        ancla = self.ancla
        services = ancla.api("GET", SERVICES)
        return {
            "workspaces": [entry["slug"] for entry in ancla.api("GET", "/workspaces")],
            "members": ancla.api("GET", f"{WORKSPACE}/members"),
            "projects": ancla.api("GET", f"{WORKSPACE}/projects"),
            "services": services,
            "runs": [run["run"] for run in self.runs()],
            "variables": [(entry["name"], entry["value"], entry["owner"]) for entry in ancla.api("GET", CONFIG)],
            "keys": ancla.api("GET", "/keys"),
        }

    def runs(self) -> list[dict[str, Any]]:
        history: list[dict[str, Any]] = self.ancla.api("GET", f"{PROJECT}/pipeline/history?service=web&env=staging&limit=100")
        return history

    def raw(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str | bytes] | None = None) -> httpx.Response:
        """A request with a body that need not be JSON."""
        known: dict[str, str | bytes] = {"X-API-Key": self.ancla.key, "Content-Type": "application/json"}
        wanted = {**known, **(headers or {})}.items()
        sent = {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in wanted}
        return httpx.request(method, f"{self.ancla.url}{path}", content=body, headers=sent, timeout=20, trust_env=False)

    def hook(self, body: bytes, headers: Mapping[str, str | bytes] | None = None) -> httpx.Response:
        """A delivery, signed well unless `headers` say otherwise."""
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        sent: dict[str, str | bytes] = {
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        return self.raw("POST", PATH, body, {**sent, **(headers or {})})

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What is asked for inside leaves no trace, and a good request right after it works."""
        before = self.census()
        yield
        assert self.census() == before
        assert self.ancla.api("POST", CONFIG, {"name": "GOOD", "value": "1"})["value"] == "1"


@contextmanager
def made_town(folder: Path) -> Iterator[Town]:
    ancla = Ancla(folder)
    stranger = _user(ancla.home, "stranger")
    with ancla:
        repository = Repository(folder / "repository")
        repository.commit_version("1")
        path = ancla.make_service("acme/shop/staging/web", repository)
        ancla.api("POST", CONFIG, {"name": "GOOD", "value": "1"})
        assert ancla.ended(path, ancla.deploy(path))["outcome"] == "succeeded"
        assert ancla.ask("POST", "/workspaces", {"name": "elsewhere"}, key=stranger).status_code == 201
        yield Town(ancla, repository, stranger)


def check_refused(answer: httpx.Response, status: int, code: str, field: str = "") -> dict[str, Any]:
    """The one error shape, with this status and code, a hint, and the field that is wrong."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told.get("code")) == (status, code), answer.text[:500]
    assert set(told) == ERROR_FIELDS
    assert (told["status"], told["status_code"], told["detail"]) == (status, status, told["message"])
    assert told["hint"]
    assert len(told["message"]) < 400
    assert field in told["extra"] or not field
    return told


def _user(home: Path, username: str) -> str:
    """The key of a new user: people are made by whoever runs the installation, and not over the API."""
    return create_user(make_ports(read_settings({"ANCLA_HOME": str(home)})), username).key
