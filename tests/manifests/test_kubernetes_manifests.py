"""What must hold for every set of manifests, whatever the snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.fences import Phase
from chalicelib.domain.snapshots import Snapshot
from chalicelib.manifests.kubernetes import (
    RELEASE_GATE,
    render_anchor,
    render_identity,
    render_release_config,
    render_release_pod,
    render_set,
    with_counts,
)
from chalicelib.manifests.surroundings import Surroundings
from chalicelib.manifests.vault import data_path, snapshot_path
from chalicelib.ports.cluster import Manifest
from tests.manifests.samples import (
    DIGEST,
    FULL_CONFIG,
    FULL_PROCESSES,
    SERVICE_ID,
    SHOP,
    full_snapshot,
    make_grant,
    make_snapshot,
    plain,
)


def rendered(snapshot: Snapshot, *, tls: bool = False) -> list[Manifest]:
    return render_set(SHOP, SERVICE_ID, snapshot, snapshot_hash=snapshot.hash, apps_domain="apps.test", tls=tls)


def release_pod(snapshot: Snapshot) -> Manifest:
    return render_release_pod(SHOP, SERVICE_ID, snapshot, snapshot_hash=snapshot.hash, turn=4)


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def deployment(manifests: Sequence[Manifest], process: str = "web") -> Manifest:
    return next(m for m in of_kind(manifests, "Deployment") if m["metadata"]["labels"]["ancla.dev/process"] == process)


def pod_specs(snapshot: Snapshot) -> Iterator[Mapping[str, Any]]:
    for manifest in of_kind(rendered(snapshot), "Deployment"):
        yield manifest["spec"]["template"]["spec"]
    yield release_pod(snapshot)["spec"]


def as_bytes(manifests: object) -> bytes:
    return json.dumps(manifests).encode()


def test_the_same_snapshot_gives_the_same_bytes() -> None:
    backwards = make_snapshot(dict(reversed(FULL_PROCESSES.items())), dict(reversed(FULL_CONFIG.items())))
    assert as_bytes(rendered(make_snapshot(FULL_PROCESSES, FULL_CONFIG))) == as_bytes(rendered(backwards))


def test_one_deployment_for_each_process_that_keeps_running() -> None:
    found = [manifest["metadata"]["name"] for manifest in of_kind(rendered(full_snapshot()), "Deployment")]
    assert found == ["api-production-shop-web", "api-production-shop-worker"]


def test_a_service_without_web_has_neither_service_nor_ingress() -> None:
    kinds = {manifest["kind"] for manifest in rendered(make_snapshot({"worker": "./work"}))}
    assert kinds == {"Deployment"}


def test_every_object_of_a_service_carries_its_id() -> None:
    snapshot = full_snapshot()
    everything = [
        *rendered(snapshot),
        *render_identity(SHOP, SERVICE_ID, make_grant()),
        *render_release_config(SHOP, SERVICE_ID, snapshot, snapshot_hash=snapshot.hash),
        release_pod(snapshot),
        render_anchor(SHOP, SERVICE_ID, 4, Phase.REVERT),
    ]
    for manifest in everything:
        assert manifest["metadata"]["labels"]["ancla.dev/service-id"] == SERVICE_ID
        assert manifest["metadata"]["namespace"] == "ancla-acme"


def test_selectors_stay_whatever_the_snapshot_and_match_their_pods() -> None:
    first, second = rendered(full_snapshot()), rendered(make_snapshot(config={"NEW": plain("1")}))
    selector = deployment(first)["spec"]["selector"]["matchLabels"]
    assert deployment(second)["spec"]["selector"]["matchLabels"] == selector
    for manifests in (first, second):
        assert deployment(manifests)["spec"]["template"]["metadata"]["labels"].items() >= selector.items()
        assert of_kind(manifests, "Service")[0]["spec"]["selector"] == selector


def test_a_release_pod_gets_no_traffic_and_belongs_to_no_deployment() -> None:
    labels = release_pod(full_snapshot())["metadata"]["labels"]
    for manifest in of_kind(rendered(full_snapshot()), "Deployment"):
        assert not labels.items() >= manifest["spec"]["selector"]["matchLabels"].items()


def test_a_changed_variable_changes_the_deployments_templates_and_nothing_else() -> None:
    before, after = rendered(make_snapshot(config={"A": plain("1")})), rendered(make_snapshot(config={"A": plain("2")}))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [old["kind"] for old, _ in changed] == ["Deployment"]
    old, new = changed[0]
    assert {key for key in old["spec"] if old["spec"][key] != new["spec"][key]} == {"template"}
    assert old["metadata"] == new["metadata"]


def test_a_rotated_secret_changes_every_template_that_reads_it() -> None:
    processes = {"web": "./serve", "worker": "./work"}
    before = make_snapshot(processes, FULL_CONFIG)
    rotated = {name: entry for name, entry in FULL_CONFIG.items() if not entry.secret} | {
        "DATABASE_URL": type(FULL_CONFIG["DATABASE_URL"])(
            secret=True, scope_id="scope-1", vault_version=4, owner="acme", level=FULL_CONFIG["DATABASE_URL"].level
        )
    }
    after = make_snapshot(processes, rotated)
    for process in processes:
        assert deployment(rendered(before), process)["spec"]["template"] != deployment(rendered(after), process)["spec"]["template"]


def test_counts_stay_outside_the_template_and_leave_the_set_as_it_was() -> None:
    manifests = rendered(full_snapshot())
    untouched = as_bytes(manifests)
    counted = with_counts(manifests, {"web": 3, "gone": 9})
    assert deployment(counted)["spec"]["replicas"] == 3
    assert deployment(counted, "worker")["spec"]["replicas"] == 1
    assert deployment(with_counts(manifests, {"web": 0}))["spec"]["replicas"] == 0
    assert deployment(counted)["spec"]["template"] == deployment(manifests)["spec"]["template"]
    assert as_bytes(manifests) == untouched


def test_no_template_names_a_turn_a_fence_or_a_count() -> None:
    text = as_bytes([manifest["spec"]["template"] for manifest in of_kind(rendered(full_snapshot()), "Deployment")]).decode()
    assert not any(word in text for word in ("fence", "turn", "replicas", "snapshot"))


def test_a_roll_out_takes_nothing_away_before_the_new_is_healthy() -> None:
    spec = deployment(rendered(full_snapshot()))["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": "25%"}
    assert spec["progressDeadlineSeconds"] == 90


def test_web_is_probed_each_second_until_its_time_is_up() -> None:
    container = deployment(rendered(full_snapshot()))["spec"]["template"]["spec"]["containers"][0]
    assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": 8000}
    assert (container["startupProbe"]["periodSeconds"], container["startupProbe"]["failureThreshold"]) == (1, 90)
    assert container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": 8000}
    assert {"name": "PORT", "value": "8000"} in container["env"]


def test_web_goes_on_serving_until_its_endpoint_has_left() -> None:
    spec = deployment(rendered(full_snapshot()))["spec"]["template"]["spec"]
    pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < pause < spec["terminationGracePeriodSeconds"]


def test_a_process_without_a_probe_must_stay_up_for_a_while() -> None:
    worker = deployment(rendered(full_snapshot()), "worker")
    assert worker["spec"]["minReadySeconds"] == 3
    container = worker["spec"]["template"]["spec"]["containers"][0]
    assert not {"startupProbe", "readinessProbe", "ports", "lifecycle"} & set(container)
    assert "PORT" not in [entry["name"] for entry in container["env"]]


def test_a_very_short_timeout_still_makes_a_valid_deployment() -> None:
    spec = deployment(rendered(make_snapshot({"worker": "./work"}, deployment_timeout=1)), "worker")["spec"]
    assert spec["progressDeadlineSeconds"] > spec["minReadySeconds"]


def test_every_pod_meets_the_restricted_standard() -> None:
    for spec in pod_specs(full_snapshot()):
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        for container in (*spec["initContainers"], *spec["containers"]):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"]
        allowed = {"name", "emptyDir", "configMap", "projected"}
        assert all(set(volume) <= allowed for volume in spec["volumes"])


def test_the_only_token_in_a_pod_is_the_one_for_vault() -> None:
    for spec in pod_specs(full_snapshot()):
        assert spec["automountServiceAccountToken"] is False
        sources = [source for volume in spec["volumes"] for source in volume.get("projected", {}).get("sources", [])]
        assert [source["serviceAccountToken"]["audience"] for source in sources] == ["vault"]


def test_images_run_by_digest() -> None:
    for spec in pod_specs(full_snapshot()):
        assert spec["containers"][0]["image"] == f"registry.test/acme/shop@{DIGEST}"


def test_plain_variables_are_sorted_and_survive_the_expansion_and_secret_ones_are_absent() -> None:
    env = deployment(rendered(full_snapshot()), "worker")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == [{"name": "DEBUG", "value": ""}, {"name": "GREETING", "value": "cost: $$$$5 $$(NOW) $HOME"}]


def test_envconsul_starts_the_command_with_the_frozen_entry() -> None:
    snapshot = full_snapshot()
    manifests = rendered(snapshot)
    for process, command in (("web", ["/bin/sh", "-c", FULL_PROCESSES["web"]]), ("worker", ["celery", "worker"])):
        spec = deployment(manifests, process)["spec"]["template"]["spec"]
        assert spec["containers"][0]["command"] == ["/ancla/bin/envconsul", "-config=/etc/ancla/envconsul.json"]
        config = envconsul_config(spec, manifests)
        assert config["exec"]["command"] == command
        assert config["secret"] == [{"path": data_path(snapshot_path(SERVICE_ID, snapshot.hash)), "no_prefix": True}]
        assert set(config["vault"]) == {
            "address",
            "k8s_auth_role_name",
            "k8s_service_account_token_path",
            "renew_token",
            "retry",
        }
        assert config["vault"]["k8s_service_account_token_path"] == token_path(spec)


def test_without_secrets_the_command_runs_by_itself_and_needs_no_vault() -> None:
    manifests = rendered(make_snapshot({"web": "./serve $(date)", "worker": '["work", "$$"]'}))
    assert of_kind(manifests, "ConfigMap") == []
    web, worker = (deployment(manifests, process)["spec"]["template"]["spec"] for process in ("web", "worker"))
    assert web["containers"][0]["command"] == ["/bin/sh", "-c", "./serve $$(date)"]
    assert worker["containers"][0]["command"] == ["work", "$$$$"]
    for spec in (web, worker):
        assert not {"initContainers", "volumes"} & spec.keys()
        assert "volumeMounts" not in spec["containers"][0]
        assert spec["shareProcessNamespace"] is True


def test_a_changed_command_leaves_the_older_configuration_in_place() -> None:
    snapshots = (make_snapshot({"web": command}, FULL_CONFIG) for command in ("./serve", "./serve --fast"))
    older, newer = (of_kind(rendered(snapshot), "ConfigMap")[0] for snapshot in snapshots)
    assert older["metadata"]["name"] != newer["metadata"]["name"]


def test_the_release_pod_is_gated_never_restarted_and_finds_its_configuration() -> None:
    snapshot = full_snapshot()
    pod, configs = release_pod(snapshot), render_release_config(SHOP, SERVICE_ID, snapshot, snapshot_hash=snapshot.hash)
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["schedulingGates"] == [{"name": RELEASE_GATE}] == [{"name": "ancla.dev/release"}]
    assert pod["metadata"]["labels"]["ancla.dev/process"] == "release"
    assert envconsul_config(pod["spec"], configs)["exec"]["command"] == ["/bin/sh", "-c", "./manage migrate && ./seed"]


def test_a_process_without_a_command_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        rendered(make_snapshot({"web": ""}))
    assert caught.value.code == "nothing_to_run"


def test_an_anchor_is_marked_as_one() -> None:
    anchor = render_anchor(SHOP, SERVICE_ID, 4, Phase.REVERT)
    assert anchor["kind"] == "ConfigMap"
    assert anchor["metadata"]["labels"]["ancla.dev/anchor"] == "true"


def test_tls_adds_the_certificate_and_nothing_else() -> None:
    bare, secured = (of_kind(rendered(make_snapshot(), tls=tls), "Ingress")[0] for tls in (False, True))
    assert "annotations" not in bare["metadata"] and "tls" not in bare["spec"]
    assert secured["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}
    assert secured["spec"]["tls"] == [{"hosts": ["api-production-shop-acme.apps.test"], "secretName": "api-production-shop.tls"}]
    assert secured["spec"]["rules"] == bare["spec"]["rules"]


def test_without_an_issuer_the_host_is_secured_by_the_controllers_own_certificate() -> None:
    snapshot, without = make_snapshot(), Surroundings(certificate_issuer="")
    secured = render_set(SHOP, SERVICE_ID, snapshot, snapshot_hash=snapshot.hash, apps_domain="apps.test", tls=True, surroundings=without)
    (ingress,) = of_kind(secured, "Ingress")
    assert "annotations" not in ingress["metadata"]
    assert ingress["spec"]["tls"] == [{"hosts": ["api-production-shop-acme.apps.test"]}]


def envconsul_config(spec: Mapping[str, Any], manifests: Sequence[Manifest]) -> dict[str, Any]:
    """The configuration that a pod mounts, found the way the node finds it."""
    name = next(volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume)
    found = next(m for m in manifests if m["kind"] == "ConfigMap" and m["metadata"]["name"] == name)
    config: dict[str, Any] = json.loads(found["data"]["envconsul.json"])
    return config


def token_path(spec: Mapping[str, Any]) -> str:
    mount = next(m for m in spec["containers"][0]["volumeMounts"] if m["name"] == "vault-token")
    source = next(v for v in spec["volumes"] if v["name"] == "vault-token")["projected"]["sources"][0]
    return f"{mount['mountPath']}/{source['serviceAccountToken']['path']}"
