"""The running engines, where there are any."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from engines.kubernetes.client import kubectl
from engines.site import Site, is_home, read_site
from tests.engines.live.workloads import Room, wait_until


@pytest.fixture(scope="session")
def site() -> Site:
    found = read_site()
    if "ANCLA_ENGINES_HOME" not in os.environ or not is_home(found):
        pytest.skip("no running engines were named: start them with 'make engines-up', and set ANCLA_ENGINES_HOME")
    return found


@pytest.fixture
def room(site: Site) -> Iterator[Room]:
    """A namespace of the test's own, in which pods must be as confined as a workspace's."""
    namespace = f"live-{uuid.uuid4().hex[:8]}"
    kubectl(site, "create", "namespace", namespace)
    kubectl(site, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    room = Room(site, namespace)
    wait_until(lambda: bool(room.get("serviceaccount", "default")))
    yield room
    kubectl(site, "delete", "namespace", namespace, "--wait=false")
