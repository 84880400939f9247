"""Etcd, API server, controller manager and scheduler."""

from __future__ import annotations

from engines.checks import Identity, http_answers, https_answers
from engines.engine import Check, Engine, Place
from engines.kubernetes import client
from engines.kubernetes.network import API_PORT, API_URL, CLUSTER_CIDR, NODE_IP, SERVICE_CIDR
from engines.kubernetes.paths import Paths
from engines.kubernetes.recipes import ETCD_VERSION, HERE, PROGRAMS, VERSION
from engines.site import Site
from engines.supervisor import NODE

LICENCE = "Apache-2.0"
ETCD_CLIENTS, ETCD_PEERS, ETCD_HEALTH = 2379, 2380, 2381
CONTROLLER_MANAGER_PORT, SCHEDULER_PORT = 10257, 10259


def control_plane(site: Site) -> tuple[Engine, ...]:
    return (_etcd(site), _apiserver(site), _controller_manager(site), _scheduler(site))


def program(site: Site, name: str) -> str:
    return str(PROGRAMS.built(site.cache) / name)


API_READY = "/readyz?exclude=poststarthook/apiservice-discovery-controller"
"""That hook waits half a minute for each server behind the API server that does not answer yet: after a sudden end, the metrics'."""


def answers_admin(site: Site, port: int, path: str) -> Check:
    """Whether a server of the cluster answers the administrator with 200."""
    paths = Paths.of(site)
    admin = paths.pair("admin")
    ca = paths.pair("kubernetes-ca").certificate
    return https_answers(NODE_IP, port, path, ca=ca, identity=Identity(admin.certificate, admin.key))


def _etcd(site: Site) -> Engine:
    paths = Paths.of(site)
    own, ca = paths.pair("etcd"), paths.pair("etcd-ca").certificate
    clients, peers = f"https://127.0.0.1:{ETCD_CLIENTS}", f"https://127.0.0.1:{ETCD_PEERS}"
    return Engine(
        name="etcd",
        version=ETCD_VERSION,
        licence=LICENCE,
        address=f"{clients} (in the node)",
        place=Place.NODE,
        needs=(NODE,),
        argv=(
            program(site, "etcd"),
            "--name=ancla",
            f"--data-dir={paths.data('etcd')}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=ancla={peers}",
            f"--listen-metrics-urls=http://{NODE_IP}:{ETCD_HEALTH}",
            f"--cert-file={own.certificate}",
            f"--key-file={own.key}",
            f"--trusted-ca-file={ca}",
            "--client-cert-auth=true",
            f"--peer-cert-file={own.certificate}",
            f"--peer-key-file={own.key}",
            f"--peer-trusted-ca-file={ca}",
            "--peer-client-cert-auth=true",
            "--log-level=warn",
            # Safe against the death of any process, not of the machine; a deploy's many small writes are far quicker so.
            "--unsafe-no-fsync",
        ),
        ready=http_answers(NODE_IP, ETCD_HEALTH, "/readyz"),
    )


def _apiserver(site: Site) -> Engine:
    paths = Paths.of(site)
    return Engine(
        name="apiserver",
        version=VERSION,
        licence=LICENCE,
        address=API_URL,
        place=Place.NODE,
        needs=("etcd",),
        reads=(paths.config("audit.json"), paths.encryption),
        argv=(program(site, "kube-apiserver"), *_api_flags(), *_api_credentials(paths)),
        ready=answers_admin(site, API_PORT, API_READY),
        after=lambda: client.apply(site, (HERE / "objects" / "roles.yaml").read_text()),
        # It waits for watches to end for longer than anybody wants to wait; etcd has the state.
        stop_within=2,
        exports={
            "ANCLA_ENGINES_KUBECONFIG": str(paths.kubeconfig("admin")),
            "ANCLA_ENGINES_KUBECTL": program(site, "kubectl"),
            "ANCLA_ENGINES_KUBERNETES_URL": API_URL,
            "ANCLA_ENGINES_KUBERNETES_CA": str(paths.pair("kubernetes-ca").certificate),
            "ANCLA_ENGINES_AUDIT_LOG": str(paths.audit_log),
        },
    )


