"""The rights that the doctor asks about are those that the manifests give, and those that the documentation lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.doctor.access import judge_role
from chalicelib.doctor.findings import Verdict
from chalicelib.doctor.rights import BUILDS, HANDING_OUT, LOOKING, NAMESPACES, WORKSPACE, Right, not_given, rights_of

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "engines" / "cluster"
PAGE = ROOT / "docs" / "operations" / "cluster.md"
ROW = re.compile(r"^\| (everywhere|a workspace|the builds) \| `([^`]+)`(?: named `([^`]+)`)? \| ([a-z ]+) \|", re.MULTILINE)
EVERYWHERE = (*NAMESPACES, *HANDING_OUT, *LOOKING)


def roles(file: str) -> dict[str, list[dict[str, Any]]]:
    found = yaml.safe_load_all((CLUSTER / file).read_text())
    return {one["metadata"]["name"]: one["rules"] for one in found if one["kind"] in {"Role", "ClusterRole"}}


def documented(where: str) -> set[Right]:
    found = set()
    for place, what, name, verbs in ROW.findall(PAGE.read_text()):
        resource, _, group = what.partition(".")
        found |= {Right(group, resource, verb, name) for verb in verbs.split() if place == where}
    return found


@pytest.mark.parametrize(
    ("file", "role", "wanted"),
    [
        ("ancla/roles.yaml", "ancla", EVERYWHERE),
        ("ancla/roles.yaml", "ancla-workspace", WORKSPACE),
        ("builds/role.yaml", "ancla-builder", BUILDS),
    ],
)
def test_the_manifests_give_what_ancla_uses_and_nothing_else(file: str, role: str, wanted: tuple[Right, ...]) -> None:
    given = list(rights_of(roles(file)[role]))
    assert set(given) == set(wanted)
    assert len(given) == len(set(given)), "a right that is given twice is one that can be forgotten once"


@pytest.mark.parametrize(("where", "wanted"), [("everywhere", EVERYWHERE), ("a workspace", WORKSPACE), ("the builds", BUILDS)])
def test_the_documentation_lists_the_same(where: str, wanted: tuple[Right, ...]) -> None:
    assert documented(where) == set(wanted)


def test_a_role_that_lacks_something_is_named_with_it() -> None:
    rules = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if verb != "watch"]} for rule in roles("ancla/roles.yaml")["ancla-workspace"]
    ]
    found = judge_role({"rules": rules})
    assert found.verdict is Verdict.FAILED
    assert found.seen.endswith("lacks: watch deployments.apps, watch replicasets.apps, watch pods")


def test_a_role_without_rules_gives_nothing() -> None:
    assert judge_role({"rules": None}).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["list", "get"]},
    ],
)
def test_a_star_stands_for_all(rule: dict[str, Any]) -> None:
    assert not_given([Right("", "pods/log", "get")], [rule]) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": ["apps"], "resources": ["pods/log"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"], "resourceNames": ["one"]},
        {"nonResourceURLs": ["/"], "verbs": ["get"]},
    ],
)
def test_a_part_is_not_the_whole(rule: dict[str, Any]) -> None:
    assert not_given([Right("", "pods/log", "get")], [rule]) == [Right("", "pods/log", "get")]


def test_a_review_asks_for_the_subresource() -> None:
    assert Right("", "pods/log", "get").attributes("builds") == {
        "namespace": "builds",
        "group": "",
        "resource": "pods",
        "subresource": "log",
        "verb": "get",
        "name": "",
    }
