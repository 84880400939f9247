"""Which manifests the embedded cluster takes: those that it can keep or run, in a namespace that is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.embedded.node.objects import Objects
from chalicelib.adapters.embedded.node.specs import Unrunnable, read_deployment, read_pod_spec
from chalicelib.ports.cluster import Rejected

_CLUSTER_WIDE = frozenset({"Namespace"})
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def check_manifest(manifest: Mapping[str, Any], objects: Objects) -> None:
    """Raises Rejected, naming the object and what is wrong with it."""
    problem = _problem(manifest, objects)
    if problem:
        metadata = manifest.get("metadata", {})
        raise Rejected(f"{manifest.get('kind', 'object')} {metadata.get('name', '')!r}: {problem}")


def _problem(manifest: Mapping[str, Any], objects: Objects) -> str:
    kind, metadata = manifest.get("kind"), manifest.get("metadata", {})
    if not isinstance(kind, str) or not manifest.get("apiVersion"):
        return "kind and apiVersion are needed"
    if not _NAME.fullmatch(str(metadata.get("name", ""))):
        return "metadata.name is not a DNS name in lower case"
    if kind in _CLUSTER_WIDE:
        return ""
    namespace = metadata.get("namespace", "")
    if objects.find("Namespace", "", namespace) is None:
        return f"the namespace {namespace!r} is not there"
    try:
        return _problem_of_kind(kind, manifest, objects)
    except Unrunnable as unrunnable:
        return str(unrunnable)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return f"a field is missing or of the wrong type: {error!r}"


def _problem_of_kind(kind: str, manifest: Mapping[str, Any], objects: Objects) -> str:
    if kind == "Pod":
        return "" if read_pod_spec(manifest["spec"]).once else "a bare pod needs restartPolicy Never"
    if kind == "Deployment":
        read_deployment(manifest)
        metadata = manifest["metadata"]
        present = objects.find("Deployment", metadata["namespace"], metadata["name"])
        if present is not None and present.manifest["spec"]["selector"] != manifest["spec"]["selector"]:
            return "spec.selector cannot be changed"
    if kind == "Ingress":
        for rule in manifest["spec"]["rules"]:
            rule["host"].lower()
            rule["http"]["paths"][0]["backend"]["service"]["name"].lower()
    if kind == "Service":
        dict(manifest["spec"]["selector"])
    return ""
