"""Builds recipes into the cache, each once; what was interrupted is begun again, on top of what Go's own build cache kept."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engines.commands import run_logged
from engines.errors import Trouble
from engines.recipes import Bench, Recipe, in_order

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoBuild:
    """Builds one static binary of the Go module in the recipe's folder; go.sum has the checksum of every module."""

    binary: str
    package: str = "."
    ldflags: str = "-s -w"
    tags: str = ""

    def run(self, bench: Bench) -> None:
        if shutil.which("go") is None:
            raise Trouble("go is not installed", "the engines are built from source: install Go 1.24 or newer and put it on PATH")
        flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={self.ldflags}", f"-tags={self.tags}"]
        run_logged(
            ["nice", "-n", "19", "go", "build", *flags, "-o", bench.out / self.binary, self.package],
            bench.log,
            folder=bench.sources,
            environment={"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One more name for a binary that finds out by its name what to be."""

    name: str
    target: str

    def run(self, bench: Bench) -> None:
        (bench.out / self.name).symlink_to(self.target)


def build(recipes: Iterable[Recipe], cache: Path, say: Say = print) -> None:
    """Makes every result that the cache does not have yet, one line each with the seconds it took."""
    cache.mkdir(parents=True, exist_ok=True)
    for recipe in in_order(recipes):
        title = f"{recipe.name} {recipe.version} ({recipe.licence})"
        with _alone(cache / f"{recipe.name}.lock", title, say):
            if recipe.built(cache).is_dir():
                say(f"have    {title}")
                continue
            say(f"build   {title} …")
            start = time.monotonic()
            _make(recipe, cache)
            say(f"built   {title} in {time.monotonic() - start:.0f} s")


def require_built(recipes: Iterable[Recipe], cache: Path) -> None:
    missing = [recipe.name for recipe in in_order(recipes) if not recipe.built(cache).is_dir()]
    if missing:
        raise Trouble(f"not built yet: {', '.join(missing)}", "make engines")


def _make(recipe: Recipe, cache: Path) -> None:
    partial = cache / f"{recipe.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    log = cache / f"{recipe.name}.log"
    log.unlink(missing_ok=True)
    needs = {need.name: need.built(cache) for need in recipe.needs}
    for action in recipe.actions:
        action.run(Bench(sources=recipe.folder, out=partial, needs=needs, log=log))
    partial.rename(recipe.built(cache))


@contextmanager
def _alone(lock: Path, title: str, say: Say) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"wait    {title}: another build of it is running")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
