"""The registry's token endpoint, as the clients of container registries ask it, and the certificate that its tokens are signed with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import parse_qs

import msgspec

from chalicelib.api.errors import UnsupportedMediaType
from chalicelib.api.routes import V1, Call, Reply, Route
from chalicelib.api.views import Moment, View
from chalicelib.domain.errors import Malformed, Unauthorized
from chalicelib.domain.policy import Action
from chalicelib.domain.secrets import Secret
from chalicelib.usecases import registry_tokens

FORM = "application/x-www-form-urlencoded"
MAX_FORM = 64 * 1024
MAX_FIELDS = 50


class TokenQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a client of the registry says of the token that it needs. Clients send more (`account`, `client_id`), which changes nothing."""

    service: str = ""
    scope: list[str] = []


class RegistryToken(View, frozen=True, kw_only=True):
    """A token of minutes for the registry. `token` and `access_token` are the same: of two generations of clients each reads one."""

    token: str
    access_token: str
    expires_in: int
    issued_at: Moment


class SigningCert(View, frozen=True, kw_only=True):
    """The certificate in PEM; empty where the registry asks for no tokens."""

    certificate: str = ""


def get_registry_token(call: Call) -> Reply:
    """The older way: name and password as HTTP basic authentication, the rest in the query."""
    query: TokenQuery = call.query
    username, password = _basic(call.headers.get("authorization", ""))
    return _traded(call, username, password, query.service, query.scope)


def post_registry_token(call: Call) -> Reply:
    """The newer way, of OAuth 2: all of it in a form."""
    kind = call.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != FORM:
        raise UnsupportedMediaType(f"the body is {kind[:80]!r}", hint=f"send it as {FORM}")
    form = _form(call.raw)
    if form.get("grant_type", "password") != "password":
        raise Malformed("no refresh tokens are given out", code="grant_type_unsupported", hint="send grant_type=password")
    username, password = form.get("username", ""), form.get("password", "")
    if not username or not password:
        _refuse("the registry's token needs a name and a password")
    return _traded(call, username, password, form.get("service", ""), [form.get("scope", "")])


def show_signing_cert(call: Call) -> Reply:
    return Reply(body=SigningCert(certificate=registry_tokens.signing_certificate(call.ports)))


def _traded(call: Call, username: str, password: str, service: str, scopes: Sequence[str]) -> Reply:
    bearer = registry_tokens.trade(call.ports, username=username, password=Secret(password), service=service, scopes=scopes)
    token = bearer.token.reveal()
    return Reply(body=RegistryToken(token=token, access_token=token, expires_in=bearer.seconds, issued_at=bearer.issued))


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        _refuse("the registry's token needs a name and a password")
    try:
        username, separator, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        _refuse("the header Authorization cannot be read")
    if not separator:
        _refuse("the header Authorization cannot be read")
    return username, password


def _refuse(problem: str) -> NoReturn:
    raise Unauthorized(problem, code="registry_login_missing", hint="send those of a service's pull secret")


def _form(raw: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(raw.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Malformed("the body is not a form", hint=f"send it as {FORM}") from error
    # Of a scope that is there several times all count, as in the query.
    return {name: " ".join(values) if name == "scope" else values[-1] for name, values in fields.items()}


PATH = f"{V1}/integrations/docker/auth"
ROUTES = (
    Route(
        "GET",
        PATH,
        Action.PUBLIC,
        get_registry_token,
        "Trade a registry password for a token",
        query=TokenQuery,
        returns=RegistryToken,
    ),
    Route(
        "POST",
        PATH,
        Action.PUBLIC,
        post_registry_token,
        "Trade a registry password for a token, by a form",
        raw_body=True,
        max_body=MAX_FORM,
        returns=RegistryToken,
    ),
    Route(
        "GET",
        f"{V1}/integrations/signing-cert",
        Action.PUBLIC,
        show_signing_cert,
        "Show the certificate that registry tokens are signed with",
        returns=SigningCert,
    ),
)
