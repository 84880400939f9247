"""The store of what is wanted."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.node.objects import Object, open_objects
from chalicelib.adapters.embedded.node.routes import Target, targets
from chalicelib.domain.errors import Unavailable
from tests.contracts.cluster_samples import HOST, NAMESPACE, SERVICE_ID, route

ONE = Object(uid="1", kind="ConfigMap", namespace="n", name="one", manifest={"data": {"a": "b"}})


def test_an_object_is_found_as_it_was_created(tmp_path: Path) -> None:
    with open_objects(tmp_path) as objects:
        assert objects.create(ONE)
        assert objects.find("ConfigMap", "n", "one") == ONE
        assert objects.find_uid("1") == ONE
        assert objects.find("ConfigMap", "n", "two") is None


def test_there_is_one_object_of_a_kind_and_name(tmp_path: Path) -> None:
    with open_objects(tmp_path) as objects:
        objects.create(ONE)

        assert not objects.create(replace(ONE, uid="2"))
        assert objects.create(replace(ONE, uid="2", kind="Secret"))


def test_only_who_has_read_the_newest_version_may_replace_it(tmp_path: Path) -> None:
    with open_objects(tmp_path) as objects:
        objects.create(ONE)

        assert objects.replace(replace(ONE, manifest={"changed": True}))
        assert not objects.replace(replace(ONE, manifest={"late": True}))
        assert objects.all() == [replace(ONE, manifest={"changed": True}, resource_version=2)]


def test_a_status_does_not_make_another_version(tmp_path: Path) -> None:
    with open_objects(tmp_path) as objects:
        objects.create(ONE)
        objects.set_status("1", {"ready": True})
        objects.set_status("gone", {"ready": True})

        assert objects.all() == [replace(ONE, status={"ready": True})]


def test_a_family_is_an_object_with_all_that_vanishes_with_it(tmp_path: Path) -> None:
    with open_objects(tmp_path) as objects:
        objects.create(replace(ONE, owner="0"))
        objects.create(replace(ONE, uid="2", name="child", owner="1"))
        objects.create(replace(ONE, uid="3", name="grandchild", owner="2"))
        objects.create(replace(ONE, uid="4", name="sibling", owner="0"))

        assert {item.name for item in objects.family("ConfigMap", "n", "one")} == {"one", "child", "grandchild"}
        assert objects.family("ConfigMap", "n", "nobody") == []


def test_objects_are_found_by_a_label_in_their_own_namespace(tmp_path: Path) -> None:
    def labelled(value: str) -> dict[str, object]:
        return {"metadata": {"labels": {"ancla.dev/service-id": value}}}

    with open_objects(tmp_path) as objects:
        objects.create(ONE)
        objects.create(replace(ONE, uid="2", name="mine", manifest=labelled("a")))
        objects.create(replace(ONE, uid="3", name="other", manifest=labelled("b")))
        objects.create(replace(ONE, uid="4", namespace="m", manifest=labelled("a")))

        assert [item.name for item in objects.labelled("n", "ancla.dev/service-id", "a")] == ["mine"]


def test_what_has_an_owner_that_is_not_there_is_garbage(tmp_path: Path) -> None:
    with open_objects(tmp_path) as objects:
        objects.create(ONE)
        objects.create(replace(ONE, uid="2", name="owned", owner="1"))
        objects.create(replace(ONE, uid="3", name="orphan", owner="0"))

        assert [item.name for item in objects.garbage()] == ["orphan"]


def test_a_transaction_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with open_objects(tmp_path) as objects:
        with pytest.raises(ValueError, match="half way"), objects.transaction():
            objects.create(ONE)
            raise ValueError("half way")

        assert objects.all() == []


def test_a_commit_of_another_connection_shows_in_the_data_version(tmp_path: Path) -> None:
    with open_objects(tmp_path) as node, open_objects(tmp_path) as client:
        before = node.data_version()
        client.create(ONE)

        assert node.data_version() != before


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with open_objects(tmp_path) as objects:
        objects.create(ONE)

    assert stat.S_IMODE((tmp_path / "cluster.db").stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "cluster.db").write_text("not a database, but long enough to be taken for one " * 9)

    with pytest.raises(Unavailable, match="cannot be used") as told, open_objects(tmp_path):
        pass
    assert told.value.hint
    assert [name for name in open_files() if name.startswith(str(tmp_path))] == [], "it is closed, although the error is still known"


def open_files() -> list[str]:
    """The paths of the files that this process has open."""
    return [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


def stored(manifests: list[dict[str, object]]) -> list[Object]:
    return [Object(uid=str(n), kind=str(m["kind"]), namespace=NAMESPACE, name="api-prod-shop", manifest=m) for n, m in enumerate(manifests)]


def test_a_host_leads_to_the_pods_that_its_service_selects() -> None:
    found = targets(stored([dict(manifest) for manifest in route()]))

    labels = {"ancla.dev/service-id": SERVICE_ID, "ancla.dev/process": "web"}
    assert found == {HOST: Target(NAMESPACE, labels)}
    assert found[HOST].takes(NAMESPACE, {**labels, "more": "x"})
    assert not found[HOST].takes("another", labels)
    assert not found[HOST].takes(NAMESPACE, {"ancla.dev/process": "web"})


def test_a_host_without_its_service_is_known_and_leads_nowhere() -> None:
    found = targets(stored([dict(route("API.localhost")[1])]))

    assert list(found) == ["api.localhost"]
    assert not found["api.localhost"].takes(NAMESPACE, {"ancla.dev/service-id": SERVICE_ID})
