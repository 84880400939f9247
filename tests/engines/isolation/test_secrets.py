"""What a service's own credentials open, and what they do not: its account's token in the vault, its pull secret at the registry."""

from __future__ import annotations

import base64
import json

import pytest
from urllib3 import PoolManager

from chalicelib.manifests.names import account_of, pull_secret_name
from chalicelib.manifests.vault import data_path, role_name
from tests.contracts.engines_home import engine_environment
from tests.contracts.oci import MANIFEST
from tests.engines.isolation.conftest import Streets
from tests.engines.isolation.town import Service, Town
from tests.engines.live.workloads import Room, pod, wait_until

ASK_VAULT = """
import json, ssl, sys, urllib.error, urllib.request
address, role, method, path = sys.argv[1:]
context = ssl.create_default_context(cafile="/etc/ancla/vault-ca.crt")
def ask(method, path, body, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/v1/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, context=context, timeout=5) as answer:
        return json.loads(answer.read() or b"null")
try:
    jwt = open("/var/run/secrets/ancla.dev/vault/token").read()
    login = ask("POST", "auth/kubernetes/login", {"role": role, "jwt": jwt})
    body = {"data": {"TOKEN": "mine"}} if method == "POST" else None
    print(json.dumps(ask(method, path, body, **{"X-Vault-Token": login["auth"]["client_token"]})))
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code}))
"""
DENIED = {"status": 403}


def vault_says(town: Town, who: Service, method: str, path: str, *, role: str = "") -> dict[str, object]:
    """What the vault answers to the service's own account, asked from the service's own pod."""
    said = who.python(ASK_VAULT, town.around.injector.vault_address, role or role_name(who.id), method, path)
    return dict(json.loads(said))


def test_a_service_reads_what_was_frozen_for_it(town: Town, streets: Streets) -> None:
    said = vault_says(town, streets.home, "GET", entry(town, streets.home))

    assert said["data"]["data"] == {"TOKEN": f"of {streets.home.address}"}  # type: ignore[index]


@pytest.mark.parametrize("who", ["same_environment", "another_environment", "another_project", "field"])
def test_a_service_reads_nothing_of_another_one(town: Town, streets: Streets, who: str) -> None:
    other: Service = getattr(streets, who)

    assert vault_says(town, streets.home, "GET", entry(town, other)) == DENIED
    assert vault_says(town, streets.home, "GET", entry(town, other), role=role_name(other.id)) == DENIED
    assert "data" in vault_says(town, other, "GET", entry(town, other)), "it is there to be read"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_service_changes_nothing_in_the_vault(town: Town, streets: Streets, method: str) -> None:
    assert vault_says(town, streets.home, method, entry(town, streets.home)) == DENIED


def test_a_service_does_not_look_around_in_the_vault(town: Town, streets: Streets) -> None:
    mount = town.around.injector.vault_mount
    for path in (f"{mount}/metadata/ancla/services?list=true", f"{mount}/metadata/ancla?list=true", "sys/policies/acl?list=true"):
        assert vault_says(town, streets.home, "GET", path) == DENIED


def entry(town: Town, service: Service) -> str:
    return data_path(service.entry, mount=town.around.injector.vault_mount)


# -- the registry -------------------------------------------------------------------------------------------------------------------


def test_a_pull_secret_opens_the_one_repository_for_pulling_alone(town: Town, streets: Streets) -> None:
    own, other = (service.snapshot.image for service in (streets.home, streets.same_environment))

    assert registry_says(town, streets.home, "GET", own.repository, f"manifests/{own.digest}", "pull") == 200
    assert registry_says(town, streets.home, "GET", other.repository, f"manifests/{other.digest}", "pull") == 401
    assert registry_says(town, streets.home, "POST", own.repository, "blobs/uploads/", "push,pull") == 401
    assert registry_says(town, streets.home, "DELETE", own.repository, f"manifests/{own.digest}", "delete") == 401
    assert registry_says(town, streets.same_environment, "GET", other.repository, f"manifests/{other.digest}", "pull") == 200


def test_a_node_does_not_pull_another_services_image_with_a_services_pull_secret(town: Town, streets: Streets) -> None:
    """An image that no pod had before: what lies on the node already is not asked for again."""
    repository = streets.another_project.snapshot.image.repository
    image = town.around.image(f"{repository}@{town.shelf.put(repository, 'fresh')}")
    room = streets.home.room

    room.apply(pulling("intruder", image, streets.home))
    wait_until(lambda: "insufficient_scope: authorization failed" in waiting_for(room, "intruder"), within=40)
    room.apply(pulling("owner", image, streets.another_project))
    room.wait("condition=Ready", "pod/owner")
    room.kubectl("delete", "pod", "intruder", "owner", "--wait=false")


def registry_says(town: Town, who: Service, method: str, repository: str, what: str, actions: str) -> int:
    """The status that the registry answers with, once the service's password was traded for a token, as a node does."""
    http = PoolManager(ca_certs=str(town.shelf.registry.settings.ca), retries=False, timeout=10)
    username, password = login_of(who)
    asked = {"service": town.shelf.registry.tokens.service, "scope": f"repository:{repository}:{actions}", "grant_type": "password"}
    realm = engine_environment()["ANCLA_REGISTRY_REALM"]
    traded = http.request("POST", realm, fields={**asked, "username": username, "password": password}, encode_multipart=False)
    assert traded.status == 200, traded.data
    headers = {"Authorization": f"Bearer {traded.json()['access_token']}", "Accept": MANIFEST}
    return http.request(method, f"https://{town.around.registry}/v2/{repository}/{what}", headers=headers).status


def login_of(who: Service) -> tuple[str, str]:
    secret = who.room.get("secret", pull_secret_name(who.address))
    (found,) = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"].values()
    username, _, password = base64.b64decode(found["auth"]).decode().partition(":")
    return username, password


def pulling(name: str, image: str, who: Service) -> dict[str, object]:
    made = pod(name, imagePullSecrets=[{"name": pull_secret_name(who.address)}], serviceAccountName=account_of(who.address))
    container = made["spec"]["containers"][0]
    container |= {"image": image, "command": ["sleep", "600"], "resources": {"limits": {"memory": "64Mi"}}}
    return made


def waiting_for(room: Room, name: str) -> str:
    """What keeps the pod's container from running, in the node's words."""
    told = room.get("pod", name)["status"].get("containerStatuses", [])
    return "".join(str(status["state"].get("waiting", {}).get("message", "")) for status in told)
