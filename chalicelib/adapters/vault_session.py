"""Ancla's own login at Vault: with an AppRole or with a token, kept alive while it is used, and taken anew when it counts no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import hvac  # type: ignore[import-untyped]
import requests
from hvac.exceptions import Forbidden, InvalidRequest, VaultDown, VaultError  # type: ignore[import-untyped]

from chalicelib.domain.errors import Unavailable

T = TypeVar("T")
Understood = tuple[type[Exception], ...]

SECONDS = 5.0
"""For one request: a step has 12 for everything."""
NO_SUCH_MOUNT = "no handler for route"


class VaultSession:
    """`token_file`, or the two files of an AppRole. `ca` None: the system's certificates."""

    def __init__(
        self, address: str, *, ca: Path | None, token_file: Path | None, role_id_file: Path | None, secret_id_file: Path | None
    ) -> None:
        self._address = address
        self._token_file = token_file
        self._approle = (role_id_file, secret_id_file)
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy, and no password of ~/.netrc, between us and Vault
        self._http.verify = True if ca is None else str(ca)
        self._lock = threading.Lock()
        self._own: hvac.Client | None = None
        self._renew_at = float("inf")

    def ask(self, what: str, question: Callable[[hvac.Client], T], *, understood: Understood = ()) -> T:
        """The answer to `question` as Ancla. Raises Unavailable, which says `what` was asked and why it failed; a refusal of a kind that
        is `understood` is for the caller."""
        with self._reaching(what, understood):
            client = self._logged_in()
            try:
                return question(client)
            except Forbidden:
                if self._counts(client):
                    raise
            self._forget(client)
            return question(self._logged_in())

    def ask_as(self, token: str, what: str, question: Callable[[hvac.Client], T], *, understood: Understood = ()) -> T:
        """The same as somebody else; an empty token: as nobody."""
        with self._reaching(what, understood):
            return question(self._client(token))

    def _logged_in(self) -> hvac.Client:
        with self._lock:
            if self._own is None:
                self._own = self._log_in()
            elif time.monotonic() >= self._renew_at:
                self._renew(self._own)
            return self._own

    def _log_in(self) -> hvac.Client:
        if self._token_file is not None:
            client = self._client(_content(self._token_file))
            about = client.auth.token.lookup_self()["data"]
            self._renew_at = _half_of(about["ttl"]) if about["renewable"] else float("inf")
            return client
        role_id, secret_id = (_content(path) for path in self._approle if path is not None)
        answer = self._client("").auth.approle.login(role_id, secret_id, use_token=False)
        self._renew_at = _half_of(answer["auth"]["lease_duration"])
        return self._client(answer["auth"]["client_token"])

    def _renew(self, client: hvac.Client) -> None:
        """Where that fails, the token is used as long as it counts, and then there is a new login."""
        self._renew_at = float("inf")
        try:
            self._renew_at = _half_of(client.auth.token.renew_self()["auth"]["lease_duration"])
        except (Forbidden, InvalidRequest):
            self._own = self._log_in()

    def _counts(self, client: hvac.Client) -> bool:
        """Whether the token itself still counts, so that it was the request that was refused."""
        try:
            client.auth.token.lookup_self()
        except Forbidden:
            return False
        return True

    def _forget(self, client: hvac.Client) -> None:
        with self._lock:
            if self._own is client:
                self._own = None

    def _client(self, token: str) -> hvac.Client:
        # Vault has no answers that lead elsewhere but those of a standby, whose leader is to be named by its own address.
        return hvac.Client(url=self._address, token=token, session=self._http, timeout=SECONDS, allow_redirects=True)

    @contextmanager
    def _reaching(self, what: str, understood: Understood) -> Iterator[None]:
        """Vault's errors become ours, but for those that the caller understands."""
        try:
            yield
        except VaultError as error:
            if isinstance(error, understood) and NO_SUCH_MOUNT not in str(error):
                raise
            raise self._meaning(what, error) from error
        except requests.exceptions.SSLError as error:
            raise Unavailable(
                f"Vault at {self._address} shows a certificate that cannot be trusted",
                code="vault_untrusted",
                hint="set ANCLA_VAULT_CA to the file with its CA",
            ) from error
        except requests.exceptions.RequestException as error:
            raise self._unavailable(what, type(error).__name__) from error

    def _meaning(self, what: str, error: VaultError) -> Unavailable:
        said = (", ".join(error.errors or ()).strip() or type(error).__name__)[:200]
        if NO_SUCH_MOUNT in said:
            return Unavailable(
                f"Vault has nothing mounted where Ancla wants to {what}",
                code="vault_mount_missing",
                hint="check ANCLA_VAULT_MOUNT and ANCLA_VAULT_AUTH: a KV v2 engine and a Kubernetes auth method have to be there",
            )
        if isinstance(error, VaultDown) and "sealed" in said:
            return Unavailable("the vault is sealed", code="vault_sealed", hint="unseal it: what waits for it goes on by itself")
        if isinstance(error, Forbidden | InvalidRequest):
            return Unavailable(
                f"Vault does not let Ancla {what} ({said})",
                code="vault_denied",
                hint="check Ancla's login, and the policy that it gives (engines/cluster/vault/ancla.hcl)",
            )
        return self._unavailable(what, said)

    def _unavailable(self, what: str, why: str) -> Unavailable:
        return Unavailable(
            f"Vault at {self._address} could not {what} ({why})",
            code="vault_unavailable",
            hint="check that it runs, and ANCLA_VAULT_ADDRESS; it is tried again",
        )


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"Ancla's login for Vault cannot be read from {path}", code="vault_denied", hint="check the file, and the setting that names it"
        ) from error


def _half_of(seconds: float) -> float:
    """When a lease of so many seconds is to be renewed; one of 0 never ends."""
    return time.monotonic() + seconds / 2 if seconds else float("inf")
