"""BuildKit, and the namespace in which jobs ask it for builds. Nothing outside of the cluster reaches it: a job has to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.adapters.kubernetes.api import METADATA, Api
from chalicelib.adapters.kubernetes.kinds import place
from chalicelib.adapters.kubernetes.refusals import Refusal
from chalicelib.doctor.access import check_rights, not_let
from chalicelib.doctor.cluster import login
from chalicelib.doctor.findings import Finding, Trouble, failed, ok
from chalicelib.doctor.rights import BUILDS
from chalicelib.doctor.trials import Trial, run_trial
from chalicelib.manifests.buildkit import RESOURCES, TLS_DIRECTORY
from chalicelib.settings import BuildKitSettings, KubernetesSettings

FOLDER = "engines/cluster/builds"
PATIENCE = 3
"""Seconds that BuildKit has for an answer."""
KEYS = ("ca.pem", "cert.pem", "key.pem")


def look_at_buildkit(chosen: BuildKitSettings, cluster: KubernetesSettings) -> Iterator[Finding]:
    api = login(cluster)
    yield _namespace(api, chosen.namespace)
    yield check_rights(api, "rights", BUILDS, chosen.namespace, hint=f"apply {FOLDER}/role.yaml anew")
    yield _client_secret(api, chosen)
    ended = run_trial(api, _asking(chosen))
    yield ended.finding(
        "BuildKit",
        f"a job reached it at {chosen.address}",
        f"look at BuildKit's pod and log, at ANCLA_BUILDKIT_ADDRESS, at the network policies of both namespaces, and at the authorities "
        f"of the certificates in {chosen.tls_secret!r} and of BuildKit's own",
    )


def judge_secret(name: str, data: Mapping[str, Any]) -> Finding:
    missing = [key for key in KEYS if not data.get(key)]
    if missing:
        return failed("client Secret", f"{name!r} lacks {', '.join(missing)}", "make it anew: docs/operations/cluster.md has the command")
    return ok("client Secret", f"{name!r} has {', '.join(KEYS)}")


def _namespace(api: Api, name: str) -> Finding:
    try:
        found = api.find(place("Namespace", "", name), accept=METADATA)
    except Refusal as refusal:
        raise not_let(refusal, f"Namespace {name!r}") from refusal
    if found is None:
        raise Trouble("namespace", f"there is no Namespace {name!r}", f"apply {FOLDER}, or set ANCLA_BUILDKIT_NAMESPACE")
    return ok("namespace", repr(name))


def _client_secret(api: Api, chosen: BuildKitSettings) -> Finding:
    """Which keys it has; what is in them is neither looked at nor shown."""
    try:
        found = api.find(place("Secret", chosen.namespace, chosen.tls_secret))
    except Refusal as refusal:
        raise Trouble("client Secret", refusal.message, f"apply {FOLDER}/role.yaml anew") from refusal
    if found is None:
        hint = "make it (docs/operations/cluster.md has the command), or set ANCLA_BUILDKIT_TLS_SECRET"
        raise Trouble("client Secret", f"there is no Secret {chosen.tls_secret!r} in {chosen.namespace!r}", hint)
    return judge_secret(chosen.tls_secret, found.get("data") or {})


def _asking(chosen: BuildKitSettings) -> Trial:
    files = (f"--tlscacert={TLS_DIRECTORY}/ca.pem", f"--tlscert={TLS_DIRECTORY}/cert.pem", f"--tlskey={TLS_DIRECTORY}/key.pem")
    asked = ("buildctl", f"--addr={chosen.address}", *files)
    return Trial(
        name="buildkit",
        namespace=chosen.namespace,
        image=chosen.image,
        command=(*asked, "debug", "workers"),
        patient=(*asked, "--wait", f"--timeout={PATIENCE}", "debug", "workers"),
        resources=RESOURCES,
        secrets={TLS_DIRECTORY: chosen.tls_secret},
    )
