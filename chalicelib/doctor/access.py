"""Asks the cluster what Ancla's account may do, and tries what it must not be able to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.adapters.kubernetes.api import Answer, Api
from chalicelib.adapters.kubernetes.kinds import collection
from chalicelib.adapters.kubernetes.refusals import Refusal, meaning
from chalicelib.doctor.examinations import REACHED
from chalicelib.doctor.findings import Finding, Trouble, failed, ok, warning
from chalicelib.doctor.rights import HANDING_OUT, NAMESPACES, RBAC, WORKSPACE, Right, not_given
from chalicelib.manifests.shared import POD_SECURITY, WORKSPACE_ROLE

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ROLE = f"/apis/{RBAC}/v1/clusterroles/{WORKSPACE_ROLE}"
ROLES_FILE = "engines/cluster/ancla/roles.yaml"
NOT_OURS = "not-anclas-doctor-tries"
"""A namespace that is made in a dry run alone."""


def look_at_rights(api: Api, account: str) -> Iterator[Finding]:
    """`account`: as the settings have it; empty where Ancla was given its rights in all namespaces at once."""
    wide = (*NAMESPACES, *(HANDING_OUT if account else WORKSPACE))
    yield check_rights(api, "rights in the cluster", wide, "", hint=f"apply {ROLES_FILE} anew")
    if account:
        yield _workspace_role(api)
        yield _wall(api)


def not_let(refusal: Refusal, what: str) -> Trouble:
    """The API server does not even let this be looked at."""
    error = meaning(refusal, what)
    return Trouble(REACHED, error.message, getattr(error, "hint", "") or f"apply {ROLES_FILE} anew")


def check_rights(api: Api, check: str, wanted: Sequence[Right], namespace: str, *, hint: str) -> Finding:
    missing = [right for right in wanted if not is_allowed(api, right, namespace)]
    where = f" in {namespace!r}" if namespace else ""
    if missing:
        return failed(check, f"Ancla's account may not{where}: {', '.join(map(str, missing))}", hint)
    return ok(check, f"all {len(wanted)} that Ancla uses{where}")


def is_allowed(api: Api, right: Right, namespace: str) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": right.attributes(namespace)},
    }
    return bool(api.create(REVIEWS, review).get("status", {}).get("allowed"))


def _workspace_role(api: Api) -> Finding:
    """Whether the role has all that Ancla does in a workspace. Before the first workspace there is none to ask about."""
    check, hint = "rights in workspaces", f"apply {ROLES_FILE} anew"
    try:
        role = api.find(ROLE)
    except Refusal as refusal:
        return warning(check, f"ClusterRole {WORKSPACE_ROLE!r} cannot be looked at: {refusal.message}", hint)
    if role is None:
        return failed(check, f"there is no ClusterRole {WORKSPACE_ROLE!r}", hint)
    return judge_role(role)


def judge_role(role: Mapping[str, Any]) -> Finding:
    missing = not_given(WORKSPACE, role.get("rules") or ())
    check = "rights in workspaces"
    if missing:
        return failed(check, f"ClusterRole {WORKSPACE_ROLE!r} lacks: {', '.join(map(str, missing))}", f"apply {ROLES_FILE} anew")
    return ok(check, f"ClusterRole {WORKSPACE_ROLE!r} has all {len(WORKSPACE)} that Ancla uses")


def _wall(api: Api) -> Finding:
    """Whether anything keeps the account from namespaces that are no workspaces: RBAC alone does not."""
    manifest: Answer = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NOT_OURS, "labels": dict(POD_SECURITY)}}
    try:
        api.create(collection("Namespace", ""), manifest, dryRun="All")
    except Refusal as refusal:
        if refusal.status in {403, 422} and "is no workspace" in refusal.message:
            return ok("admission policy", "keeps Ancla's account to the namespaces of workspaces")
        return warning("admission policy", f"cannot be tried: {refusal.message}", "see what is said of the rights")
    hint = "apply engines/cluster/ancla/admission.yaml (Kubernetes 1.30 or newer)"
    return warning("admission policy", "is not there: Ancla's account could make itself at home in any namespace", hint)
