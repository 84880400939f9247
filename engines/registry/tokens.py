"""Tokens that the registry takes, signed here for what the engines themselves do with it. Ancla signs its own."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from engines import pki
from engines.certificates import Pair
from engines.errors import Trouble
from engines.kubernetes.network import HOST_IP
from engines.pki.https import Server
from engines.registry.settings import ISSUER, PORT, SERVICE, signer
from engines.site import Site

LIFETIME = 300
SLACK = 10
COORDINATE = 32
"""Bytes of each of the two numbers that make an ES256 signature."""


def token_for(site: Site, repositories: Mapping[str, Sequence[str]]) -> str:
    """A token of minutes for these actions on these repositories."""
    return sign(render_claims(repositories, now=int(time.time()), nonce=uuid.uuid4().hex), signer(site))


def takes_tokens(site: Site) -> bool:
    """Whether the registry answers, and trusts what is signed here."""
    if not signer(site).certificate.is_file():
        return False
    try:
        return server(site, token_for(site, {})).answers("/v2/")
    except Trouble:
        return False


def server(site: Site, token: str = "") -> Server:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Server(name="registry", host=HOST_IP, port=PORT, ca=pki.authority(site).certificate, headers=headers)


def render_claims(repositories: Mapping[str, Sequence[str]], *, now: int, nonce: str) -> dict[str, object]:
    access = [{"type": "repository", "name": name, "actions": [*actions]} for name, actions in sorted(repositories.items())]
    times = {"iat": now, "nbf": now - SLACK, "exp": now + LIFETIME}
    return {"iss": ISSUER, "sub": "engines", "aud": SERVICE, "jti": nonce, "access": access, **times}


def sign(claims: Mapping[str, object], pair: Pair) -> str:
    """The claims as a JWT (ES256) that brings its signer's certificate along."""
    header = {"typ": "JWT", "alg": "ES256", "x5c": [certificate_body(pair.certificate.read_text())]}
    message = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    return f"{message}.{_encoded(raw_signature(_signature(message.encode(), pair.key)))}"


def certificate_body(pem: str) -> str:
    """The first certificate of a PEM text without its frame: base64 of DER."""
    _, _, rest = pem.partition("-----BEGIN CERTIFICATE-----")
    body, _, _ = rest.partition("-----END CERTIFICATE-----")
    return "".join(body.split())


def raw_signature(der: bytes) -> bytes:
    """openssl writes SEQUENCE { INTEGER r, INTEGER s }; a JWT wants both numbers at full length, one after the other."""
    first = 4
    r_end = first + der[first - 1]
    s_start = r_end + 2
    return _fixed(der[first:r_end]) + _fixed(der[s_start : s_start + der[s_start - 1]])


def _fixed(number: bytes) -> bytes:
    return number.lstrip(b"\0").rjust(COORDINATE, b"\0")


def _signature(message: bytes, key: Path) -> bytes:
    # Not commands.run: what goes in and comes out is bytes.
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(key)], input=message, capture_output=True, timeout=20, check=False)
    if done.returncode != 0:
        raise Trouble(f"openssl does not sign with {key}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
