"""Container images made of Debian packages, without a base image to begin with and without Docker."""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from engines.commands import run_logged
from engines.errors import Trouble
from engines.oci import write_image
from engines.recipes import Bench

SUITE = "bookworm"
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianImage:
    """Writes `<archive>.tar`, an OCI archive of a small Debian with these packages and files, and `<archive>.digest`."""

    archive: str
    name: str
    """With a tag."""
    packages: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    """What is put on top, and under which path. A source is `recipe:file` of a recipe that this one needs."""
    entrypoint: tuple[str, ...] = ()

    def run(self, bench: Bench) -> None:
        if os.geteuid() != 0:
            raise Trouble(f"the image {self.name} is put together from Debian packages, which takes root", "run make engines as root")
        rootfs = bench.out / f"{self.archive}.rootfs.tar"
        run_logged(self._command(rootfs), bench.log)
        _add(rootfs, bench, self.files)
        config = {"Env": [PATH], **({"Entrypoint": [*self.entrypoint]} if self.entrypoint else {"Cmd": ["/bin/sh"]})}
        write_image(bench.out, self.archive, self.name, rootfs.read_bytes(), config)
        rootfs.unlink()

    def _command(self, rootfs: Path) -> list[str | Path]:
        left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
        packages = f"--include={','.join(self.packages)}"
        return ["nice", "-n", "19", "mmdebstrap", "--mode=root", "--variant=minbase", packages, *left_out, SUITE, rootfs]


def _add(rootfs: Path, bench: Bench, files: tuple[tuple[str, str], ...]) -> None:
    with tarfile.open(rootfs, "a") as tar:
        for named, target in files:
            recipe, _, file = named.partition(":")
            source = bench.needs[recipe] / file
            entry = tarfile.TarInfo(f".{target}")
            entry.size, entry.mode = source.stat().st_size, 0o755
            with source.open("rb") as content:
                tar.addfile(entry, content)
