"""The configuration files of containerd, CNI, kubelet, kube-proxy and the API server's audit log. Rendering is pure."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

from engines.files import ensure_text
from engines.kubernetes.network import CGROUP, CLUSTER_CIDR, CLUSTER_DOMAIN, DNS_SERVICE_IP, NODE_IP, NODE_NAME, POD_CIDR
from engines.kubernetes.paths import Paths

PROXY_HEALTH_PORT = 10256
KEY_SIZE = 32
"""Bytes of a key of secretbox."""

CONTAINERD = """\
version = 2
root = "{data}"
state = "/run/containerd"
# What needs kernel modules or programs that the node does without.
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # A container without CAP_SYS_RESOURCE around it may not lower a score.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{cni}"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{registries}"
"""


def write_configuration(paths: Paths, pause: str) -> None:
    """Writes all of it; `pause` is the image that holds the namespaces of pods."""
    files = {
        "containerd.toml": render_containerd(paths, pause),
        "cni/10-pods.conflist": _json(render_cni(paths)),
        "kubelet.json": _json(render_kubelet(paths)),
        "kube-proxy.json": _json(render_kube_proxy(paths)),
        "audit.json": _json(render_audit_policy()),
        "resolv.conf": "",  # pods that are not to ask the cluster's DNS ask none: nothing leads out of the node
    }
    for name, text in files.items():
        ensure_text(paths.config(name), text)
    if not paths.encryption.is_file():  # kept for as long as what it has sealed
        key = base64.b64encode(secrets.token_bytes(KEY_SIZE)).decode()
        ensure_text(paths.encryption, _json(render_encryption(key)), mode=0o600)
    for folder in (paths.registries, paths.config("static-pods"), paths.data("ipam")):
        folder.mkdir(parents=True, exist_ok=True)


def render_containerd(paths: Paths, pause: str) -> str:
    return CONTAINERD.format(
        data=paths.data("containerd"),
        socket=paths.containerd_socket,
        pause=pause,
        cni=paths.config("cni"),
        registries=paths.registries,
    )


def render_cni(paths: Paths) -> Mapping[str, Any]:
    """A bridge. Addresses are not masqueraded, so that network policies and logs see who sent a packet."""
    addresses = {
        "type": "host-local",
        "dataDir": str(paths.data("ipam")),
        "ranges": [[{"subnet": POD_CIDR}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]}


def render_kubelet(paths: Paths) -> Mapping[str, Any]:
    server = paths.pair("kubelet-server")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(paths.pair("kubernetes-ca").certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "address": NODE_IP,
        "tlsCertFile": str(server.certificate),
        "tlsPrivateKeyFile": str(server.key),
        "containerRuntimeEndpoint": f"unix://{paths.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": ["pods"],
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "clusterDNS": [DNS_SERVICE_IP],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(paths.config("resolv.conf")),
        "staticPodPath": str(paths.config("static-pods")),
        "podLogsDir": str(paths.logs / "pods"),
        "volumePluginDir": str(paths.data("volume-plugins")),
        # The disk is the machine's, and may be rather full: imported images must not go for that.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "serializeImagePulls": False,
        "volumeStatsAggPeriod": "10s",  # how soon a pod is told that it wrote more than its folder may hold; a minute by default
    }


def render_kube_proxy(paths: Paths) -> Mapping[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(paths.kubeconfig("kube-proxy"))},
        "clusterCIDR": CLUSTER_CIDR,
        "hostnameOverride": NODE_NAME,
        "healthzBindAddress": f"{NODE_IP}:{PROXY_HEALTH_PORT}",
        "oomScoreAdj": 0,
        # These are settings of the whole machine, which a network namespace cannot write.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "iptables": {"minSyncPeriod": "100ms"},  # not 1 s, for which 0 would be taken: endpoints are to count soon
    }


def render_encryption(key: str) -> Mapping[str, Any]:
    """Secrets lie in etcd sealed with this key (base64), as in any cluster that keeps some."""
    provider = {"secretbox": {"keys": [{"name": "first", "secret": key}]}}
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": [provider, {"identity": {}}]}],
    }


def render_audit_policy() -> Mapping[str, Any]:
    """Who did what to which object, for every request; never what was in it, since that may be a secret."""
    return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
