"""Container images of one layer, made from files alone: no Docker, no base image, and the same bytes each time."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from engines.recipes import Bench

MEDIA = "application/vnd.oci.image"
NOBODY = "65532:65532"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OciImage:
    """Makes an OCI archive that containerd imports under `name`, and a file with its manifest's digest (`write_image`)."""

    archive: str
    name: str
    """With a tag."""
    entrypoint: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    """What is in it, and under which path. A source is a file of this recipe's result, or `recipe:file` of one that it needs."""
    user: str = NOBODY
    environment: tuple[str, ...] = ()

    def run(self, bench: Bench) -> None:
        layer = _layer((_source(bench, source), target) for source, target in self.files)
        config = {"Entrypoint": list(self.entrypoint), "User": self.user, "Env": ["PATH=/bin:/", *self.environment]}
        write_image(bench.out, self.archive, self.name, layer, config)


def write_image(folder: Path, archive: str, name: str, layer: bytes, config: dict[str, Any]) -> None:
    """Writes `<archive>.tar` and `<archive>.digest` of an image whose whole file system is that layer, a tar."""
    blobs = _blobs(layer, config)
    _write_archive(folder / f"{archive}.tar", name, blobs)
    (folder / f"{archive}.digest").write_text(_digest(blobs[-1]))


def _source(bench: Bench, named: str) -> Path:
    recipe, separator, file = named.partition(":")
    return bench.needs[recipe] / file if separator else bench.out / named


def _layer(files: Iterable[tuple[Path, str]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folders: set[PurePosixPath] = set()
        for source, target in files:
            path = PurePosixPath(target.lstrip("/"))
            for folder in [*reversed(path.parents)][1:]:
                if folder not in folders:
                    folders.add(folder)
                    entry = tarfile.TarInfo(str(folder))
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(entry)
            content = source.read_bytes()
            entry = tarfile.TarInfo(str(path))
            entry.size, entry.mode = len(content), 0o755 if os.access(source, os.X_OK) else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _blobs(layer: bytes, config: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Configuration, packed layer and manifest."""
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    root = {"type": "layers", "diff_ids": [_digest(layer)]}
    described = _json({"architecture": _architecture(), "os": "linux", "config": config, "rootfs": root})
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": _descriptor(f"{MEDIA}.config.v1+json", described),
        "layers": [_descriptor(f"{MEDIA}.layer.v1.tar+gzip", packed)],
    }
    return described, packed, _json(manifest)


def _write_archive(path: Path, name: str, blobs: tuple[bytes, bytes, bytes]) -> None:
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    listed = {**_descriptor(f"{MEDIA}.manifest.v1+json", blobs[-1]), "annotations": annotations}
    members = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "manifests": [listed]}),
        **{f"blobs/{_digest(blob).replace(':', '/')}": blob for blob in blobs},
    }
    with tarfile.open(path, "w") as tar:
        for member, content in members.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def _architecture() -> str:
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
