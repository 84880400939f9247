"""The version, in one place for the code; `pyproject.toml` has it for the packaging (a test holds them together)."""

VERSION = "0.1.0"
