"""Which client is calling."""

from __future__ import annotations

import pytest

from chalicelib.api.dialects import Dialect, choose


@pytest.mark.parametrize(
    ("prefix", "client", "user_agent", "dialect"),
    [
        ("", "", "", Dialect.CLI),
        ("", "", "Go-http-client/1.1", Dialect.CLI),
        ("", "", "python-httpx/0.27.0", Dialect.SDK),
        ("", "", "node", Dialect.SDK),
        ("", "", "node-fetch", Dialect.CLI),
        ("", "terraform", "Go-http-client/1.1", Dialect.TERRAFORM),
        ("", "go-sdk", "Go-http-client/1.1", Dialect.SDK),
        ("", "cli", "python-httpx/0.27.0", Dialect.CLI),
        ("", "something", "python-httpx/0.27.0", Dialect.SDK),
        ("terraform", "go-sdk", "node", Dialect.TERRAFORM),
        ("sdk", "cli", "", Dialect.SDK),
    ],
)
def test_prefix_beats_key_beats_user_agent(prefix: str, client: str, user_agent: str, dialect: Dialect) -> None:
    assert choose(prefix=prefix, client=client, user_agent=user_agent) is dialect
