"""Secrets in HashiCorp Vault: KV v2 for the entries, a policy and a Kubernetes auth role for each service that reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hvac  # type: ignore[import-untyped]
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest  # type: ignore[import-untyped]

from chalicelib.adapters.vault_session import NO_SUCH_MOUNT, VaultSession
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import AUDIENCE, render_policy, render_role, role_name
from chalicelib.ports.vault import VaultConflict, Workload

FindToken = Callable[[str, str, str], Secret | None]
"""Namespace, account, audience: a token of that account as its pods get one; None while there is no such account."""

KEPT_VERSIONS = 4096
"""Of an entry. Which version counts is known to the records alone, and it may be hundreds of writes old: Vault's own 10 would drop
values that are used. What counts no more is destroyed by whoever knows that."""
_CAS_FAILED = "check-and-set"


class HashicorpVault:
    """Implements the vault port. Entries lie in the KV v2 engine `mount`; pods log in at `auth/{kubernetes_auth}`."""

    def __init__(self, session: VaultSession, find_token: FindToken, *, mount: str, kubernetes_auth: str) -> None:
        self._session = session
        self._find_token = find_token
        self._mount = mount
        self._auth = kubernetes_auth

    def read(self, path: str, *, version: int = 0) -> Mapping[str, Secret] | None:
        def ask(client: hvac.Client) -> dict[str, Any]:
            answer = client.secrets.kv.v2.read_secret_version(path, version or None, self._mount, raise_on_deleted_version=True)
            return dict(answer["data"])

        found = self._found(f"read {path!r}", ask)
        return None if found is None else {name: Secret(value) for name, value in found["data"].items()}

    def newest_version(self, path: str) -> int:
        found = self._found(f"look at {path!r}", lambda client: client.secrets.kv.v2.read_secret_metadata(path, self._mount)["data"])
        return 0 if found is None else int(found["current_version"])

    def write(self, path: str, values: Mapping[str, Secret], *, cas: int) -> int:
        opened = {name: secret.reveal() for name, secret in values.items()}

        def ask(client: hvac.Client) -> int | None:
            if cas == 0:
                client.secrets.kv.v2.update_metadata(path, max_versions=KEPT_VERSIONS, mount_point=self._mount)
            try:
                answer = client.secrets.kv.v2.create_or_update_secret(path, opened, cas, self._mount)
            except InvalidRequest as error:
                if _CAS_FAILED in str(error):
                    return None
                raise
            return int(answer["data"]["version"])

        written = self._session.ask(f"write {path!r}", ask)
        if written is None:
            raise VaultConflict(f"{path!r} is not at version {cas}")
        return written

    def allow(self, workload: Workload, path_prefix: str) -> None:
        name = role_name(workload.service_id)
        policy = render_policy(_folder(path_prefix), mount=self._mount)
        role = render_role(workload.service_id, workload.namespace, workload.account)

        def ask(client: hvac.Client) -> None:
            client.sys.create_or_update_acl_policy(name, policy)
            client.write_data(self._role(name), data=role)

        self._session.ask(f"let {name!r} read", ask)

    def readable(self, workload: Workload, path: str) -> bool:
        """As the workload itself, with a token of its account. Before the first deploy there is no such account yet: then role, policy
        and entry are compared with what they have to be."""
        token = self._find_token(workload.namespace, workload.account, AUDIENCE)
        return self._would_read(workload, path) if token is None else self._reads(workload, token, path)

    def destroy(self, path: str, version: int) -> None:
        self._session.ask(
            f"destroy a version of {path!r}", lambda client: client.secrets.kv.v2.destroy_secret_versions(path, [version], self._mount)
        )

    def purge(self, path_prefix: str) -> None:
        folder = _folder(path_prefix)

        def ask(client: hvac.Client) -> None:
            for path in [*_below(client, folder, self._mount), folder]:
                client.secrets.kv.v2.delete_metadata_and_all_versions(path, self._mount)

        self._session.ask(f"remove all below {folder!r}", ask)

    def disallow(self, service_id: str) -> None:
        name = role_name(service_id)

        def ask(client: hvac.Client) -> None:
            client.delete(self._role(name))
            client.sys.delete_acl_policy(name)

        self._session.ask(f"take {name!r} away", ask)

    def _found(self, what: str, ask: Callable[[hvac.Client], dict[str, Any]]) -> dict[str, Any] | None:
        """What is there; None when nothing is."""
        try:
            return self._session.ask(what, ask, understood=(InvalidPath,))
        except InvalidPath:
            return None

    def _reads(self, workload: Workload, token: Secret, path: str) -> bool:
        """Logs in as a pod of the workload does, reads, and gives the login back."""
        name = role_name(workload.service_id)

        def log_in(client: hvac.Client) -> str:
            answer = client.auth.kubernetes.login(name, token.reveal(), use_token=False, mount_point=self._auth)
            return str(answer["auth"]["client_token"])

        def read(client: hvac.Client) -> None:
            try:
                client.secrets.kv.v2.read_secret_version(path, mount_point=self._mount, raise_on_deleted_version=True)
            finally:
                client.auth.token.revoke_self()

        try:
            login = self._session.ask_as("", f"log in as {name!r}", log_in, understood=(Forbidden, InvalidRequest))
            self._session.ask_as(login, f"read {path!r} as {name!r}", read, understood=(Forbidden, InvalidPath))
        except (Forbidden, InvalidRequest, InvalidPath):
            return False
        return True

    def _would_read(self, workload: Workload, path: str) -> bool:
        name = role_name(workload.service_id)
        role = self._found(f"look at the role {name!r}", lambda client: client.auth.kubernetes.read_role(name, self._auth))
        policy = self._found(f"look at the policy {name!r}", lambda client: client.sys.read_acl_policy(name)["data"])
        wanted = render_role(workload.service_id, workload.namespace, workload.account)
        if role is None or policy is None or any(role.get(field) != value for field, value in wanted.items()):
            return False
        return (
            policy["policy"] in {render_policy(folder, mount=self._mount) for folder in _folders_of(path)} and self.read(path) is not None
        )

    def _role(self, name: str) -> str:
        return f"auth/{self._auth}/role/{name}"


def _below(client: hvac.Client, folder: str, mount: str) -> Iterator[str]:
    """The paths of all entries below the folder."""
    try:
        names = client.secrets.kv.v2.list_secrets(folder, mount)["data"]["keys"]
    except InvalidPath as error:
        if NO_SUCH_MOUNT in str(error):
            raise
        return
    for name in names:
        path = f"{folder}/{name}"
        if name.endswith("/"):
            yield from _below(client, path.rstrip("/"), mount)
        else:
            yield path


def _folder(prefix: str) -> str:
    """The prefix without a closing slash. Raises ValueError for one that would mean everything."""
    folder = prefix.rstrip("/")
    if not folder:
        raise ValueError("an empty prefix means the whole vault")
    return folder


def _folders_of(path: str) -> Iterator[str]:
    """The folders that the path lies in, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
