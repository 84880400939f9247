"""Who is asked and as whom; what it means that nobody answers, or that the server refuses."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

from chalicelib.adapters.clock import SystemClock
from chalicelib.adapters.kubernetes.api import Api
from chalicelib.adapters.kubernetes.cluster import KubernetesCluster
from chalicelib.domain.errors import AnclaError, Invalid, Unavailable
from chalicelib.domain.fences import Anchor
from chalicelib.ports.cluster import PodPhase, Rejected
from tests.contracts.cluster_samples import NAMESPACE, SERVICE_ID, config_map, fence
from tests.kubernetes.server import Asked, Server, refusal, serving, write_kubeconfig
from tests.machine import free_port

OWNER = Anchor(NAMESPACE, "anchor", "uid")
ABSENT = refusal(404, "NotFound", "not found")
NAMESPACE_PATH = f"/api/v1/namespaces/{NAMESPACE}"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda asked: ABSENT) as server:
        yield server


def cluster(kubeconfig: Path | None) -> KubernetesCluster:
    return KubernetesCluster(SystemClock(), Api(kubeconfig))


def apply(kubeconfig: Path) -> None:
    cluster(kubeconfig).apply([config_map("settings", ["x"])], owner=OWNER, fence=fence(1))


# -- the way there ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be used"),
        ("", "file is empty"),
        ("{", "cannot be used"),
        ("a list: of nothing", "current-context"),
        ("clusters: []\nusers: []\ncontexts: []\ncurrent-context: nowhere", "nowhere"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named_with_what_is_wrong(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)

    with pytest.raises(Invalid, match=said) as caught:
        cluster(path)

    assert caught.value.code == "kubeconfig_invalid"
    assert str(path) in caught.value.message


def test_a_certificate_that_is_not_there_is_told_before_the_first_request(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path, "https://127.0.0.1:1", authority=tmp_path / "no-ca.crt")

    with pytest.raises(Invalid, match="no-ca.crt"):
        cluster(path)


def test_outside_of_a_cluster_a_kubeconfig_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(Invalid, match="this pod's service account") as caught:
        cluster(None)

    assert "ANCLA_KUBECONFIG" in caught.value.hint


def test_a_cluster_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not answer") as caught:
        apply(write_kubeconfig(tmp_path, f"http://127.0.0.1:{free_port()}"))

    assert caught.value.code == "cluster_unavailable"


def test_a_cluster_that_breaks_off_in_the_middle_of_an_answer_is_unavailable(tmp_path: Path) -> None:
    with create_server(("127.0.0.1", 0)) as listening:

        def break_off() -> None:
            for _ in range(2):  # a GET is asked once more
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"kind"')

        thread = threading.Thread(target=break_off, daemon=True)
        thread.start()
        with pytest.raises(Unavailable) as caught:
            apply(write_kubeconfig(tmp_path, f"http://127.0.0.1:{listening.getsockname()[1]}"))

    assert caught.value.code == "cluster_unavailable"


def test_a_certificate_of_another_ca_is_told(tmp_path: Path, self_signed: tuple[Path, Path], another: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed)
    with create_server(("127.0.0.1", 0)) as listening, context.wrap_socket(listening, server_side=True) as secured:
        thread = threading.Thread(target=_shake_hands, args=(secured,), daemon=True)
        thread.start()
        with pytest.raises(Unavailable) as caught:
            apply(write_kubeconfig(tmp_path, f"https://127.0.0.1:{secured.getsockname()[1]}", authority=another[0]))

    assert caught.value.code == "cluster_untrusted"


def _shake_hands(secured: ssl.SSLSocket) -> None:
    while True:
        try:
            secured.accept()[0].close()
        except ssl.SSLError:
            continue
        except OSError:
            return


# -- as whom ------------------------------------------------------------------------------------------------------------------------


def test_a_token_that_was_replaced_is_read_anew_when_the_old_one_is_refused(server: Server, tmp_path: Path) -> None:
    def only_the_second(asked: Asked) -> tuple[int, Any]:
        return (200, {"items": []}) if asked.headers["Authorization"] == "Bearer second" else refusal(401, "Unauthorized", "Unauthorized")

    server.answer = only_the_second
    ours = cluster(server.kubeconfig(tmp_path, token="first"))
    server.kubeconfig(tmp_path, token="second")

    assert ours.list_anchors(NAMESPACE, SERVICE_ID) == {}
    assert len(server.asked) == 2


def test_a_token_that_ran_out_is_told(server: Server, tmp_path: Path) -> None:
    server.answer = lambda asked: refusal(401, "Unauthorized", "Unauthorized")

    with pytest.raises(Unavailable, match="does not take Ancla's credentials") as caught:
        apply(server.kubeconfig(tmp_path))

    assert caught.value.code == "cluster_unauthorized"


def test_names_are_asked_for_without_the_content(server: Server, tmp_path: Path) -> None:
    server.answer = lambda asked: (200, {"items": []})

    cluster(server.kubeconfig(tmp_path)).list_objects(NAMESPACE, SERVICE_ID)

    assert {asked.headers["Accept"].partition(";g=")[0] for asked in server.asked} == {"application/json;as=PartialObjectMetadataList"}


# -- refusals -----------------------------------------------------------------------------------------------------------------------

NO_RIGHT = 'configmaps is forbidden: User "ancla" cannot create resource "configmaps" in API group "" in the namespace "ancla-acme"'
FULL = 'configmaps "settings" is forbidden: exceeded quota: workspace, requested: count/configmaps=1, used: 5, limited: 5'


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (refusal(403, "Forbidden", NO_RIGHT), Unavailable, "cluster_forbidden"),
        (refusal(403, "Forbidden", FULL), Rejected, ""),
        (refusal(403, "Forbidden", 'violates PodSecurity "restricted:latest"'), Rejected, ""),
        (refusal(403, "Forbidden", "it is being terminated", "NamespaceTerminating"), Unavailable, "namespace_ending"),
        (refusal(404, "NotFound", 'namespaces "ancla-acme" not found'), Rejected, ""),
        (refusal(422, "Invalid", "spec.replicas: must not be negative", "FieldValueInvalid"), Rejected, ""),
        (refusal(400, "BadRequest", 'strict decoding error: unknown field "spec.foo"'), Rejected, ""),
        (refusal(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"), Rejected, ""),
        (refusal(500, "", "etcdserver: request is too large"), Rejected, ""),
        (refusal(500, "InternalError", "failed calling webhook"), Unavailable, "cluster_unavailable"),
        (refusal(429, "TooManyRequests", "too many requests"), Unavailable, "cluster_unavailable"),
        ((503, b"upstream connect error"), Unavailable, "cluster_unavailable"),
    ],
)
def test_a_refusal_is_the_users_to_mend_or_ours(server: Server, tmp_path: Path, answer: Any, error: type[Exception], code: str) -> None:
    there = {"POST": answer, NAMESPACE_PATH: (200, {"metadata": {"name": NAMESPACE}})}
    server.answer = lambda asked: there.get(asked.method) or there.get(asked.path) or ABSENT

    with pytest.raises(error) as caught:
        apply(server.kubeconfig(tmp_path))

    assert str(caught.value).startswith("ConfigMap 'settings': ")
    said = answer[1].decode() if isinstance(answer[1], bytes) else answer[1]["message"]
    assert said in str(caught.value), "the cluster's own words are passed on"
    assert code == (caught.value.code if isinstance(caught.value, AnclaError) else "")


def test_where_no_namespace_is_ancla_has_no_rights_and_so_nothing_is_there(server: Server, tmp_path: Path) -> None:
    server.answer = lambda asked: ABSENT if asked.path == NAMESPACE_PATH else refusal(403, "Forbidden", NO_RIGHT)
    ours = cluster(server.kubeconfig(tmp_path))

    with pytest.raises(Rejected, match=f"ConfigMap 'settings': the namespace '{NAMESPACE}' is not there"):
        ours.apply([config_map("settings", ["x"])], owner=OWNER, fence=fence(1))
    assert ours.list_objects(NAMESPACE, SERVICE_ID) == {}
    assert ours.watch(NAMESPACE, ["api"], seconds=0)[0].message == "there is no Deployment 'api'"
    assert ours.watch_pod(NAMESPACE, "one-off", "uid", log_offset=0, seconds=1).phase is PodPhase.GONE
    assert ours.evidence(NAMESPACE, SERVICE_ID, OWNER) == []
    assert ours.find_token(NAMESPACE, "api", "vault") is None
    ours.lift_gate(NAMESPACE, "one-off", "uid")
    ours.delete_anchor(OWNER)
    ours.delete_ended_pods(NAMESPACE, SERVICE_ID, turn=1)


def test_ancla_s_rights_end_before_a_namespace_that_is_being_deleted_does(server: Server, tmp_path: Path) -> None:
    ending = 200, {"metadata": {"name": NAMESPACE, "deletionTimestamp": "2026-03-01T12:00:00Z"}}
    server.answer = lambda asked: ending if asked.path == NAMESPACE_PATH else refusal(403, "Forbidden", NO_RIGHT)

    with pytest.raises(Unavailable, match=f"the namespace '{NAMESPACE}' is being deleted") as caught:
        apply(server.kubeconfig(tmp_path))

    assert caught.value.code == "namespace_ending"


@pytest.mark.parametrize("change", [{"kind": "Gadget"}, {"apiVersion": "v2"}, {"metadata": {"name": "x"}}, {"metadata": None}])
def test_what_no_path_can_be_made_of_is_rejected_without_asking(server: Server, tmp_path: Path, change: dict[str, Any]) -> None:
    manifest = {**config_map("settings", ["x"]), **change}

    with pytest.raises(Rejected):
        cluster(server.kubeconfig(tmp_path)).apply([manifest], owner=OWNER, fence=fence(1))

    assert server.asked == []
