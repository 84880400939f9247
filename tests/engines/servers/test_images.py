"""The node pulls from the registry with the login that a pod's secret holds, and has the images that pods begin with."""

from __future__ import annotations

import base64
import errno
import json
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from engines import envconsul
from engines.images import REFERENCE, REPOSITORY
from engines.kubernetes.client import kubectl
from engines.registry.settings import ADDRESS, REALM
from engines.registry.tokens import token_for
from engines.site import Site
from tests.engines.live.workloads import CONFINED, Room, wait_until

LOGIN = base64.b64encode(b"somebody:their password").decode()
CONFIGURATION_MISSING = 15


@pytest.fixture
def room(site: Site) -> Iterator[Room]:
    namespace = f"images-{uuid.uuid4().hex[:8]}"
    kubectl(site, "create", "namespace", namespace)
    kubectl(site, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubectl(site, "wait", "--for=create", "serviceaccount/default", "--timeout=10s", f"--namespace={namespace}")
    yield Room(site, namespace)
    kubectl(site, "delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def realm(site: Site) -> Iterator[None]:
    """The token endpoint, in Ancla's place: whoever logs in may pull the base image."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == f"Basic {LOGIN}"
            body = json.dumps({"token": token_for(site, {REPOSITORY: ["pull"]})} if known else {}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            # Clients try this way first, and take the other one when it is not there.
            self.send_error(405)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test says what matters."""

    where = urlsplit(REALM)
    try:
        listening = ThreadingHTTPServer((str(where.hostname), where.port or 80), Endpoint)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        pytest.skip(f"{where.netloc} is in use: an Ancla runs there")
    Thread(target=listening.serve_forever, daemon=True).start()
    yield
    listening.shutdown()
    listening.server_close()


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"restartPolicy": "Never", **spec}}


def container(image: str, *command: str, **more: Any) -> dict[str, Any]:
    return {"name": "main", "image": image, "command": [*command], "securityContext": {**CONFINED, "runAsUser": 65534}, **more}


def pulling(name: str, **spec: Any) -> dict[str, Any]:
    """A pod whose image comes from the registry each time."""
    return pod(name, containers=[container(REFERENCE, "python3", "-c", "print('pulled')", imagePullPolicy="Always")], **spec)


def waiting_for(room: Room, name: str) -> str:
    """Why the pod's container does not run yet."""
    statuses = room.get("pod", name)["status"].get("containerStatuses") or [{}]
    return str(statuses[0].get("state", {}).get("waiting", {}).get("reason", ""))


def test_a_pod_with_the_login_pulls_and_one_without_does_not(room: Room, realm: None) -> None:
    config = {"auths": {ADDRESS: {"auth": LOGIN}}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "login"},
        "stringData": {".dockerconfigjson": json.dumps(config)},
    }
    room.apply(secret, pulling("known", imagePullSecrets=[{"name": "login"}]), pulling("stranger"))
    wait_until(lambda: room.get("pod", "known")["status"]["phase"] == "Succeeded", within=40)
    assert room.kubectl("logs", "known") == "pulled\n"
    wait_until(lambda: waiting_for(room, "stranger") in {"ErrImagePull", "ImagePullBackOff"}, within=40)


def test_envconsul_is_copied_into_a_pod_whose_own_image_has_no_shell(room: Room) -> None:
    mounts = {"volumeMounts": [{"name": "bin", "mountPath": "/ancla/bin"}]}
    copying = container(envconsul.IMAGE_NAME, "cp", "/bin/envconsul", "/ancla/bin/envconsul", **mounts) | {"name": "copying"}
    running = container("localhost/pause:1", "/ancla/bin/envconsul", "-config=/nowhere", **mounts)
    room.apply(pod("copied", initContainers=[copying], containers=[running], volumes=[{"name": "bin", "emptyDir": {}}]))
    wait_until(lambda: room.get("pod", "copied")["status"]["phase"] == "Failed", within=40)
    (status,) = room.get("pod", "copied")["status"]["containerStatuses"]
    assert status["state"]["terminated"]["exitCode"] == CONFIGURATION_MISSING
