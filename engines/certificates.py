"""Certificate authorities and certificates, made once by openssl; keys are readable by their owner alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.commands import run
from engines.files import ensure_text

DAYS = "3650"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, in PEM. Neither needs to be there yet."""

    folder: Path
    name: str

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.name}.key"


def ensure_authority(pair: Pair, common_name: str) -> None:
    """Makes a self-signed authority unless it is there."""
    if pair.certificate.is_file():
        return
    _make_key(pair)
    partial = pair.certificate.with_suffix(".partial")
    extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,digitalSignature,keyCertSign,cRLSign")
    added = [word for extension in extensions for word in ("-addext", extension)]
    run(["openssl", "req", "-x509", "-new", "-key", pair.key, "-subj", f"/CN={common_name}", "-days", DAYS, *added, "-out", partial])
    partial.rename(pair.certificate)


def ensure_server(pair: Pair, authority: Pair, common_name: str, names: Sequence[str], *, client: bool = False) -> None:
    """Makes a server's certificate unless it is there. `names` are like `DNS:localhost`, `IP:127.0.0.1`; with `client` the server
    may also show it to others."""
    usage = "serverAuth,clientAuth" if client else "serverAuth"
    _ensure_signed(pair, authority, f"/CN={common_name}", (f"extendedKeyUsage={usage}", f"subjectAltName={','.join(names)}"))


def ensure_client(pair: Pair, authority: Pair, common_name: str, organisation: str = "") -> None:
    """Makes a client's certificate unless it is there. Kubernetes reads the organisation as a group."""
    subject = (f"/O={organisation}" if organisation else "") + f"/CN={common_name}"
    _ensure_signed(pair, authority, subject, ("extendedKeyUsage=clientAuth",))


def _ensure_signed(pair: Pair, authority: Pair, subject: str, extensions: Sequence[str]) -> None:
    if pair.certificate.is_file():
        return
    _make_key(pair)
    request = run(["openssl", "req", "-new", "-key", pair.key, "-subj", subject])
    wanted, partial = pair.folder / f"{pair.name}.extensions", pair.certificate.with_suffix(".partial")
    wanted.write_text("\n".join(("keyUsage=critical,digitalSignature", *extensions)) + "\n")
    signer: list[str | Path] = ["-CA", authority.certificate, "-CAkey", authority.key, "-set_serial", f"0x{os.urandom(15).hex()}"]
    run(["openssl", "x509", "-req", *signer, "-days", DAYS, "-extfile", wanted, "-out", partial], stdin=request)
    wanted.unlink()
    partial.rename(pair.certificate)


def _make_key(pair: Pair) -> None:
    pair.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ensure_text(pair.key, run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"]), mode=0o600)
