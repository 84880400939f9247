"""Services: what runs, where its code comes from, and how many of each process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, Unpack

from ancla_sdk.addresses import path_of
from ancla_sdk.decoding import decode, decode_list
from ancla_sdk.models import Pin, Service
from ancla_sdk.transport import Transport


class ServiceSettings(TypedDict, total=False):
    """What can be set on a service; what is left out stays as it is."""

    repository: str
    """Any clone URL."""
    github_repository: str
    """`owner/name`, the short form of a repository on GitHub."""
    image: str
    """A ready image, by its reference, instead of a repository."""
    branch: str
    """What a deploy without a ref builds."""
    auto_deploy_branch: str
    """Pushes to this branch deploy by themselves."""
    build_strategy: str
    health_check_path: str
    deployment_timeout: int
    """Seconds until a roll-out must be healthy."""
    team: str


class Services:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, environment: str) -> list[Service]:
        return decode_list(Service, self._transport.get(f"{path_of(environment, 'environment')}/services"))

    def get(self, address: str) -> Service:
        return decode(Service, self._transport.get(path_of(address, "service")))

    def create(self, environment: str, *, name: str, platform: str = "wind", **settings: Unpack[ServiceSettings]) -> Service:
        body = {"name": name, "platform": platform, **settings}
        return decode(Service, self._transport.post(f"{path_of(environment, 'environment')}/services", body))

    def update(self, address: str, *, name: str | None = None, **settings: Unpack[ServiceSettings]) -> Service:
        """Changes what is named; a rename keeps the slug."""
        body = {**({} if name is None else {"name": name}), **settings}
        return decode(Service, self._transport.patch(path_of(address, "service"), body))

    def delete(self, address: str) -> None:
        """Takes the service down and frees its slug; the server goes on with it after the call."""
        self._transport.delete(path_of(address, "service"))

    def scale(self, address: str, counts: Mapping[str, int]) -> Service:
        """Sets how many of these process types run; the others keep their counts."""
        return decode(Service, self._transport.post(f"{path_of(address, 'service')}/scale", {"process_counts": dict(counts)}))

    def pin(self, address: str) -> Pin:
        """Holds automatic deploys back until it is unpinned."""
        return decode(Pin, self._transport.post(f"{path_of(address, 'service')}/pin"))

    def unpin(self, address: str) -> Pin:
        """Lets automatic deploys go on; the newest that was held back starts."""
        return decode(Pin, self._transport.post(f"{path_of(address, 'service')}/unpin"))
