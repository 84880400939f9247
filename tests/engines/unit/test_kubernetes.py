"""The cluster's definition: what is promised of it and can be seen without starting it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines import kubernetes
from engines.engine import Engine, in_order
from engines.kubernetes.addons import render_dns
from engines.kubernetes.configuration import render_audit_policy, write_configuration
from engines.kubernetes.network import CGROUP
from engines.kubernetes.node import make_cgroups, remove_cgroups
from engines.kubernetes.paths import Paths
from engines.kubernetes.recipes import version_flags
from engines.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(home=tmp_path / "home", cache=tmp_path / "cache")


@pytest.fixture
def engines(site: Site) -> dict[str, Engine]:
    return {engine.name: engine for engine in kubernetes.define(site)}


def test_every_need_is_filled_and_the_node_comes_first(site: Site) -> None:
    assert next(iter(in_order(kubernetes.define(site)))).name == "node"


def test_the_api_server_knows_nobody_without_a_credential_and_writes_down_what_was_done(engines: dict[str, Engine], site: Site) -> None:
    argv = engines["apiserver"].argv
    assert "--authorization-mode=Node,RBAC" in argv
    assert "--anonymous-auth=false" in argv
    assert f"--audit-log-path={site.home}/logs/audit.log" in argv
    assert engines["apiserver"].exports["ANCLA_ENGINES_AUDIT_LOG"] == f"{site.home}/logs/audit.log"


def test_the_audit_log_never_has_what_was_in_an_object() -> None:
    assert [rule["level"] for rule in render_audit_policy()["rules"]] == ["Metadata"]


def test_configuration_is_the_same_when_it_is_written_again(site: Site) -> None:
    paths = Paths.of(site)
    write_configuration(paths, "localhost/pause:1")
    first = {path: (path.read_text(), path.stat().st_mtime_ns) for path in paths.room.rglob("*") if path.is_file()}
    write_configuration(paths, "localhost/pause:1")
    assert {path: (path.read_text(), path.stat().st_mtime_ns) for path in paths.room.rglob("*") if path.is_file()} == first
    assert json.loads(paths.config("kubelet.json").read_text())["cgroupRoot"] == f"/{CGROUP}"


def test_the_dns_is_rendered_without_a_placeholder_left() -> None:
    rendered = render_dns()
    assert "$" not in rendered
    assert "image: localhost/coredns:" in rendered


def test_the_programs_are_told_their_version_for_themselves_and_for_their_clients() -> None:
    flags = version_flags("1.34.4").split()
    assert "k8s.io/component-base/version.gitVersion=v1.34.4" in flags
    assert "k8s.io/client-go/pkg/version.gitMinor=34" in flags


def test_cgroups_are_made_in_each_hierarchy_of_version_1(tmp_path: Path) -> None:
    for name in ("memory", "cpuset", "unified"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    make_cgroups(tmp_path)
    assert (tmp_path / "memory" / CGROUP).is_dir()
    assert (tmp_path / "cpuset" / CGROUP / "cpuset.cpus").read_text() == "0-1\n"
    assert not (tmp_path / "unified" / CGROUP).exists()


def test_version_2_has_one_cgroup_with_every_controller_on(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").touch()
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    make_cgroups(tmp_path)
    assert (tmp_path / CGROUP).is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


@pytest.mark.parametrize("hierarchy", ["memory", "unified", "."])
def test_cgroups_are_removed_with_those_of_pods_wherever_they_are(tmp_path: Path, hierarchy: str) -> None:
    (tmp_path / hierarchy / CGROUP / "kubepods" / "burstable" / "pod1").mkdir(parents=True)
    (tmp_path / hierarchy / "somebody-else").mkdir()
    remove_cgroups(tmp_path)
    assert not (tmp_path / hierarchy / CGROUP).exists()
    assert (tmp_path / hierarchy / "somebody-else").is_dir()
