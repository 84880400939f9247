"""What the cluster is built from."""

from __future__ import annotations

from pathlib import Path

from engines.build import GoBuild, Link
from engines.debian import Package
from engines.oci import OciImage
from engines.recipes import Recipe

HERE = Path(__file__).parent
VERSION = "1.34.4"
"""The newest that takes cgroup version 1 as it comes, and still speaks with Debian 12's containerd 1.6."""
ETCD_VERSION = "3.6.4"
DNS_VERSION = "1.13.1"
NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-ingress",
    "kube-netpol",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)

PAUSE_IMAGE = "localhost/pause:1"
SAMPLE_IMAGE = "localhost/sample:1"
DNS_IMAGE = f"localhost/coredns:{DNS_VERSION}"

PACKAGES = (
    Package("conntrack", "GPL-2.0-or-later"),
    Package("containerd", "Apache-2.0"),
    Package("containernetworking-plugins", "Apache-2.0"),
    Package("ethtool", "GPL-2.0-only"),
    Package("iproute2", "GPL-2.0-only"),
    Package("ipset", "GPL-2.0-only"),
    Package("iptables", "GPL-2.0-or-later"),
    Package("openssl", "Apache-2.0"),
    Package("runc", "Apache-2.0"),
    Package("util-linux", "GPL-2.0-or-later"),
)


def version_flags(version: str) -> str:
    """Linker flags by which the programs know their version. Kubernetes keeps it twice: for itself, and for its clients' user agent."""
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for package in packages for name, value in values.items())])


PROGRAMS = Recipe(
    name="kubernetes",
    version=VERSION,
    licence="Apache-2.0",
    folder=HERE / "programs",
    actions=(GoBuild(binary="kube", ldflags=version_flags(VERSION)), *(Link(name=name, target="kube") for name in NAMES)),
)
DNS = Recipe(
    name="coredns",
    version=DNS_VERSION,
    licence="Apache-2.0",
    folder=HERE / "dns",
    actions=(
        GoBuild(binary="coredns"),
        OciImage(archive="coredns", name=DNS_IMAGE, entrypoint=("/coredns",), files=(("coredns", "/coredns"),)),
    ),
)
IMAGES = Recipe(
    name="images",
    version="1",
    licence="Apache-2.0",
    folder=HERE / "images",
    actions=(
        GoBuild(binary="pause", package="./pause"),
        GoBuild(binary="sample", package="./sample"),
        OciImage(archive="pause", name=PAUSE_IMAGE, entrypoint=("/pause",), files=(("pause", "/pause"),)),
        OciImage(archive="sample", name=SAMPLE_IMAGE, entrypoint=("/sample",), files=(("sample", "/sample"),)),
    ),
)
RECIPES = (PROGRAMS, DNS, IMAGES)
