"""What is built, from which sources, and under which name the result is cached.

A recipe's result lies in `<cache>/<name>-<hash>/`. The hash covers all that decides the result: sources, lock files, build flags,
the kind of machine, and the recipes whose results it takes. So a change of any of these builds anew, and nothing else does.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

GO_SOURCES = ("**/*.go", "go.mod", "go.sum")


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a recipe is being built."""

    sources: Path
    """The recipe's folder."""
    out: Path
    """Where results go: it becomes the cached folder as a whole, or not at all."""
    needs: Mapping[str, Path]
    """The results of the recipes that this one needs, by name."""
    log: Path
    """Where the output of commands goes."""


class Action(Protocol):
    """One part of a build. It is a frozen dataclass without absolute paths, since its repr counts for the hash."""

    def run(self, bench: Bench) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    name: str
    version: str
    licence: str
    """SPDX identifier."""
    folder: Path
    actions: tuple[Action, ...]
    sources: tuple[str, ...] = GO_SOURCES
    """Patterns below `folder` of the files that decide the result."""
    needs: tuple[Recipe, ...] = ()

    @property
    def slug(self) -> str:
        return f"{self.name}-{recipe_hash(self)}"

    def built(self, cache: Path) -> Path:
        """The folder with the result, whether or not it is there."""
        return cache / self.slug


def recipe_hash(recipe: Recipe) -> str:
    """16 hex digits of all that decides what comes out."""
    digest = hashlib.sha256()
    for part in (platform.machine(), recipe.name, recipe.version, repr(recipe.actions), *(recipe_hash(need) for need in recipe.needs)):
        _add(digest, part.encode())
    for path in _files(recipe):
        _add(digest, path.relative_to(recipe.folder).as_posix().encode())
        _add(digest, path.read_bytes())
    return digest.hexdigest()[:16]


def in_order(recipes: Iterable[Recipe]) -> list[Recipe]:
    """Each recipe once, after the ones that it needs."""
    found: dict[str, Recipe] = {}

    def visit(recipe: Recipe) -> None:
        for need in recipe.needs:
            visit(need)
        found.setdefault(recipe.name, recipe)

    for recipe in recipes:
        visit(recipe)
    return list(found.values())


def _files(recipe: Recipe) -> list[Path]:
    found = {path for pattern in recipe.sources for path in recipe.folder.glob(pattern) if path.is_file()}
    return sorted(path for path in found if not path.name.endswith("_test.go"))


def _add(digest: hashlib._Hash, part: bytes) -> None:
    # The length in front keeps ("ab", "c") and ("a", "bc") apart.
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)
