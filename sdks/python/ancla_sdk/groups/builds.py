"""Builds: image v1, v2, … of a service."""

from __future__ import annotations

from ancla_sdk.addresses import path_of
from ancla_sdk.decoding import decode, decode_list
from ancla_sdk.models import Accepted, Build, Log
from ancla_sdk.transport import Transport


class Builds:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, service: str) -> list[Build]:
        """The newest builds, newest first."""
        return decode_list(Build, self._transport.get(f"{path_of(service, 'service')}/builds"))

    def get(self, service: str, version: int) -> Build:
        return decode(Build, self._transport.get(f"{path_of(service, 'service')}/builds/{version}"))

    def log(self, service: str, version: int) -> Log:
        return decode(Log, self._transport.get(f"{path_of(service, 'service')}/builds/{version}/log"))

    def create(self, service: str) -> Accepted:
        """Builds the service's branch without deploying it."""
        return decode(Accepted, self._transport.post(f"{path_of(service, 'service')}/builds/trigger"))
