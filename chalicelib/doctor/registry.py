"""The registry: whether it asks for tokens that Ancla signs, takes ours and no others, and removes what it is told to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.registry import OciRegistry
from chalicelib.adapters.registry_tokens import SignedTokens
from chalicelib.doctor.examinations import REACHED
from chalicelib.doctor.findings import Finding, Trouble, failed, ok, warning
from chalicelib.doctor.http import Answer, Names, Server
from chalicelib.domain.errors import AnclaError
from chalicelib.domain.registry import Access, Holder
from chalicelib.domain.secrets import Secret
from chalicelib.ports.registry import BearerToken, Claims
from chalicelib.settings import RegistrySettings

NAMES = Names(engine="the registry", address="ANCLA_REGISTRY_ADDRESS", ca="ANCLA_REGISTRY_CA")
REALM = "/integrations/docker/auth"
NOTHING = "ancla-doctor/nothing"
"""A repository that nobody pushes to."""
NO_DIGEST = f"sha256:{'0' * 64}"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Registry(Protocol):
    def has(self, repository: str, digest: str) -> bool: ...
    def remove_image(self, repository: str, digest: str, *, build: int) -> None: ...


def look_at_registry(chosen: RegistrySettings) -> Iterator[Finding]:
    tokens = _signer(chosen)
    answer = Server(NAMES, f"https://{chosen.address}", chosen.ca).ask("GET", "/v2/")
    yield judge_challenge(answer, chosen)
    now = SystemClock().now
    yield own_token(OciRegistry(chosen.address, tokens, ca=chosen.ca, now=now))
    yield other_token(OciRegistry(chosen.address, ForOthers(tokens), ca=chosen.ca, now=now), "a token of ours for another repository")
    yield other_token(OciRegistry(chosen.address, Forged(tokens), ca=chosen.ca, now=now), "a token that nobody signed")
    yield removal(OciRegistry(chosen.address, tokens, ca=chosen.ca, now=now))


def judge_challenge(answer: Answer, chosen: RegistrySettings) -> Finding:
    """Whom the registry sends those who come without a token to."""
    if answer.status == 200:
        return failed("token auth", f"{chosen.address} lets everybody in without a token", "configure `auth.token` in the registry")
    kind, _, rest = answer.headers.get("WWW-Authenticate", "").partition(" ")
    said = dict(_CHALLENGE.findall(rest))
    if answer.status != 401 or kind.lower() != "bearer":
        seen = f"{chosen.address} answers {answer.status}, and asks for no token"
        raise Trouble(REACHED, seen, "check ANCLA_REGISTRY_ADDRESS, and `auth.token` in the registry's configuration")
    if said.get("service") != chosen.service:
        seen = f"the registry calls itself {said.get('service')!r}, our tokens are for {chosen.service!r}"
        return failed("token auth", seen, "set ANCLA_REGISTRY_SERVICE to what `auth.token.service` says")
    if not said.get("realm", "").endswith(REALM):
        seen = f"the registry sends clients to {said.get('realm')!r} for tokens"
        return warning("token auth", seen, f"let `auth.token.realm` be Ancla's own: https://…/api/v1{REALM}")
    return ok("token auth", f"{chosen.address} sends clients to {said['realm']}")


def own_token(registry: Registry) -> Finding:
    try:
        registry.has(NOTHING, NO_DIGEST)
    except AnclaError as error:
        return failed("own token", error.message, error.hint)
    return ok("own token", "a token that Ancla signed is taken")


def other_token(registry: Registry, what: str) -> Finding:
    hint = "the registry lets in whoever asks: let `auth.token.rootcertbundle` name the authority of ANCLA_REGISTRY_SIGNING_CERT alone"
    try:
        registry.has(NOTHING, NO_DIGEST)
    except AnclaError as error:
        is_refusal = error.code == "registry_denied"
        return ok("wrong token", f"{what} is refused") if is_refusal else failed("wrong token", error.message, error.hint)
    return failed("wrong token", f"{what} is taken", hint)


def removal(registry: Registry) -> Finding:
    """Asked for an image that is not there."""
    try:
        registry.remove_image(NOTHING, NO_DIGEST, build=0)
    except AnclaError as error:
        return failed("removal", error.message, error.hint)
    return ok("removal", "the registry removes images")


class ForOthers:
    """Signs for another repository than the one that is asked for."""

    def __init__(self, tokens: SignedTokens) -> None:
        self._tokens = tokens

    @property
    def service(self) -> str:
        return self._tokens.service

    @property
    def certificate(self) -> str:
        return self._tokens.certificate

    def make_password(self, holder: Holder, access: Sequence[Access], *, now: datetime, good_for: timedelta) -> Secret:
        return self._tokens.make_password(holder, access, now=now, good_for=good_for)

    def claims_of(self, password: Secret, *, now: datetime) -> Claims | None:
        return self._tokens.claims_of(password, now=now)

    def make_token(self, subject: str, access: Sequence[Access], *, now: datetime, good_for: timedelta) -> BearerToken:
        others = [Access(f"{one.name}-of-others", one.actions) for one in access]
        return self._tokens.make_token(subject, others, now=now, good_for=good_for)


class Forged(ForOthers):
    """Signs nothing: what a token says, with a signature that is none."""

    def make_token(self, subject: str, access: Sequence[Access], *, now: datetime, good_for: timedelta) -> BearerToken:
        return BearerToken(token=Secret("e30.e30.bm9ib2R5"), issued=now, seconds=int(good_for.total_seconds()))


def _signer(chosen: RegistrySettings) -> SignedTokens:
    try:
        return SignedTokens(issuer=chosen.issuer, service=chosen.service, key=chosen.signing_key, certificate=chosen.signing_certificate)
    except AnclaError as error:
        raise Trouble("signing key", error.message, error.hint) from error
