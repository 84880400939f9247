"""Golden files: what a renderer gave, reviewed once. `UPDATE_GOLDEN=1 pytest tests/manifests` writes them anew."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

GOLDEN = Path(__file__).parent / "golden"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Every object is written out, also where two share a part."""
        return True


def as_yaml(manifests: Sequence[Mapping[str, Any]]) -> str:
    return yaml.dump_all(manifests, Dumper=_Dumper, width=140, allow_unicode=True)


def assert_golden(name: str, manifests: Sequence[Mapping[str, Any]]) -> None:
    """The manifests are those of `golden/<name>.yaml`, byte for byte."""
    path, text = GOLDEN / f"{name}.yaml", as_yaml(manifests)
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
