"""The tests of the engines' own programs, which are in Go: run with the toolchain, the modules and the flags of `engines build`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engines.certmanager.recipes import PROGRAMS as CERT_MANAGER
from engines.commands import run
from engines.kubernetes.recipes import PROGRAMS as KUBERNETES
from engines.recipes import Recipe
from engines.rooms import RECIPES
from engines.site import Site

TESTED = {"ingress": (KUBERNETES, "./ingress"), "network-policy": (KUBERNETES, "./netpol"), "cert-manager": (CERT_MANAGER, ".")}


@pytest.fixture
def go(site: Site) -> str:
    """Only where the engines were built: without Go's cache of that build, the libraries alone take minutes."""
    found = shutil.which("go")
    if found is None:
        pytest.skip("go is not installed")
    return found


@pytest.mark.parametrize("name", TESTED)
def test_the_programs_pass_their_own_tests(go: str, name: str) -> None:
    recipe, package = TESTED[name]
    words = ["nice", "-n", "19", go, "test", "-mod=readonly", "-trimpath", "-buildvcs=false", package]
    said = run(words, folder=recipe.folder, environment={"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}, timeout=300)
    assert said.startswith("ok"), said


def test_no_program_has_tests_that_nobody_runs() -> None:
    run_here = {folder(recipe, package) for recipe, package in TESTED.values()}
    assert {file.parent for recipe in RECIPES for file in recipe.folder.rglob("*_test.go")} == run_here


def folder(recipe: Recipe, package: str) -> Path:
    return recipe.folder / package.removeprefix("./")
