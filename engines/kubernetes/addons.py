"""What runs as pods: the cluster's DNS."""

from __future__ import annotations

from string import Template

from engines.checks import name_resolves
from engines.engine import Engine
from engines.kubernetes import client
from engines.kubernetes.network import API_SERVICE_IP, CLUSTER_DOMAIN, DNS_SERVICE_IP
from engines.kubernetes.recipes import DNS_IMAGE, DNS_VERSION, HERE
from engines.site import Site


def addons(site: Site) -> tuple[Engine, ...]:
    return (_dns(site),)


def _dns(site: Site) -> Engine:
    return Engine(
        name="dns",
        version=f"CoreDNS {DNS_VERSION}",
        licence="Apache-2.0",
        address=f"{DNS_SERVICE_IP}:53",
        needs=("scheduler", "controller-manager", "kube-proxy"),
        after=lambda: client.apply(site, render_dns()),
        ready=name_resolves(DNS_SERVICE_IP, f"kubernetes.default.svc.{CLUSTER_DOMAIN}", API_SERVICE_IP),
    )


def render_dns() -> str:
    """The objects of the DNS, in YAML."""
    text = Template((HERE / "objects" / "dns.yaml").read_text())
    return text.substitute(image=DNS_IMAGE, address=DNS_SERVICE_IP, domain=CLUSTER_DOMAIN)
