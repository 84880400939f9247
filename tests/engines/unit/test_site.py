"""Where a set's state and the cache are."""

from __future__ import annotations

from pathlib import Path

from engines.site import CHECKOUT, read_site


def test_home_and_cache_are_where_the_environment_says() -> None:
    site = read_site({"ANCLA_ENGINES_HOME": "/srv/engines", "ANCLA_ENGINES_CACHE": "/srv/cache"})
    assert (site.home, site.cache) == (Path("/srv/engines"), Path("/srv/cache"))


def test_by_default_the_home_is_in_the_checkout_and_the_cache_is_the_user_s() -> None:
    site = read_site({"HOME": "/home/ada"})
    assert (site.home, site.cache) == (CHECKOUT / ".engines-home", Path("/home/ada/.cache/ancla-engines"))
    assert read_site({"HOME": "/home/ada", "XDG_CACHE_HOME": "/fast"}).cache == Path("/fast/ancla-engines")
