"""The vault port over a real Vault, cleared of what tests left there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chalicelib.adapters.vault import FindToken, HashicorpVault
from chalicelib.adapters.vault_session import VaultSession
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import snapshot_prefix
from chalicelib.settings import VaultSettings
from tests.contracts.engines_home import engine_settings


def vault_settings() -> VaultSettings:
    chosen = engine_settings().vault
    assert chosen is not None
    return chosen


def no_account(namespace: str, account: str, audience: str) -> Secret | None:
    """As it is before the first deploy."""
    return None


def opened_vault(settings: VaultSettings, find_token: FindToken = no_account) -> HashicorpVault:
    session = VaultSession(
        settings.address,
        ca=settings.ca,
        token_file=settings.token_file,
        role_id_file=settings.role_id_file,
        secret_id_file=settings.secret_id_file,
    )
    return HashicorpVault(session, find_token, mount=settings.mount, kubernetes_auth=settings.kubernetes_auth)


@contextmanager
def cleared_vault(paths: Sequence[str], service_ids: Sequence[str], find_token: FindToken = no_account) -> Iterator[HashicorpVault]:
    vault = opened_vault(vault_settings(), find_token)
    _clear(vault, paths, service_ids)
    yield vault
    _clear(vault, paths, service_ids)


def _clear(vault: HashicorpVault, paths: Sequence[str], service_ids: Sequence[str]) -> None:
    for path in (*paths, *map(snapshot_prefix, service_ids)):
        vault.purge(path)
    for service_id in service_ids:
        vault.disallow(service_id)
