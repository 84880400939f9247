"""Sample manifests for the cluster's contract, as `chalicelib/manifests` renders them, and the small programs that they run."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.fences import Fence, Phase
from chalicelib.ports.cluster import Manifest

WORKSPACE = f"contract{uuid.uuid4().hex[:8]}"
"""One for each process that runs the suite: on a real cluster they run beside each other."""
NAMESPACE = f"ancla-{WORKSPACE}"
SERVICE_ID = "5b0c3f0e-8a54-4d0e-9a2b-0a6f4f3c2d10"
HOST = f"api-prod-shop-{WORKSPACE}.localhost"
WEB = "api-prod-shop-web"
WORKER = "api-prod-shop-worker"
DIGEST = "sha256:" + "ab" * 32
SECRET_PATH = "ancla/services/one/two"
MISSING_DIGEST = "sha256:" + "00" * 32

SERVER = """
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
VERSION = os.environ.get("VERSION", "1")
HEALTH = os.environ.get("HEALTH", "200")
# One that is started again in its container has the number of the one before.
LIFE = time.time_ns()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/healthz":
            flag = os.environ.get("SICK_WHEN", "")
            status = 503 if flag and os.path.exists(flag) else 200
            if HEALTH == "hang":
                time.sleep(60)
            if HEALTH in {"500", "301"}:
                status = int(HEALTH)
            return self.answer(status, "boom: no database" if status != 200 else "ok")
        if self.path == "/die":
            os._exit(9)
        if self.path == "/headers":
            return self.answer(200, "\\n".join(f"{k}: {v}" for k, v in self.headers.items()))
        self.answer(200, f"version {VERSION} on {os.uname().nodename}/{LIFE}/{os.getpid()}")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/slow":
            time.sleep(0.4)
        self.answer(201, f"got {len(body)}")
    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    def server_bind(self):
        # Without the look-up of the host's full name, which the stock server makes.
        self.socket.setsockopt(1, 2, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", self.server_address[1]
print("serving version", VERSION, flush=True)
port = int(os.environ["LISTEN"] if "LISTEN" in os.environ else os.environ["PORT"])
Server((os.environ.get("ADDRESS", "127.0.0.1"), port), Handler).serve_forever()
"""


def fence(turn: int, phase: Phase = Phase.ROLL_OUT) -> Fence:
    return Fence(SERVICE_ID, turn, phase)


def anchor(turn: int, phase: Phase = Phase.ROLL_OUT) -> Manifest:
    return _object("v1", "ConfigMap", f"api.turn-{turn}.{phase.name.lower().replace('_', '-')}", {"ancla.dev/anchor": "true"})


def shared(text: str = "one") -> list[Manifest]:
    metadata = {"name": NAMESPACE, "labels": {"text": text}}
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}]


def pull_secret(password: str = "let me pull") -> Manifest:
    auths = {"auths": {"registry.test": {"auth": base64.b64encode(f"ancla:{password}".encode()).decode()}}}
    data = {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()}
    return _object("v1", "Secret", "api.pull", {}) | {"type": "kubernetes.io/dockerconfigjson", "data": data}


def config_map(name: str, command: Sequence[str], *, secret_paths: Sequence[str] = ()) -> Manifest:
    config: dict[str, Any] = {"vault": {}, "exec": {"command": list(command)}}
    if secret_paths:
        config["secret"] = [{"path": f"secret/data/{path}", "no_prefix": True} for path in secret_paths]
    return _object("v1", "ConfigMap", name, {}) | {"data": {"envconsul.json": json.dumps(config)}}


def deployment(
    name: str = WEB,
    process: str = "web",
    *,
    replicas: int = 1,
    env: Mapping[str, str] | None = None,
    config: str = "web-config",
    digest: str = DIGEST,
    grace: int = 5,
    probe_timeout: float = 1,
    min_ready: float = 0,
) -> Manifest:
    labels = {"ancla.dev/process": process}
    selector = {"ancla.dev/service-id": SERVICE_ID, **labels}
    probe = {"httpGet": {"path": "/healthz", "port": 8000}, "periodSeconds": 1, "timeoutSeconds": probe_timeout}
    container: dict[str, Any] = {
        "name": "app",
        "image": f"registry.test/acme/shop@{digest}",
        "command": ["/ancla/bin/envconsul", "-config=/etc/ancla/envconsul.json"],
        "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
    }
    if process == "web":
        container |= {"startupProbe": probe | {"failureThreshold": 60}, "readinessProbe": probe | {"failureThreshold": 3}}
    return _object("apps/v1", "Deployment", name, labels) | {
        "spec": {
            "replicas": replicas,
            "minReadySeconds": min_ready,
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "template": {"metadata": {"labels": selector}, "spec": _pod_spec(container, config, grace)},
        }
    }


def pod(
    name: str = "api-release-1", *, config: str = "release-config", env: Mapping[str, str] | None = None, digest: str = DIGEST
) -> Manifest:
    container = {
        "name": "app",
        "image": f"registry.test/acme/shop@{digest}",
        "command": ["/ancla/bin/envconsul", "-config=/etc/ancla/envconsul.json"],
        "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
    }
    spec = _pod_spec(container, config, 5) | {"restartPolicy": "Never", "schedulingGates": [{"name": "ancla.dev/release"}]}
    return _object("v1", "Pod", name, {"ancla.dev/process": "release"}) | {"spec": spec}


def route(host: str = HOST) -> list[Manifest]:
    selector = {"ancla.dev/service-id": SERVICE_ID, "ancla.dev/process": "web"}
    service = _object("v1", "Service", "api-prod-shop", {}) | {"spec": {"selector": selector, "ports": [{"port": 80}]}}
    backend = {"service": {"name": "api-prod-shop", "port": {"number": 80}}}
    rules = [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    return [service, _object("networking.k8s.io/v1", "Ingress", "api-prod-shop", {}) | {"spec": {"rules": rules}}]


def web_set(*, command: Sequence[str] = ("python3", "server.py"), secret_paths: Sequence[str] = (), **options: Any) -> list[Manifest]:
    """All objects of a service with one `web` process."""
    return [
        pull_secret(),
        config_map(options.get("config", "web-config"), command, secret_paths=secret_paths),
        deployment(**options),
        *route(),
    ]


def _pod_spec(container: Mapping[str, Any], config: str, grace: int) -> dict[str, Any]:
    return {
        "containers": [container],
        "serviceAccountName": "api-prod-shop",
        "imagePullSecrets": [{"name": "api.pull"}],
        "terminationGracePeriodSeconds": grace,
        "volumes": [{"name": "bin", "emptyDir": {}}, {"name": "envconsul", "configMap": {"name": config}}],
    }


def _object(api_version: str, kind: str, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"ancla.dev/service-id": SERVICE_ID, **labels}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
