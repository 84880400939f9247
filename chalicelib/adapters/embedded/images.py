"""Images of the embedded registry: source trees, frozen under the hash of their content.

$HOME/images/sha256/<hex>/tree      the files, read-only; equal trees are one
$HOME/images/staging/…              trees on their way there
$HOME/registry/<repository>/<hex>   says that the repository has that image, with the number it was pushed as
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib.adapters.embedded.disk import locked, remove_tree, storage, write_whole
from chalicelib.domain.errors import Invalid

LOCK_SECONDS = 30.0
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]+)?(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_CHUNK = 1024 * 1024


class Images:
    """Puts whole trees, or nothing, whatever dies meanwhile. Raises Unavailable where the disk is full or read-only."""

    def __init__(self, home: Path) -> None:
        self._images = home / "images"
        self._registry = home / "registry"

    def staging(self, name: str) -> Path:
        """An empty folder, on the images' own disk, to make a tree in; what a predecessor left there is gone."""
        folder = self._images / "staging" / name
        with storage(self._images):
            remove_tree(folder)
            folder.mkdir(parents=True)
        return folder

    def discard(self, name: str) -> None:
        """Removes the staging folder of that name; nothing there is no error."""
        remove_tree(self._images / "staging" / name)

    def put(self, tree: Path, repository: str, number: int) -> str:
        """Takes the folder `tree` (it is moved) for the repository's image `number` and returns its digest."""
        entry = self._entry(repository)
        with storage(self._images):
            digest = freeze(tree)
            (self._images / "staging").mkdir(parents=True, exist_ok=True)
            home = self.tree(digest).parent
            with locked(self._images / "lock", seconds=LOCK_SECONDS):
                if not home.exists():
                    _move_whole(tree, home, self._images / "staging")
                newest = max(number, _pushed_as(entry / home.name))
                write_whole(entry / home.name, json.dumps({"number": newest}).encode())
        return digest

    def has(self, repository: str, digest: str) -> bool:
        return (self._entry(repository) / _hex(digest)).is_file() and self.tree(digest).is_dir()

    def tree(self, digest: str) -> Path:
        """Where the files of the image lie, if it is there."""
        return self._images / "sha256" / _hex(digest) / "tree"

    def remove_image(self, repository: str, digest: str, *, number: int) -> None:
        """Takes the image from the repository, unless it was pushed under a higher number since."""
        file = self._entry(repository) / _hex(digest)
        with self._changing():
            if file.is_file() and _pushed_as(file) <= number:
                file.unlink()
                self._remove_unused(file.parent)

    def remove(self, repository: str) -> None:
        """Takes all images from the repository."""
        entry = self._entry(repository)
        with self._changing():
            for file in _files_of(entry):
                file.unlink()
            self._remove_unused(entry)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with storage(self._images), locked(self._images / "lock", seconds=LOCK_SECONDS):
            yield

    def _remove_unused(self, entry: Path) -> None:
        """Removes what is empty of the folder, and the trees that no repository has any more, also where a death kept them so far."""
        self._remove_empty(entry)
        kept = {name for _, _, files in os.walk(self._registry) for name in files}
        for home in _folders_of(self._images / "sha256"):
            if home.name not in kept:
                remove_tree(home)

    def _remove_empty(self, folder: Path) -> None:
        """Removes the folder, and those that it lies in, as far as nothing else is there."""
        while folder != self._registry and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent

    def _entry(self, repository: str) -> Path:
        if not _REPOSITORY.fullmatch(repository):
            hint = "use parts of letters, digits, '.', '_' and '-', with '/' in between"
            raise Invalid(f"{repository[:80]!r} cannot be a repository of the registry", code="repository_invalid", hint=hint)
        return self._registry / repository


def freeze(tree: Path) -> str:
    """Makes the files and folders of `tree` read-only (but for its own folder, so that it can be moved) and returns its digest.

    The digest is the SHA-256 over one line a file: kind (file, executable or link), hash of its content or target, path.
    """
    listing = hashlib.sha256()
    for path in sorted(_paths(tree), key=lambda path: os.fsencode(path.relative_to(tree))):
        if path.is_symlink():
            kind, content = "link", hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
        else:
            executable = os.access(path, os.X_OK) and bool(path.stat().st_mode & 0o111)
            kind, content = "executable" if executable else "file", _hash_of(path)
            path.chmod(0o555 if executable else 0o444)
        listing.update(f"{kind} {content} ".encode() + os.fsencode(path.relative_to(tree)) + b"\0")
    for folder, _, _ in os.walk(tree):
        if Path(folder) != tree:
            os.chmod(folder, 0o555)
    return f"sha256:{listing.hexdigest()}"


def _pushed_as(file: Path) -> int:
    """The highest number that the image was pushed under; 0: it was not."""
    return int(json.loads(file.read_bytes())["number"]) if file.is_file() else 0


def _move_whole(tree: Path, home: Path, staging: Path) -> None:
    """Moves `tree` to `home`/tree so that `home` is there with the whole tree, or not at all."""
    home.parent.mkdir(parents=True, exist_ok=True)
    box = Path(tempfile.mkdtemp(dir=staging))
    tree.rename(box / "tree")
    (box / "tree").chmod(0o555)
    box.chmod(0o755)
    box.rename(home)


def _paths(tree: Path) -> Iterator[Path]:
    """All files and links below `tree`; links to folders are not followed."""
    for folder, folders, files in os.walk(tree):
        for name in files:
            yield Path(folder, name)
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                yield Path(folder, name)


def _hash_of(path: Path) -> str:
    content = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    return content.hexdigest()


def _files_of(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _folders_of(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _hex(digest: str) -> str:
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise Invalid(f"{digest[:80]!r} is not a digest", code="digest_invalid", hint="write sha256: and 64 hexadecimal digits")
    return match[1]
