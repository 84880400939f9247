"""The catalog entry: reached and checked by host name."""

from __future__ import annotations

from chalicelib.manifests.catalog import render_entry
from tests.manifests.samples import SERVICE_ID, SHOP, full_snapshot, make_snapshot


def test_a_web_service_is_checked_at_its_health_path_under_its_host_name() -> None:
    entry = render_entry(SHOP, SERVICE_ID, full_snapshot(), apps_domain="apps.test", router="127.0.0.1", port=8701)
    assert entry.name == "api-production-shop-acme"
    assert (entry.address, entry.port) == ("127.0.0.1", 8701)
    assert entry.check_url == "http://127.0.0.1:8701/healthz"
    assert entry.check_host == "api-production-shop-acme.apps.test"
    assert entry.meta["ancla-address"] == "acme/shop/production/api"


def test_a_secured_service_is_checked_over_https() -> None:
    entry = render_entry(SHOP, SERVICE_ID, full_snapshot(), apps_domain="apps.test", tls=True, router="10.0.0.1", port=443)
    assert entry.check_url == "https://10.0.0.1:443/healthz"


def test_a_service_without_web_has_no_check() -> None:
    entry = render_entry(SHOP, SERVICE_ID, make_snapshot({"worker": "./work"}), apps_domain="apps.test", router="127.0.0.1", port=8701)
    assert (entry.check_url, entry.check_host, entry.port) == ("", "", 0)
