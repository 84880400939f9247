"""The policies and tokens that Consul is to know. The tokens' values are made on this side, so that asking again changes nothing."""

from __future__ import annotations

from pathlib import Path

from engines import pki
from engines.consul.settings import AGENT, PORT, files
from engines.kubernetes.network import HOST_IP
from engines.pki.https import Server
from engines.pki.secrets import ensure_token
from engines.site import Site

RULES = Path(__file__).parents[1] / "cluster" / "consul"


def server(site: Site, token: str) -> Server:
    return Server(name="consul", host=HOST_IP, port=PORT, ca=pki.authority(site).certificate, headers={"X-Consul-Token": token})


def as_manager(site: Site) -> Server:
    return server(site, files(site).management_token.read_text())


def works(site: Site) -> bool:
    """Whether there is a leader, so that writes are taken, and the agent's own node is in the catalog."""
    if not files(site).management_token.is_file():
        return False
    manager = as_manager(site)
    try:
        leader = manager.ask("GET", "/v1/status/leader")
        node = manager.ask("GET", f"/v1/catalog/node/{AGENT}")
    except OSError:
        return False
    return leader.status == 200 and bool(leader.body) and node.status == 200 and node.body is not None


def ensure_set_up(site: Site) -> None:
    manager = as_manager(site)
    _ensure_policy(manager, "agent")
    _ensure_policy(manager, "ancla")
    _ensure_token(manager, "agent", files(site).agent_token.read_text())
    _ensure_token(manager, "ancla", ensure_token(files(site).ancla_token))


def _ensure_policy(manager: Server, name: str) -> None:
    wanted = {"Name": name, "Rules": (RULES / f"{name}.hcl").read_text()}
    found = manager.ask("GET", f"/v1/acl/policy/name/{name}")
    if found.status == 200:
        manager.call("PUT", f"/v1/acl/policy/{found.body['ID']}", wanted)
    else:
        manager.call("PUT", "/v1/acl/policy", wanted)


def _ensure_token(manager: Server, policy: str, secret: str) -> None:
    known = {token.get("SecretID") for token in manager.call("GET", "/v1/acl/tokens") or []}
    if secret not in known:
        manager.call("PUT", "/v1/acl/token", {"SecretID": secret, "Description": policy, "Policies": [{"Name": policy}]})
