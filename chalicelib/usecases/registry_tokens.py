"""The registry's token endpoint: a password becomes a token of minutes, for exactly the access that is asked for and allowed.

A password is signed and good for weeks, and counts only while its holder does: that of a service until the service is torn down, that
of a build until the build has ended. So a node that drains a month later still pulls, and what was deleted opens nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.domain import keys
from chalicelib.domain.builds import BuildState
from chalicelib.domain.errors import Invalid, NotFound, Unauthorized
from chalicelib.domain.registry import Holder, granted, parse_scopes
from chalicelib.domain.secrets import Secret
from chalicelib.ports import Ports
from chalicelib.ports.registry import BearerToken, RegistryTokens
from chalicelib.ports.store import get_one

TOKEN_GOOD_FOR = timedelta(minutes=5)
MAX_PASSWORD = 8192
_UNDER_WAY = frozenset({BuildState.PENDING, BuildState.BUILDING})


def trade(ports: Ports, *, username: str, password: Secret, service: str, scopes: Sequence[str]) -> BearerToken:
    """The token for who has that password. Raises Unauthorized, without saying to strangers why."""
    tokens = _tokens(ports)
    now = ports.clock.now()
    claims = tokens.claims_of(password, now=now) if 0 < len(password) <= MAX_PASSWORD else None
    if claims is None or claims.holder.username != username:
        raise Unauthorized(
            "the registry's password is not one that counts",
            code="registry_password_invalid",
            hint="deploy the service again: its pods get a new password",
        )
    _check_holder(ports, claims.holder)
    if service and service != tokens.service:
        raise Invalid(
            f"there is no registry {service[:80]!r}", code="registry_unknown", hint=f"Ancla signs for the registry {tokens.service!r}"
        )
    return tokens.make_token(username, granted(parse_scopes(scopes), claims.access), now=now, good_for=TOKEN_GOOD_FOR)


def signing_certificate(ports: Ports) -> str:
    """The certificate, in PEM, that the registry can check tokens with; empty where it asks for none."""
    tokens = ports.registry_tokens
    return "" if tokens is None else tokens.certificate


def _tokens(ports: Ports) -> RegistryTokens:
    if ports.registry_tokens is None:
        raise NotFound(
            "this installation's registry asks for no tokens",
            code="registry_embedded",
            hint="set ANCLA_REGISTRY=registry to use a real one",
        )
    return ports.registry_tokens


def _check_holder(ports: Ports, holder: Holder) -> None:
    if holder.build:
        build = get_one(ports.store, keys.build(holder.service_id, holder.build))
        if build is None or build.state not in _UNDER_WAY:
            raise _revoked(f"build v{holder.build} is over")
        return
    lane = get_one(ports.store, keys.lane(holder.service_id))
    # A deploy that was under way when the deletion was asked for goes on to its end, and needs its image until then.
    if lane is None or (lane.closed and not lane.running):
        raise _revoked("the service is deleted")


def _revoked(why: str) -> Unauthorized:
    return Unauthorized(
        f"the registry's password does not count any more: {why}", code="registry_password_revoked", hint="nothing of it is to be pulled"
    )
