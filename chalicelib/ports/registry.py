"""The private registry: which images there are, and who may pull them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.registry import Access, Holder
from chalicelib.domain.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PullGrant:
    """Credentials that pull from one repository and nothing else."""

    server: str
    username: str
    password: Secret
    expires: datetime


class Registry(Protocol):
    def has(self, repository: str, digest: str) -> bool:
        """Whether the image can be pulled."""

    def grant_pull(self, service_id: str, repository: str, *, now: datetime) -> PullGrant:
        """New credentials for this repository, good for weeks."""

    def remove_image(self, repository: str, digest: str, *, build: int) -> None:
        """Removes one image, unless a build with a higher number than `build` has pushed the same since: so who comes late with this
        call removes nothing new. Nothing there is no error."""

    def remove(self, repository: str) -> None:
        """Removes all images of the repository; nothing there is no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a password says: whom it was made for, and what it opens."""

    holder: Holder
    access: tuple[Access, ...]
    issued: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerToken:
    """What the registry itself takes: good for minutes, for exactly the access in it."""

    token: Secret
    issued: datetime
    seconds: int


class RegistryTokens(Protocol):
    """Signs what opens the registry: passwords that are good for weeks, and the tokens that they are traded for. It says what a
    password was made for; whether that still counts is for who trades it."""

    @property
    def service(self) -> str:
        """What the registry calls itself when it asks for a token."""

    @property
    def certificate(self) -> str:
        """The certificate of the signing key, in PEM."""

    def make_password(self, holder: Holder, access: Sequence[Access], *, now: datetime, good_for: timedelta) -> Secret: ...

    def claims_of(self, password: Secret, *, now: datetime) -> Claims | None:
        """What the password says; None when it is none of ours, or its time is over."""

    def make_token(self, subject: str, access: Sequence[Access], *, now: datetime, good_for: timedelta) -> BearerToken: ...
