"""What users would deploy with instead: kubectl and helm, each with an account and a namespace of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench_engines.objects import Objects, without_namespace

DONE_WITHIN = 120
ACCOUNTS = "ancla-bench-rivals"
"""The namespace of the rivals' accounts."""
RELEASE = "bench"


@dataclass(frozen=True, slots=True)
class Span:
    """When something began and ended, in seconds since 1970."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs, and the administrator's way to the cluster."""

    kubectl: Path
    helm: Path
    admin: Path


class Rival(ABC):
    """Brings objects into its namespace with a command line program, and waits as that program does."""

    name = ""

    def __init__(self, programs: Programs, folder: Path, deployment: str) -> None:
        self.folder = folder / self.name
        self.folder.mkdir(parents=True)
        self.programs = programs
        self.deployment = deployment
        self.kubeconfig = self.folder / "kubeconfig"

    @property
    def namespace(self) -> str:
        return f"ancla-bench-{self.name}"

    @property
    def user(self) -> str:
        """What the API server calls it."""
        return f"system:serviceaccount:{ACCOUNTS}:{self.name}"

    @abstractmethod
    def deploy(self, objects: Objects) -> Span:
        """Brings these objects, and returns when they serve."""

    @abstractmethod
    def roll_back(self) -> Span:
        """Puts back what ran before the last deploy."""

    def timed(self, *commands: Sequence[str]) -> Span:
        began = time.time()
        for command in commands:
            self.run(command)
        return Span(began, time.time())

    def run(self, command: Sequence[str]) -> None:
        # A home of its own, for the caches of both programs.
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=DONE_WITHIN, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"{self.name} failed: {' '.join(command)}: {done.stderr.strip()[-1000:]}")


class Kubectl(Rival):
    """`kubectl apply` of all objects, then `kubectl rollout status`."""

    name = "kubectl"

    def __init__(self, programs: Programs, folder: Path, deployment: str) -> None:
        super().__init__(programs, folder, deployment)
        self._files: list[Path] = []

    def deploy(self, objects: Objects) -> Span:
        file = self.folder / f"{len(self._files)}.json"
        file.write_text(json.dumps(as_list(objects)))
        self._files.append(file)
        return self._apply(file)

    def roll_back(self) -> Span:
        self._files.append(self._files[-2])
        return self._apply(self._files[-1])

    def _apply(self, file: Path) -> Span:
        kubectl = str(self.programs.kubectl)
        status = ("rollout", "status", f"deployment/{self.deployment}", f"--namespace={self.namespace}", f"--timeout={DONE_WITHIN}s")
        return self.timed((kubectl, "apply", f"--filename={file}"), (kubectl, *status))


class Helm(Rival):
    """`helm upgrade --install --wait` of a chart with all objects but the namespace, and `helm rollback --wait`."""

    name = "helm"

    def __init__(self, programs: Programs, folder: Path, deployment: str) -> None:
        super().__init__(programs, folder, deployment)
        self._revisions = 0

    def deploy(self, objects: Objects) -> Span:
        chart = self.folder / "chart"
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {RELEASE}\nversion: 0.1.0\n")
        (chart / "templates/all.yaml").write_text(as_template(without_namespace(objects)))
        self._revisions += 1
        return self.timed(self._command("upgrade", RELEASE, str(chart), "--install"))

    def roll_back(self) -> Span:
        earlier = self._revisions - 1
        self._revisions += 1
        return self.timed(self._command("rollback", RELEASE, str(earlier)))

    def _command(self, *words: str) -> Sequence[str]:
        return (str(self.programs.helm), *words, f"--namespace={self.namespace}", "--wait", f"--timeout={DONE_WITHIN}s")


@dataclass
class Yard:
    """`with Yard(programs) as yard: yard.admit(rival)`: accounts for rivals, which go again with all that the rivals brought."""

    programs: Programs
    _admitted: list[Rival] = field(default_factory=list)

    def __enter__(self) -> Yard:
        self._clear()
        self._create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ACCOUNTS}})
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def admit(self, rival: Rival, namespace: Objects) -> None:
        """Gives the rival a login with all rights, by which its requests are told apart from everybody else's, and its namespace."""
        self._create(*namespace)
        self._create(*_account(rival))
        config = json.loads(self._kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json"))
        token = self._kubectl("create", "token", rival.name, f"--namespace={ACCOUNTS}", "--duration=2h").strip()
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        rival.kubeconfig.touch(mode=0o600)
        rival.kubeconfig.write_text(json.dumps(config))
        self._admitted.append(rival)

    def _clear(self) -> None:
        bindings = [f"{ACCOUNTS}-{kind.name}" for kind in (Kubectl, Helm)]
        self._kubectl("delete", "clusterrolebinding", *bindings, "--ignore-not-found")
        namespaces = [ACCOUNTS, *(f"ancla-bench-{kind.name}" for kind in (Kubectl, Helm))]
        self._kubectl("delete", "namespace", *namespaces, "--ignore-not-found", f"--timeout={DONE_WITHIN}s")

    def _create(self, *objects: Any) -> None:
        self._kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(as_list(objects)))

    def _kubectl(self, *words: str, stdin: str = "") -> str:
        command = [str(self.programs.kubectl), f"--kubeconfig={self.programs.admin}", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=2 * DONE_WITHIN)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)} failed: {done.stderr.strip()[-1000:]}")
        return done.stdout


def as_list(objects: Objects) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def as_template(objects: Objects) -> str:
    """A chart's template that renders to just these objects."""
    text = "".join(f"---\n{json.dumps(one)}\n" for one in objects)
    return text.replace("{{", '{{ "{{" }}')


def _account(rival: Rival) -> Objects:
    subject = {"kind": "ServiceAccount", "namespace": ACCOUNTS, "name": rival.name}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": rival.name, "namespace": ACCOUNTS}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{ACCOUNTS}-{rival.name}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [subject],
        },
    ]
