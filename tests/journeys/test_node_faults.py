"""What a real node cannot or will not do for a deploy: it is told in the cluster's words long before its time is up, and what ran runs on.

Each deploy has ten minutes; that it ends in a fraction of them says that the reason was seen, and not waited for.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.kubernetes.api import Api
from engines.commands import run
from engines.kubernetes.containerd import ctr
from engines.kubernetes.network import NODE_NAME
from engines.kubernetes.paths import Paths
from engines.processes import spawn, write_record
from engines.rooms import define
from engines.site import Site
from engines.supervisor import enter_node, halt
from tests.journeys.fleet import Fleet, kill, mend, node_closed
from tests.journeys.ground import GROUND
from tests.journeys.harness import SteadyLoad
from tests.journeys.repository import HUNGRY_SERVER
from tests.journeys.waiting import wait_for

pytestmark = [
    pytest.mark.journey,
    pytest.mark.usefixtures("all_engines"),
    pytest.mark.skipif(not GROUND.real, reason="it is about the real engines: ANCLA_PROFILE=engines"),
]

PATIENT = 600
"""Seconds that each deploy has."""
TOLD_WITHIN = 90
"""Seconds for a whole run up to its failure."""
NODE = f"/api/v1/nodes/{NODE_NAME}"
SETTLED = 3.0
"""Seconds in which a kubelet that was started again looks at each of its pods once: under pressure it would end them then."""
MARGIN = 3 << 30
"""Bytes of the disk: more than other tests on this machine take or give back meanwhile."""


def failure_of(fleet: Fleet, path: str, run: int) -> dict[str, Any]:
    ended = fleet.ancla.ended(path, run, seconds=TOLD_WITHIN)
    assert ended["outcome"] == "failed"
    failure: dict[str, Any] = ended["failure"]
    return failure


def patient(fleet: Fleet) -> tuple[str, Any]:
    path, repository = fleet.service()
    fleet.ancla.api("PATCH", path, {"deployment_timeout": PATIENT})
    return path, repository


def admin() -> Api:
    assert GROUND.admin is not None
    return Api(GROUND.admin)


# -- pods that get no room, no image, no memory -------------------------------------------------------------------------------------


def test_a_process_that_takes_more_memory_than_it_may_is_told_as_such(fleet: Fleet) -> None:
    path, repository = patient(fleet)
    repository.commit({"server.py": HUNGRY_SERVER, "VERSION": "2"})
    with SteadyLoad(fleet.ancla.place(path)) as load:
        failure = failure_of(fleet, path, fleet.ancla.deploy(path))
    assert (failure["code"], "more memory than it may" in failure["message"]) == ("out_of_memory", True), failure
    assert load.failures == []
    assert fleet.ancla.answer(path) == {"version": "1"}


@contextmanager
def full_disk(site: Site) -> Iterator[None]:
    """The kubelet is told to want so much of its disk free that a few gigabytes more are too many, and to give pods an hour before it
    ends any for that; then these gigabytes are taken."""
    (kubelet,) = [engine for engine in define(site) if engine.name == "kubelet"]
    settings, ballast = Paths.of(site).config("kubelet.json"), site.home / "ballast"
    wanted = shutil.disk_usage(site.home).free - MARGIN
    assert wanted > 2 * MARGIN, "too little of the disk is free for this"
    soft = {"evictionSoft": {"nodefs.available": str(wanted)}, "evictionSoftGracePeriod": {"nodefs.available": "1h"}}
    halt(kubelet, site)
    settings.write_text(json.dumps(json.loads(settings.read_text()) | soft))
    started = spawn((*enter_node(site), *kubelet.argv), kubelet.environment, site.log("kubelet"), forks=True)
    write_record(site.record("kubelet"), replace(started, definition="wants more of the disk"))
    wait_for(kubelet.ready, seconds=60, what="the kubelet to be ready")
    wait_for(lambda: admin().get(f"{NODE}/proxy/pods")["items"], seconds=60, what="the kubelet to know its pods")
    time.sleep(SETTLED)
    try:
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2 * MARGIN)
        wait_for(lambda: "disk-pressure" in json.dumps(node()["spec"]), seconds=120, what="the node to be under pressure")
        yield
    finally:
        ballast.unlink(missing_ok=True)
        mend(site)
        wait_for(lambda: "disk-pressure" not in json.dumps(node()["spec"]), seconds=60, what="the node to have room again")


def node() -> dict[str, Any]:
    return admin().get(NODE)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(lambda site: node_closed(admin()), "node ancla: closed to new pods"), (full_disk, "node ancla: DiskPressure")],
    ids=["closed", "disk"],
)
def test_a_node_that_takes_no_pod_is_named_with_its_reason(
    fleet: Fleet, all_engines: Site, trouble: Callable[[Site], Any], words: str
) -> None:
    path, _ = patient(fleet)
    with trouble(all_engines):
        fleet.ancla.wait_until_serving(path, seconds=60)  # a kubelet that was started again asks each pod first whether it is ready
        with SteadyLoad(fleet.ancla.place(path)) as load:
            failure = failure_of(fleet, path, fleet.ancla.deploy(path))  # the commit is built already
        assert (failure["code"], words in failure["message"]) == ("unschedulable", True), failure
        assert load.failures == []
        assert fleet.ancla.answer(path) == {"version": "1"}
    fleet.good(path, fleet.ancla.deploy(path))


def test_an_image_whose_content_is_gone_is_told_as_one_that_cannot_be_pulled(fleet: Fleet, all_engines: Site) -> None:
    path, repository = patient(fleet)
    repository.commit({"VERSION": "2", "alone": f"{uuid.uuid4()}\n"})  # so that no other image has this layer
    fleet.good(path, fleet.ancla.deploy(path))
    fleet.good(path, fleet.roll_to(path, 1))
    image = fleet.image(path, 2).digest
    containers = ctr(all_engines, "containers", "list")
    wait_for(lambda: image not in run(containers), seconds=90, pause=1, what="the containers to be gone that the node keeps it for")
    forget(all_engines, image, fleet.image(path, 1).digest)
    with SteadyLoad(fleet.ancla.place(path)) as load:
        failure = failure_of(fleet, path, fleet.roll_to(path, 2))
    assert failure["code"] == "image_unavailable", failure
    assert load.failures == []
    assert fleet.ancla.answer(path) == {"version": "1"}


def forget(site: Site, image: str, other: str) -> None:
    """The node forgets the image, and the registry keeps its manifest but loses what `other` has not."""
    listed = [line.split() for line in run(ctr(site, "images", "list")).splitlines()[1:]]  # below the headings: REF TYPE DIGEST …
    names = [name for name, _, digest, *_ in listed if digest == image]
    assert names, f"the node has no image {image}"
    run(ctr(site, "images", "remove", "--sync", *names))
    lost = layers(site, image) - layers(site, other)
    assert lost
    for layer in lost:
        blob(site, layer).unlink()


def layers(site: Site, image: str) -> set[str]:
    return {layer["digest"] for layer in json.loads(blob(site, image).read_text())["layers"]}


def blob(site: Site, digest: str) -> Path:
    """Where the registry has it on its disk."""
    (found,) = site.room("registry").glob(f"**/blobs/sha256/*/{digest.removeprefix('sha256:')}/data")
    return found


# -- the whole node ---------------------------------------------------------------------------------------------------------------------


def test_a_node_that_loses_its_power_in_a_roll_out_comes_back_to_the_version_that_was_meant(fleet: Fleet, all_engines: Site) -> None:
    path, repository = patient(fleet)
    repository.commit_version("2")
    run = fleet.ancla.deploy(path)
    fleet.wait_for_stage(path, run, "watch_roll_out")
    kill(all_engines, "node")
    mend(all_engines)
    fleet.good(path, run, seconds=240)
    fleet.ancla.wait_until_serving(path, seconds=60)
    assert fleet.ancla.answer(path) == {"version": "2"}
