"""Vault: open, ours to log in to, with the two mounts and the rights that Ancla needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chalicelib.doctor.examinations import REACHED
from chalicelib.doctor.findings import Finding, Trouble, failed, ok
from chalicelib.doctor.http import Answer, Names, Server
from chalicelib.settings import VaultSettings

NAMES = Names(engine="Vault", address="ANCLA_VAULT_ADDRESS", ca="ANCLA_VAULT_CA")
POLICY = "engines/cluster/vault/ancla.hcl"
SOME = "ancla-doctor"
"""Stands for the name of any of Ancla's entries, policies and roles."""


def look_at_vault(chosen: VaultSettings) -> Iterator[Finding]:
    server = Server(NAMES, chosen.address, chosen.ca)
    yield judge_health(server.ask("GET", "/v1/sys/health?standbyok=true&perfstandbyok=true"), chosen.address)
    token = _log_in(server, chosen)
    headers = {"X-Vault-Token": token}
    try:
        yield _login(server, headers)
        yield _mount(server, headers, chosen.mount)
        yield _auth(server, headers, chosen.kubernetes_auth)
        yield _rights(server, headers, chosen)
    finally:
        if chosen.token_file is None:  # this login was made for the doctor alone
            server.ask("POST", "/v1/auth/token/revoke-self", headers=headers)


def judge_health(answer: Answer, address: str) -> Finding:
    said = answer.fields
    if said.get("sealed"):
        raise Trouble("seal", "the vault is sealed", "unseal it: `vault operator unseal`")
    if said.get("initialized") is False:
        raise Trouble("seal", "the vault is new and has no keys yet", "initialise it: `vault operator init`")
    if answer.status != 200 or "sealed" not in said:
        raise Trouble(REACHED, f"{address} answers {answer.status}, and not as Vault does", "check ANCLA_VAULT_ADDRESS")
    return ok(REACHED, f"Vault {said.get('version', '')} at {address}, unsealed")


def wanted_capabilities(chosen: VaultSettings) -> dict[str, frozenset[str]]:
    """What Ancla does, by path: exactly what its policy gives."""
    mount, auth = chosen.mount, chosen.kubernetes_auth
    every = frozenset({"create", "read", "update", "delete"})
    return {
        f"{mount}/data/{SOME}": frozenset({"create", "read", "update"}),
        f"{mount}/destroy/{SOME}": frozenset({"update"}),
        f"{mount}/metadata/{SOME}": every | {"list"},
        f"sys/policies/acl/{SOME}": every,
        f"auth/{auth}/role/{SOME}": every,
    }


def judge_capabilities(wanted: Mapping[str, frozenset[str]], given: Mapping[str, Any]) -> Finding:
    missing = [f"{', '.join(sorted(lack))} on {path}" for path, needed in wanted.items() if (lack := needed - _given(given.get(path)))]
    if missing:
        return failed(
            "rights", f"Ancla may not: {'; '.join(missing)}", f"write {POLICY} into Vault, with your mounts, and give it to Ancla"
        )
    return ok("rights", "all that Ancla does with entries, policies and roles")


def judge_mount(check: str, setting: str, path: str, wanted: str, answer: Answer) -> Finding:
    """`wanted`: the type of what has to be mounted there, such as `kv`."""
    hint = f"mount one there (docs/operations/cluster.md has the commands), or set {setting}"
    if answer.status != 200:
        return failed(check, f"nothing that Ancla can see is mounted at {path!r}", f"{hint}, and check the policy ({POLICY})")
    data = answer.fields.get("data") or {}
    if data.get("type") != wanted:
        return failed(check, f"what is mounted at {path!r} is {data.get('type')!r}, not {wanted!r}", hint)
    if wanted == "kv" and (data.get("options") or {}).get("version") != "2":
        return failed(check, f"the KV engine at {path!r} keeps no versions", f"`vault kv enable-versioning {path}`, or set {setting}")
    return ok(check, repr(path))


def _given(found: object) -> frozenset[str]:
    capabilities = frozenset(found) if isinstance(found, Sequence) and not isinstance(found, str) else frozenset()
    return capabilities | frozenset({"create", "read", "update", "delete", "list"}) if "root" in capabilities else capabilities


def _log_in(server: Server, chosen: VaultSettings) -> str:
    if chosen.token_file is not None:
        return _content(chosen.token_file)
    role_id, secret_id = (_content(path) for path in (chosen.role_id_file, chosen.secret_id_file) if path is not None)
    answer = server.ask("POST", "/v1/auth/approle/login", body={"role_id": role_id, "secret_id": secret_id})
    token = (answer.fields.get("auth") or {}).get("client_token")
    if not token:
        hint = "write the role's id and a secret id of it into the files of ANCLA_VAULT_ROLE_ID_FILE and ANCLA_VAULT_SECRET_ID_FILE"
        raise Trouble("login", f"Vault takes no login with this AppRole ({answer.words})", hint)
    return str(token)


def _login(server: Server, headers: Mapping[str, str]) -> Finding:
    answer = server.ask("GET", "/v1/auth/token/lookup-self", headers=headers)
    if answer.status != 200:
        raise Trouble(
            "login", f"Vault does not take Ancla's token ({answer.words})", "write a new one into the file of ANCLA_VAULT_TOKEN_FILE"
        )
    policies = (answer.fields.get("data") or {}).get("policies") or []
    return ok("login", f"with the policies {', '.join(policies)}")


def _mount(server: Server, headers: Mapping[str, str], mount: str) -> Finding:
    answer = server.ask("GET", f"/v1/sys/internal/ui/mounts/{mount}", headers=headers)
    return judge_mount("KV engine", "ANCLA_VAULT_MOUNT", mount, "kv", answer)


def _auth(server: Server, headers: Mapping[str, str], auth: str) -> Finding:
    answer = server.ask("GET", f"/v1/sys/internal/ui/mounts/auth/{auth}", headers=headers)
    return judge_mount("Kubernetes auth", "ANCLA_VAULT_AUTH", auth, "kubernetes", answer)


def _rights(server: Server, headers: Mapping[str, str], chosen: VaultSettings) -> Finding:
    wanted = wanted_capabilities(chosen)
    answer = server.ask("POST", "/v1/sys/capabilities-self", headers=headers, body={"paths": list(wanted)})
    return judge_capabilities(wanted, answer.fields.get("data") or {})


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble("login", f"{path} cannot be read as text", "check the file, and the setting that names it") from error
