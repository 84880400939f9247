"""Deploys: numbered attempts to make one snapshot the running one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ancla_sdk.addresses import in_project, path_of
from ancla_sdk.decoding import decode, decode_list
from ancla_sdk.models import Accepted, Deploy, Log, PipelineStatus, Preview, Promotion
from ancla_sdk.transport import Transport


class Deploys:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, service: str) -> list[Deploy]:
        """The newest deploys, newest first."""
        return decode_list(Deploy, self._transport.get(f"{path_of(service, 'service')}/deploys"))

    def get(self, service: str, id: str) -> Deploy:
        """The deploy with this id, or with this unique beginning of one (8 characters or more)."""
        return decode(Deploy, self._transport.get(f"{path_of(service, 'service')}/deploys/{quote(id, safe='')}"))

    def log(self, service: str, id: str) -> Log:
        return decode(Log, self._transport.get(f"{path_of(service, 'service')}/deploys/{quote(id, safe='')}/log"))

    def create(self, service: str, *, ref: str = "", config_only: bool = False, version: int = 0) -> Accepted:
        """Deploys the service's branch, or `ref`; with `config_only` the image that runs with the variables of now; with `version`
        that earlier build."""
        wanted: dict[str, Any] = {"ref": ref, "config_only": config_only, "version": version}
        body = {name: value for name, value in wanted.items() if value}
        return decode(Accepted, self._transport.post(f"{path_of(service, 'service')}/deploy", body))

    def rollback(self, service: str, *, to: int = 0) -> Accepted:
        """Deploys the snapshot of deploy `to` again (0: of the last good one before the active one), and pins the service."""
        project, query = in_project(service)
        return decode(Accepted, self._transport.post(f"{project}/pipeline/rollback", {"version": to} if to else {}, **query))

    def status(self, service: str) -> PipelineStatus:
        project, query = in_project(service)
        return decode(PipelineStatus, self._transport.get(f"{project}/pipeline/status", **query))

    def preview(self, service: str, target_env: str, *, config: str = "") -> Preview:
        """What a promotion of the service to `target_env` would change."""
        project, query = in_project(service)
        found = self._transport.get(
            f"{project}/promote/preview", service=query["service"], source_env=query["env"], target_env=target_env, config=config
        )
        return decode(Preview, found)

    def promote(self, service: str, target_env: str, *, hash: str, config: str = "") -> Promotion:
        """Does what the preview with this hash showed. Raises ConflictError when that is outdated."""
        project, query = in_project(service)
        body = {"service": query["service"], "source_env": query["env"], "target_env": target_env, "hash": hash}
        if config:
            body["config"] = config
        return decode(Promotion, self._transport.post(f"{project}/promote", body))