def _api_flags() -> tuple[str, ...]:
    return (
        f"--advertise-address={NODE_IP}",
        "--bind-address=0.0.0.0",
        f"--secure-port={API_PORT}",
        f"--etcd-servers=https://127.0.0.1:{ETCD_CLIENTS}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--anonymous-auth=false",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",  # for the namespaces whose Pod Security level allows it
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        "--audit-log-maxsize=100",
        "--audit-log-maxbackup=5",
        "--profiling=false",
    )


def _api_credentials(paths: Paths) -> tuple[str, ...]:
    own, to_etcd, to_kubelet = paths.pair("apiserver"), paths.pair("apiserver-to-etcd"), paths.pair("apiserver-to-kubelet")
    front, ca = paths.pair("front-proxy"), paths.pair("kubernetes-ca").certificate
    return (
        f"--client-ca-file={ca}",
        f"--tls-cert-file={own.certificate}",
        f"--tls-private-key-file={own.key}",
        f"--etcd-cafile={paths.pair('etcd-ca').certificate}",
        f"--etcd-certfile={to_etcd.certificate}",
        f"--etcd-keyfile={to_etcd.key}",
        f"--kubelet-certificate-authority={ca}",
        f"--kubelet-client-certificate={to_kubelet.certificate}",
        f"--kubelet-client-key={to_kubelet.key}",
        f"--requestheader-client-ca-file={paths.pair('front-proxy-ca').certificate}",
        f"--proxy-client-cert-file={front.certificate}",
        f"--proxy-client-key-file={front.key}",
        f"--service-account-key-file={paths.signing_public_key}",
        f"--service-account-signing-key-file={paths.signing_key}",
        f"--encryption-provider-config={paths.encryption}",
        f"--audit-policy-file={paths.config('audit.json')}",
        f"--audit-log-path={paths.audit_log}",
    )


def _controller_manager(site: Site) -> Engine:
    paths = Paths.of(site)
    ca = paths.pair("kubernetes-ca")
    return Engine(
        name="controller-manager",
        version=VERSION,
        licence=LICENCE,
        address=f"https://{NODE_IP}:{CONTROLLER_MANAGER_PORT}",
        place=Place.NODE,
        needs=("apiserver",),
        argv=(
            program(site, "kube-controller-manager"),
            *_manager_flags(paths, "controller-manager"),
            f"--requestheader-client-ca-file={paths.pair('front-proxy-ca').certificate}",
            f"--root-ca-file={ca.certificate}",
            f"--cluster-signing-cert-file={ca.certificate}",
            f"--cluster-signing-key-file={ca.key}",
            f"--service-account-private-key-file={paths.signing_key}",
            "--use-service-account-credentials=true",
            "--allocate-node-cidrs=true",
            f"--cluster-cidr={CLUSTER_CIDR}",
            f"--flex-volume-plugin-dir={paths.data('volume-plugins')}",
        ),
        ready=answers_admin(site, CONTROLLER_MANAGER_PORT, "/healthz"),
    )


def _scheduler(site: Site) -> Engine:
    return Engine(
        name="scheduler",
        version=VERSION,
        licence=LICENCE,
        address=f"https://{NODE_IP}:{SCHEDULER_PORT}",
        place=Place.NODE,
        needs=("apiserver",),
        argv=(program(site, "kube-scheduler"), *_manager_flags(Paths.of(site), "scheduler")),
        ready=answers_admin(site, SCHEDULER_PORT, "/readyz"),
    )


def _manager_flags(paths: Paths, name: str) -> tuple[str, ...]:
    """What controller manager and scheduler have in common."""
    kubeconfig, server = paths.kubeconfig(name), paths.pair(f"{name}-server")
    return (
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={NODE_IP}",
        f"--client-ca-file={paths.pair('kubernetes-ca').certificate}",
        f"--tls-cert-file={server.certificate}",
        f"--tls-private-key-file={server.key}",
        "--leader-elect=false",  # there is one of each
        "--profiling=false",
    )
