"""The real engines for the contract suites, where they run: `$ANCLA_ENGINES_HOME/environment` says how each is reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from chalicelib.settings import Settings, read_settings

LEFT_OUT = "the real engines are not up: start them with 'make engines-up', and set ANCLA_ENGINES_HOME"


def engine_environment() -> Mapping[str, str]:
    """What the file says; the test is left out, with the reason, where there is none."""
    home = os.environ.get("ANCLA_ENGINES_HOME", "")
    file = Path(home) / "environment"
    if not home or not file.is_file():
        pytest.skip(LEFT_OUT)
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def engine_settings() -> Settings:
    return read_settings({"ANCLA_PROFILE": "engines", **engine_environment()})
