"""What opens the registry: passwords that are good for weeks, and the tokens of minutes that they are traded for.

    pull secret ── password (JWT for us) ──► token endpoint ── still good? ──► token (JWT for the registry) ──► registry

Both are signed with one key, whose certificate goes along in `x5c`, so the registry needs nothing but the CA. They differ in whom they
are for (`aud`): the registry takes no password for a token, and we take no token for a password.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.registry import Access, Holder
from chalicelib.domain.secrets import Secret
from chalicelib.ports.registry import BearerToken, Claims

ALGORITHM = "ES256"
SKEW = timedelta(seconds=60)
"""How far the clocks of several signers may be apart."""
_NEEDED = ["iss", "sub", "aud", "iat", "exp", "build", "access"]


class SignedTokens:
    """Implements the port RegistryTokens. Raises Unavailable (registry_key_unusable) where key and certificate cannot be used."""

    def __init__(self, *, issuer: str, service: str, key: Path, certificate: Path) -> None:
        self._issuer = issuer
        self._service = service
        self._password_audience = f"{service}/password"
        self._key = _read_key(key)
        self._certificate = _read(certificate)
        self._chain = _chain(certificate, self._certificate, self._key)

    @property
    def service(self) -> str:
        return self._service

    @property
    def certificate(self) -> str:
        return self._certificate.decode("ascii")

    def make_password(self, holder: Holder, access: Sequence[Access], *, now: datetime, good_for: timedelta) -> Secret:
        said = {"build": holder.build, "access": _written(access)}
        return Secret(self._signed(holder.service_id, self._password_audience, said, now, good_for))

    def claims_of(self, password: Secret, *, now: datetime) -> Claims | None:
        said = self._said_by(password)
        if said is None or not said["iat"] - SKEW.total_seconds() <= now.timestamp() < said["exp"]:
            return None
        holder = Holder(service_id=said["sub"], build=said["build"])
        return Claims(holder=holder, access=_parsed(said["access"]), issued=datetime.fromtimestamp(said["iat"], now.tzinfo))

    def make_token(self, subject: str, access: Sequence[Access], *, now: datetime, good_for: timedelta) -> BearerToken:
        token = self._signed(subject, self._service, {"access": _written(access)}, now, good_for)
        return BearerToken(token=Secret(token), issued=now.replace(microsecond=0), seconds=int(good_for.total_seconds()))

    def _signed(self, subject: str, audience: str, said: Mapping[str, Any], now: datetime, good_for: timedelta) -> str:
        issued = int(now.timestamp())
        standard = {"iss": self._issuer, "sub": subject, "aud": audience, "iat": issued, "nbf": issued}
        expires = issued + int(good_for.total_seconds())
        return jwt.encode({**standard, "exp": expires, **said}, self._key, ALGORITHM, {"x5c": self._chain})

    def _said_by(self, password: Secret) -> dict[str, Any] | None:
        """The claims of a password of ours; None for anything else. Its times are not looked at: time comes from the clock port."""
        try:
            return jwt.decode(
                password.reveal(),
                self._key.public_key(),
                [ALGORITHM],
                {"require": _NEEDED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
                audience=self._password_audience,
                issuer=self._issuer,
            )
        except jwt.InvalidTokenError:
            return None


def _written(access: Iterable[Access]) -> list[dict[str, Any]]:
    """As the registry's token specification has it."""
    return [{"type": one.type, "name": one.name, "actions": list(one.actions)} for one in access]


def _parsed(access: Iterable[Mapping[str, Any]]) -> tuple[Access, ...]:
    return tuple(Access(one["name"], tuple(one["actions"]), one["type"]) for one in access)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from error


def _read_key(path: Path) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(path, "it is no private key in PEM without a password") from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise _unusable(path, "it is no key on the curve P-256")
    return key


def _chain(path: Path, content: bytes, key: EllipticCurvePrivateKey) -> list[str]:
    """The certificates in `path`, the key's own first, as `x5c` wants them."""
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise _unusable(path, "it holds no certificate in PEM") from error
    if certificates[0].public_key() != key.public_key():
        raise _unusable(path, "its first certificate is that of another key")
    return [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode() for certificate in certificates]


def _unusable(path: Path, problem: str) -> Unavailable:
    return Unavailable(
        f"what signs the registry's tokens cannot be used: {path}: {problem}",
        code="registry_key_unusable",
        hint="check ANCLA_REGISTRY_SIGNING_KEY and ANCLA_REGISTRY_SIGNING_CERT",
    )
