"""Whole sets of manifests: as reviewed, and valid for the four newest Kubernetes minors that the schemas cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
from kubernetes_validate.utils import all_versions, major_minor  # type: ignore[import-untyped]

from chalicelib.domain.addresses import Address
from chalicelib.domain.fences import Phase
from chalicelib.domain.hierarchy import Source
from chalicelib.domain.secrets import Secret
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests.buildkit import BuildYard, render_build_job, render_build_secret
from chalicelib.manifests.kubernetes import (
    render_anchor,
    render_identity,
    render_release_config,
    render_release_pod,
    render_set,
    render_shared,
    with_counts,
)
from chalicelib.ports.builder import BuildJob
from tests.manifests.golden import assert_golden
from tests.manifests.samples import AWKWARD, SERVICE_ID, SHOP, full_snapshot, make_grant, make_snapshot, make_workspace

Manifests = Sequence[Mapping[str, Any]]
NEWEST = list(dict.fromkeys(major_minor(version) for version in all_versions()))[-4:]


def rendered(address: Address, snapshot: Snapshot, *, tls: bool = False) -> Manifests:
    return render_set(address, SERVICE_ID, snapshot, snapshot_hash="5a" * 32, apps_domain="apps.test", tls=tls)


def full_case() -> Manifests:
    snapshot = full_snapshot()
    return [
        render_anchor(SHOP, SERVICE_ID, 4, Phase.ROLL_OUT),
        *render_identity(SHOP, SERVICE_ID, make_grant()),
        *render_release_config(SHOP, SERVICE_ID, snapshot, snapshot_hash="5a" * 32),
        render_release_pod(SHOP, SERVICE_ID, snapshot, snapshot_hash="5a" * 32, turn=4),
        *with_counts(rendered(SHOP, snapshot, tls=True), {"web": 3}),
    ]


def build_case() -> Manifests:
    job = BuildJob(
        id="b01dface-0000-4000-8000-000000000001",
        service_id=SERVICE_ID,
        number=12,
        source=Source(location="https://git.test/acme/shop"),
        commit="4f2d" * 10,
        repository="acme/shop/production/api",
        cache="acme/shop",
        dockerfile="Dockerfile.ancla",
        arguments={"VERSION": "1.2", "PRICE": "$(5)"},
        secrets={"NPM_TOKEN": Secret("build-secret-that-must-not-show")},
    )
    yard = BuildYard(registry="registry.test")
    secret = render_build_secret(job, yard, docker_config="{}", git_header="", values={"NPM_TOKEN": "opened by the adapter"})
    return [render_build_job(job, yard, annotations={"ancla.dev/repository": job.repository}), secret]


CASES: dict[str, Manifests] = {
    "web-worker-release-with-secrets": full_case(),
    "minimal": rendered(SHOP, make_snapshot()),
    "worker-only": rendered(SHOP, make_snapshot({"worker": "./work"})),
    "awkward-address": [*render_identity(AWKWARD, SERVICE_ID, make_grant()), *rendered(AWKWARD, make_snapshot())],
    "shared": render_shared(make_workspace()),
    "build": build_case(),
}


@pytest.mark.parametrize("name", CASES)
def test_manifests_are_as_reviewed(name: str) -> None:
    assert_golden(name, CASES[name])


@pytest.mark.parametrize("version", NEWEST)
@pytest.mark.parametrize("name", CASES)
def test_manifests_are_valid_for_the_newest_kubernetes_minors(name: str, version: str) -> None:
    for manifest in CASES[name]:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_four_minors_are_checked() -> None:
    assert len(NEWEST) == 4
