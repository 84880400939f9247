"""Gathers what a pod's process needs, as the kubelet and envconsul would."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chalicelib.adapters.embedded.disk import remove_tree
from chalicelib.adapters.embedded.node.environment import expanded, resolved
from chalicelib.adapters.embedded.node.specs import Launch, PodSpec, Unrunnable, read_launch, read_pull_password
from chalicelib.adapters.embedded.node.supplies import Supplies
from chalicelib.domain.secrets import Secret

Find = Callable[[str, str, str], Mapping[str, Any] | None]
"""A manifest by kind, namespace and name, as it is wanted now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    work: Path
    command: tuple[str, ...]
    secrets: Mapping[str, Secret]


async def prepare(spec: PodSpec, namespace: str, find: Find, supplies: Supplies) -> Prepared:
    """Image, command and secrets. Raises Unrunnable, ImageMissing or SecretsDenied."""
    password = read_pull_password(_wanted(find, "Secret", namespace, spec.pull_secret))
    launch = _launch(spec, namespace, find)
    work = await asyncio.to_thread(supplies.image, spec.repository, spec.digest, password)
    secrets: dict[str, Secret] = {}
    for path in launch.secret_paths:
        secrets.update(await asyncio.to_thread(supplies.secrets, namespace, spec.account, path))
    return Prepared(work=work, command=launch.command, secrets=secrets)


def own_copy(prepared: Prepared, folder: Path) -> Prepared:
    """The same with a copy of the image's files in the pod's `folder`, which the process may write to as it likes: images stay as
    they are. Each start has a fresh one, like a container's writable layer."""
    work = folder / "files"
    remove_tree(work)
    shutil.copytree(prepared.work, work, symlinks=True)
    for path, folders, files in os.walk(work):
        for name in (*folders, *files):
            entry = Path(path, name)
            if not entry.is_symlink():
                entry.chmod(entry.stat().st_mode | stat.S_IWUSR)
    work.chmod(stat.S_IRWXU)
    return replace(prepared, work=work)


def _launch(spec: PodSpec, namespace: str, find: Find) -> Launch:
    if spec.config_map:
        return read_launch(_wanted(find, "ConfigMap", namespace, spec.config_map))
    known = expanded(spec.environment)
    return Launch(command=tuple(resolved(word, known) for word in spec.command), secret_paths=())


def _wanted(find: Find, kind: str, namespace: str, name: str) -> Mapping[str, Any]:
    manifest = find(kind, namespace, name)
    if manifest is None:
        raise Unrunnable(f"the {kind} {name!r} is not there")
    return manifest
