"""A service's account, role and secrets, made in the running engines as Ancla makes them, and envconsul run as its pod would."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.manifests import vault as names
from chalicelib.manifests.envconsul import config_text, render_envconsul
from chalicelib.manifests.surroundings import Injector
from engines import pki
from engines.kubernetes.client import apply, kubectl
from engines.kubernetes.network import HOST_IP
from engines.site import Site
from engines.vault.operator import as_operator
from engines.vault.settings import MOUNT, PORT

ACCOUNT = "app"
SNAPSHOT = "abc123"
WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Workload:
    """One service with its secrets in Vault."""

    site: Site
    namespace: str
    service_id: str
    folder: Path
    binary: Path

    def configuration(self, command: Sequence[str]) -> dict[str, Any]:
        """What Ancla renders, with the files that a pod would have somewhere else."""
        injector = Injector(vault_address=f"https://{HOST_IP}:{PORT}", vault_ca="as a file", vault_mount=MOUNT)
        rendered = render_envconsul(service_id=self.service_id, snapshot_hash=SNAPSHOT, command=command, injector=injector)
        rendered["vault"]["ssl"] = {"ca_cert": str(pki.authority(self.site).certificate)}
        rendered["vault"]["k8s_service_account_token_path"] = str(self.token())
        return rendered

    def token(self, audience: str = names.AUDIENCE) -> Path:
        """A token of the account, as the kubelet would put it into the pod."""
        path = self.folder / f"token-{audience}"
        path.write_text(kubectl(self.site, "create", "token", ACCOUNT, f"--namespace={self.namespace}", f"--audience={audience}"))
        return path

    def start(self, configuration: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        path = self.folder / f"{uuid.uuid4()}.json"
        path.write_text(config_text(dict(configuration)))
        return subprocess.Popen(
            [self.binary, f"-config={path}"],
            # A login of the user at home would be taken before the one of the configuration.
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        """Runs a command that ends by itself."""
        return finished(self.start(self.configuration(command), environment))

    def shorten_token(self, seconds: int) -> None:
        """Lets tokens of the service's role die that soon after their last renewal."""
        role = names.render_role(self.service_id, self.namespace, ACCOUNT) | {"token_period": seconds}
        as_operator(self.site).call("POST", f"/v1/auth/kubernetes/role/{names.role_name(self.service_id)}", role)

    def living_tokens(self) -> list[str]:
        """The accessors of the tokens that the service's role gave out, and that are still good."""
        vault = as_operator(self.site)
        accessors = vault.call("LIST", "/v1/auth/token/accessors")["data"]["keys"]
        looked_up = {accessor: vault.ask("POST", "/v1/auth/token/lookup-accessor", {"accessor": accessor}) for accessor in accessors}
        role = names.role_name(self.service_id)
        return [
            accessor
            for accessor, answer in looked_up.items()
            if answer.status == 200 and (answer.body["data"]["meta"] or {}).get("role") == role
        ]


@contextmanager
def killed(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Ends the process the hard way, however the block ends."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def listening(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """The process, once what runs in it has said that it listens."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if line != b"listening\n":
        process.kill()
        raise AssertionError(f"it did not start: {process.communicate()[1].decode()}")
    return process


def finished(process: subprocess.Popen[bytes]) -> subprocess.CompletedProcess[bytes]:
    """What came out of a process that is about to end; one that does not is killed, and that is a failure."""
    try:
        output, errors = process.communicate(timeout=WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        raise AssertionError(f"envconsul was still running after {WITHIN:.0f} s: {errors.decode()}") from None
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def make_account(site: Site, namespace: str) -> None:
    manifests = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace}},
    ]
    apply(site, json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))


def remove_account(site: Site, namespace: str) -> None:
    kubectl(site, "delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def put_secrets(site: Site, namespace: str, service_id: str, values: Mapping[str, str]) -> None:
    """Entry, policy and role, as Ancla writes them."""
    vault = as_operator(site)
    path = names.snapshot_path(service_id, SNAPSHOT)
    role = names.role_name(service_id)
    vault.call("POST", f"/v1/{MOUNT}/data/{path}", {"data": dict(values), "options": {"cas": 0}})
    policy = names.render_policy(names.snapshot_prefix(service_id), mount=MOUNT)
    vault.call("PUT", f"/v1/sys/policies/acl/{role}", {"policy": policy})
    vault.call("POST", f"/v1/auth/kubernetes/role/{role}", names.render_role(service_id, namespace, ACCOUNT))


def remove_secrets(site: Site, service_id: str) -> None:
    vault = as_operator(site)
    role = names.role_name(service_id)
    vault.call("DELETE", f"/v1/{MOUNT}/metadata/{names.snapshot_path(service_id, SNAPSHOT)}")
    vault.call("DELETE", f"/v1/sys/policies/acl/{role}")
    vault.call("DELETE", f"/v1/auth/kubernetes/role/{role}")
