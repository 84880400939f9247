"""The binary that is looked at, and the running engines that it is looked at with."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.envconsul import PROGRAM
from engines.site import Site
from tests.engines.envconsul.workload import Workload, make_account, put_secrets, remove_account, remove_secrets
from tests.engines.running import running_site

VALUES = {
    "PLAIN": "one",
    "SPACES": "  two words  and more ",
    "QUOTES": """it's "quoted" `here`""",
    "DOLLAR": "$HOME ${PATH} $(id) $$",
    "LINES": "first\nsecond\n\nlast\n",
    "BACKSLASHES": r"\n \\ \$",
    "LETTERS": "żółć ✓ 日本",
    "EQUALS": "a=b=c",
    "EMPTY": "",
}


@pytest.fixture(scope="session")
def site() -> Site:
    return running_site()


@pytest.fixture(scope="session")
def binary(site: Site) -> Path:
    path = Path(os.environ.get("ANCLA_ENVCONSUL") or PROGRAM.built(site.cache) / "envconsul")
    if not os.access(path, os.X_OK):
        pytest.skip(f"there is no envconsul at {path}: make engines builds the stand-in, ANCLA_ENVCONSUL names another one")
    return path


@pytest.fixture(scope="session")
def namespace(site: Site) -> Iterator[str]:
    """One of this session's own: that of an earlier one may still be on its way out."""
    name = f"envconsul-{uuid.uuid4().hex[:8]}"
    make_account(site, name)
    yield name
    remove_account(site, name)


@pytest.fixture
def workload(site: Site, binary: Path, namespace: str, tmp_path: Path) -> Iterator[Workload]:
    """A service that has VALUES."""
    service_id = str(uuid.uuid4())
    put_secrets(site, namespace, service_id, VALUES)
    yield Workload(site, namespace, service_id, tmp_path, binary)
    remove_secrets(site, service_id)
