"""Recipes: what decides under which name a result is cached, and that each result is made once, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engines.build import GoBuild, build, require_built
from engines.errors import Trouble
from engines.recipes import Bench, Recipe, in_order, recipe_hash


@dataclass(frozen=True)
class Copy:
    """Copies a source, and what the recipes have that this one needs."""

    source: str
    result: str

    def run(self, bench: Bench) -> None:
        text = (bench.sources / self.source).read_text() + "".join((need / "result").read_text() for need in bench.needs.values())
        (bench.out / self.result).write_text(text)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "main.go").write_text("package main\n")
    (folder / "go.sum").write_text("sum\n")
    return Recipe(name="tool", version="1.0", licence="MIT", folder=folder, actions=(Copy("main.go", "result"),))


def said_by(recipe: Recipe, cache: Path) -> list[str]:
    lines: list[str] = []
    build([recipe], cache, lines.append)
    return [line.split()[0] for line in lines]


@pytest.mark.parametrize("changed", ["main.go", "go.sum", "added/more.go"])
def test_a_change_of_a_source_or_lock_file_changes_the_hash(recipe: Recipe, changed: str) -> None:
    before = recipe_hash(recipe)
    path = recipe.folder / changed
    path.parent.mkdir(exist_ok=True)
    path.write_text("changed")
    assert recipe_hash(recipe) != before


def test_a_file_that_decides_nothing_leaves_the_hash_alone(recipe: Recipe) -> None:
    before = recipe_hash(recipe)
    (recipe.folder / "README.md").write_text("words")
    (recipe.folder / "main_test.go").write_text("package main\n")
    assert recipe_hash(recipe) == before


def test_flags_and_version_and_needs_change_the_hash(recipe: Recipe) -> None:
    variants = [
        recipe,
        replace(recipe, version="1.1"),
        replace(recipe, actions=(GoBuild(binary="tool"),)),
        replace(recipe, actions=(GoBuild(binary="tool", ldflags="-X main.version=1.0"),)),
        replace(recipe, needs=(replace(recipe, name="other"),)),
        replace(recipe, needs=(replace(recipe, name="other", version="2.0"),)),
    ]
    assert len({recipe_hash(variant) for variant in variants}) == len(variants)


def test_the_checkout_s_place_does_not_change_the_hash(recipe: Recipe, tmp_path: Path) -> None:
    moved = recipe.folder.rename(tmp_path / "elsewhere")
    before = recipe_hash(replace(recipe, folder=moved))
    moved.rename(tmp_path / "sources")
    assert recipe_hash(recipe) == before


def test_what_is_built_is_not_built_again(recipe: Recipe, tmp_path: Path) -> None:
    assert said_by(recipe, tmp_path / "cache") == ["build", "built"]
    assert said_by(recipe, tmp_path / "cache") == ["have"]
    assert not [*(tmp_path / "cache").glob("*.partial")]
    (recipe.folder / "main.go").write_text("package other\n")
    assert said_by(recipe, tmp_path / "cache") == ["build", "built"]
    assert (recipe.built(tmp_path / "cache") / "result").read_text() == "package other\n"


def test_a_build_that_fails_leaves_no_result_and_is_begun_again(recipe: Recipe, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    broken = replace(recipe, actions=(*recipe.actions, GoBuild(binary="tool", package="./nowhere")))
    with pytest.raises(Trouble, match="go build"):
        build([broken], cache, print)
    assert not broken.built(cache).exists()
    with pytest.raises(Trouble, match="not built yet: tool"):
        require_built([broken], cache)
    assert said_by(recipe, cache) == ["build", "built"]
    require_built([recipe], cache)


def test_needs_are_built_first_and_their_results_handed_over(recipe: Recipe, tmp_path: Path) -> None:
    base = replace(recipe, name="base")
    whole = replace(recipe, needs=(base,))
    assert [each.name for each in in_order([whole, base])] == ["base", "tool"]
    build([whole], tmp_path / "cache", print)
    assert (whole.built(tmp_path / "cache") / "result").read_text() == "package main\npackage main\n"
