"""The operator's part: a Vault that is new is initialised, one that is sealed is opened, with the one key kept in the home."""

from __future__ import annotations

import json

from engines import pki
from engines.errors import Trouble
from engines.kubernetes.network import HOST_IP
from engines.pki.https import Server
from engines.pki.secrets import ensure_secret
from engines.site import Site
from engines.vault.settings import PORT, files


def server(site: Site, token: str = "") -> Server:
    headers = {"X-Vault-Token": token} if token else {}
    return Server(name="vault", host=HOST_IP, port=PORT, ca=pki.authority(site).certificate, headers=headers)


def as_operator(site: Site) -> Server:
    return server(site, json.loads(files(site).keys.read_text())["root_token"])


def ensure_unsealed(site: Site) -> None:
    vault = server(site)
    if not vault.call("GET", "/v1/sys/init")["initialized"]:
        # One share: who can read this file can read the storage beside it as well.
        made = vault.call("PUT", "/v1/sys/init", {"secret_shares": 1, "secret_threshold": 1})
        ensure_secret(files(site).keys, json.dumps(made))
    if not vault.call("GET", "/v1/sys/seal-status")["sealed"]:
        return
    if not files(site).keys.is_file():
        raise Trouble(f"vault is sealed, and its key is not in {files(site).keys}", "make engines-down engines-up begins with a new one")
    vault.call("PUT", "/v1/sys/unseal", {"key": json.loads(files(site).keys.read_text())["keys_base64"][0]})
