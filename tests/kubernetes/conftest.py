"""Certificates that nobody else signed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def _made(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "tls.crt", folder / "tls.key"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*request, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=30)
    return certificate, key


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return _made(tmp_path_factory.mktemp("self-signed"))


@pytest.fixture(scope="session")
def another(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return _made(tmp_path_factory.mktemp("another"))
