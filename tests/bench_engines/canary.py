"""A secret that is set through the API, looked for wherever it must not be; and a plain value, which must be found there, or else the
search itself is blind."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping

from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.kinds import collection
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.vault import snapshot_path
from engines.site import Site, read_site
from tests.bench.figures import Figure
from tests.bench_engines.needles import forms_of, found_in_bytes, found_in_files
from tests.bench_engines.objects import Running, running
from tests.bench_engines.stage import NAMESPACE, SECRET, VARIABLE, WORKSPACE, Stage
from tests.journeys.ground import GROUND

ADDRESS = f"{WORKSPACE}/canary/production/web"
AT_BUILD = "BUILD_TOKEN"
DOCKERFILE = """FROM {base}
ARG {plain}
RUN --mount=type=secret,id={secret} echo "${plain}" | tee /greeting && sha256sum /run/secrets/{secret}
WORKDIR /app
COPY . .
USER 1000
"""
KINDS = ("ConfigMap", "Deployment", "Event", "Ingress", "Pod", "ReplicaSet", "Secret", "Service", "ServiceAccount")
"""What is read of the workspace's namespace."""

Places = Mapping[str, set[str]]
"""Where a value was found, and in which forms."""


def measure_canary(stage: Stage, say: Callable[[str], None]) -> list[Figure]:
    """Sets three values, deploys, and looks for each in every place. Raises RuntimeError where the search proves nothing."""
    values = {name: f"{name.lower().replace('_', '-')}-{secrets.token_urlsafe(24)}" for name in (SECRET, AT_BUILD, VARIABLE)}
    path = _deployed(stage, values)
    here = running(stage.ancla.environ, ADDRESS)
    _check_arrival(stage, path, here, values)
    found = {name: _search(stage, read_site(), value) for name, value in values.items()}
    blind = [place for place, places in found[VARIABLE].items() if not places]
    if blind:
        raise RuntimeError(f"a value that is not secret was not found in {', '.join(blind)}: that a secret is not there proves nothing")
    figures = []
    for name, title in ((SECRET, "run-time secret"), (AT_BUILD, "build-time secret")):
        for place, places in found[name].items():
            figures.append(Figure(name=f"{title} in {place}", measured=len(places), unit="", goal=0))
            if places:
                say(_told(name, place, places))
    return figures


def _deployed(stage: Stage, values: Mapping[str, str]) -> str:
    repository = stage.new_repository("canary")
    text = DOCKERFILE.format(base=stage.ancla.environ["ANCLA_ENGINES_BASE_IMAGE"], plain=VARIABLE, secret=AT_BUILD)
    repository.commit_version("1")
    repository.commit({"Dockerfile": text})
    path = stage.ancla.make_service(ADDRESS, repository)
    stage.set_variable(path, SECRET, values[SECRET], secret=True)
    stage.set_variable(path, AT_BUILD, values[AT_BUILD], secret=True, buildtime=True)
    stage.set_variable(path, VARIABLE, values[VARIABLE], buildtime=True)
    stage.deploy(path)
    return path


def _check_arrival(stage: Stage, path: str, here: Running, values: Mapping[str, str]) -> None:
    """The process has the secret, and Vault has it where the deploy's are."""
    stage.ancla.wait_until_serving(path)
    if stage.ancla.answer(path).get(SECRET) != values[SECRET]:
        raise RuntimeError(f"the process does not have the value of {SECRET} that was set through the API")
    kept = (here.ports.vault.read(snapshot_path(here.service.id, here.snapshot)) or {}).get(SECRET)
    if kept != Secret(values[SECRET]):
        raise RuntimeError(f"the value of {SECRET} that was set through the API is not in Vault")


def _search(stage: Stage, site: Site, value: str) -> dict[str, Places]:
    forms, cluster = forms_of(value), site.home / "kubernetes/data"
    files = {
        "etcd's files, with all that it ever held": [cluster / "etcd"],
        "the registry's blobs": [site.home / "registry/data"],
        "images and containers on the node": [cluster / "containerd"],
        "Ancla's own records and logs": [stage.ancla.home, stage.ancla.log],
        "the engines' logs": [site.home / "logs", site.home / "vault/audit.log"],
    }
    found: dict[str, Places] = {place: found_in_files(roots, forms) for place, roots in files.items()}
    return {**found, "objects of the cluster, pods among them": _objects(forms)}


def _objects(forms: Mapping[str, bytes]) -> Places:
    assert GROUND.admin is not None
    api = Api(GROUND.admin)
    texts = {kind: json.dumps(api.get(collection(kind, NAMESPACE))).encode() for kind in KINDS}
    return {kind: there for kind, text in texts.items() if (there := found_in_bytes(text, forms))}


def _told(name: str, place: str, places: Places) -> str:
    where = ", ".join(f"{each} ({'+'.join(sorted(forms))})" for each, forms in places.items())
    return f"the value of {name} was found in {place}: {where}"
