"""Consul: the agent that services are registered with, and what Ancla's token may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chalicelib.adapters.consul import KEYS
from chalicelib.doctor.examinations import REACHED
from chalicelib.doctor.findings import Finding, Trouble, failed, ok, warning
from chalicelib.doctor.http import Answer, Names, Server
from chalicelib.settings import ConsulSettings

NAMES = Names(engine="Consul", address="ANCLA_CONSUL_ADDRESS", ca="ANCLA_CONSUL_CA")
POLICY = "engines/cluster/consul/ancla.hcl"
SOME = "ancla-doctor"
"""Stands for the name of any service."""
WANTED = (
    {"Resource": "service", "Access": "write", "Segment": SOME},
    {"Resource": "key", "Access": "write", "Segment": f"{KEYS}{SOME}"},
    {"Resource": "acl", "Access": "write"},
)
"""Register services, keep what counts of each, and make each its own token."""


def look_at_consul(chosen: ConsulSettings) -> Iterator[Finding]:
    server = Server(NAMES, chosen.address, chosen.ca)
    yield judge_leader(server.ask("GET", "/v1/status/leader"), chosen.address)
    if chosen.token_file is None:
        yield _without_token(server)
        return
    headers = {"X-Consul-Token": _content(chosen.token_file)}
    yield judge_token(server.ask("GET", "/v1/acl/token/self", headers=headers))
    yield judge_rights(server.ask("POST", "/v1/internal/acl/authorize", headers=headers, body=list(WANTED)))


def judge_leader(answer: Answer, address: str) -> Finding:
    """Anybody may ask; where there is no leader nothing can be written."""
    if answer.status != 200 or not isinstance(answer.json, str):
        raise Trouble(REACHED, f"{address} answers {answer.status}, and not as Consul does", "check ANCLA_CONSUL_ADDRESS")
    if not answer.json:
        raise Trouble(REACHED, "Consul has no leader", "look at its servers: more than half of them have to run")
    return ok(REACHED, f"Consul at {address}, with a leader")


def judge_token(answer: Answer) -> Finding:
    if answer.status == 401 and "disabled" in answer.words.lower():
        return warning("token", "Consul checks no tokens", "turn its ACLs on, or leave ANCLA_CONSUL_TOKEN_FILE out")
    if answer.status != 200:
        hint = "write the secret id of a token with Ancla's policy into the file of ANCLA_CONSUL_TOKEN_FILE"
        raise Trouble("token", f"Consul does not take Ancla's token ({answer.words})", hint)
    policies = [str(policy.get("Name")) for policy in answer.fields.get("Policies") or []]
    return ok("token", f"with the policies {', '.join(policies) or 'none'}")


def judge_rights(answer: Answer) -> Finding:
    verdicts = answer.json
    if answer.status != 200 or not isinstance(verdicts, list):
        return warning("rights", f"Consul does not say what the token may do ({answer.words})", f"compare its policy with {POLICY}")
    missing = [_named(one) for one in WANTED if not _allowed(one, verdicts)]
    if missing:
        return failed("rights", f"Ancla's token may not: {', '.join(missing)}", f"give it the policy {POLICY}")
    return ok("rights", "to register services, to keep its own keys, and to make tokens for services")


def _allowed(wanted: Mapping[str, str], verdicts: Sequence[Any]) -> bool:
    """Whether Consul says yes to exactly this."""
    return any(isinstance(one, dict) and one.get("Allow") is True and wanted.items() <= one.items() for one in verdicts)


def _without_token(server: Server) -> Finding:
    if server.ask("GET", f"/v1/kv/{KEYS}{SOME}").status == 403:
        return failed("token", "Consul lets nobody in without a token", "let ANCLA_CONSUL_TOKEN_FILE name the file with Ancla's")
    return ok("token", "none, and Consul asks for none")


def _named(wanted: Mapping[str, str]) -> str:
    return f"{wanted['Access']} {wanted['Resource']} {wanted.get('Segment', '')}".rstrip()


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble("token", f"{path} cannot be read as text", "check the file, and ANCLA_CONSUL_TOKEN_FILE") from error
