"""Certificates for tests, made in a moment: a CA, and what it signs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chalicelib.adapters.registry_tokens import SignedTokens

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Pair:
    key: Path
    certificate: Path


class Authority:
    """A CA below `folder`; `certificate` is its own."""

    def __init__(self, folder: Path, name: str = "test-ca") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._own = self._signed(self._name, self._key, ca=True)
        self.certificate = folder / "ca.pem"
        self.certificate.write_bytes(self._own.public_bytes(Encoding.PEM))

    def issue(self, name: str, *, curve: ec.EllipticCurve | None = None) -> Pair:
        """A key with its certificate, good for a server on loopback."""
        key = ec.generate_private_key(curve or ec.SECP256R1())
        pair = Pair(self._folder / f"{name}.key", self._folder / f"{name}.pem")
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        pair.certificate.write_bytes(self._signed(_name(name), key, ca=False).public_bytes(Encoding.PEM))
        return pair

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - YEAR)
            .not_valid_after(now + YEAR)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        )
        return builder.sign(self._key, SHA256())


def signed_tokens(authority: Authority) -> SignedTokens:
    """What Ancla signs the registry's tokens with, the key being new."""
    signer = authority.issue("signer")
    return SignedTokens(issuer="ancla", service="registry", key=signer.key, certificate=signer.certificate)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
