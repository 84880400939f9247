"""The Kubernetes cluster that services run in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from chalicelib.adapters.kubernetes.api import METADATA, Api
from chalicelib.adapters.kubernetes.metrics import has_metrics
from chalicelib.adapters.kubernetes.refusals import Refusal
from chalicelib.doctor.access import look_at_rights, not_let
from chalicelib.doctor.findings import Finding, Trouble, failed, ok, warning
from chalicelib.doctor.trials import Ended, Trial, run_trial
from chalicelib.domain.errors import AnclaError
from chalicelib.manifests.pods import INJECTOR_RESOURCES
from chalicelib.settings import BuildKitSettings, KubernetesSettings

OLDEST_MINOR = 31
NEWEST_MINOR = 34
"""The newest that Ancla was tried with."""
_MINOR = re.compile(r"v1\.(\d+)")
ENVCONSUL = "envconsul image"
METRICS = "metrics API"


def look_at_cluster(chosen: KubernetesSettings, builds: BuildKitSettings) -> Iterator[Finding]:
    api = login(chosen)
    yield _version(api)
    yield from look_at_rights(api, chosen.account)
    yield _ingress_class(api, chosen.ingress_class)
    yield _metrics(api)
    yield _pinned(chosen.envconsul_image)
    yield _copied(chosen, run_trial(api, _copying(chosen, builds.namespace)))


def login(chosen: KubernetesSettings) -> Api:
    try:
        return Api(chosen.kubeconfig, chosen.context)
    except AnclaError as error:
        raise Trouble("kubeconfig", error.message, error.hint) from error


def judge_version(version: str) -> Finding:
    found = _MINOR.match(version)
    minor = int(found[1]) if found else 0
    if minor < OLDEST_MINOR:
        return failed("version", f"{version} is too old", f"use Kubernetes 1.{OLDEST_MINOR} or newer")
    if minor > NEWEST_MINOR:
        return warning("version", f"{version} is newer than what Ancla was tried with", f"1.{OLDEST_MINOR} to 1.{NEWEST_MINOR} were tried")
    return ok("version", version)


def _version(api: Api) -> Finding:
    try:
        return judge_version(str(api.get("/version").get("gitVersion", "")))
    except Refusal as refusal:
        raise not_let(refusal, "the version of the API server") from refusal


def _ingress_class(api: Api, name: str) -> Finding:
    check, hint = "ingress class", "install an ingress controller, or let ANCLA_INGRESS_CLASS name the class of the one there is"
    try:
        found = api.find(f"/apis/networking.k8s.io/v1/ingressclasses/{quote(name, safe='')}", accept=METADATA)
    except Refusal as refusal:
        return warning(check, f"{name!r} cannot be looked for: {refusal.message}", "apply engines/cluster/ancla/roles.yaml anew")
    return ok(check, repr(name)) if found else failed(check, f"there is no IngressClass {name!r}", hint)


def _metrics(api: Api) -> Finding:
    """Deploys do without it: it is never more than a warning."""
    try:
        if has_metrics(api):
            return ok(METRICS, "there is one")
    except AnclaError as error:
        return warning(METRICS, error.message, error.hint)
    return warning(METRICS, "there is none: what pods use cannot be told", "install metrics-server; everything else works without it")


def _pinned(image: str) -> Finding:
    """An image that may be another one tomorrow is one that tomorrow's pods may not start with."""
    last = image.rpartition("/")[2]
    tag = last.partition(":")[2]
    if "@" in last or (tag and tag != "latest"):
        return ok(ENVCONSUL, image)
    return warning(ENVCONSUL, f"{image} names no version", "let ANCLA_ENVCONSUL_IMAGE name one, by tag or digest")


def _copying(chosen: KubernetesSettings, namespace: str) -> Trial:
    """What each pod of a service begins with."""
    return Trial(
        name="envconsul",
        namespace=namespace,
        image=chosen.envconsul_image,
        command=("cp", chosen.envconsul_binary, "/copied/envconsul"),
        resources=INJECTOR_RESOURCES,
        empty=("/copied",),
    )


def _copied(chosen: KubernetesSettings, ended: Ended) -> Finding:
    return ended.finding(
        "envconsul",
        f"a pod copied {chosen.envconsul_binary} from {chosen.envconsul_image}",
        f"let ANCLA_ENVCONSUL_IMAGE name an image that nodes can pull and that has `cp` and {chosen.envconsul_binary} "
        "(ANCLA_ENVCONSUL_BINARY)",
    )
