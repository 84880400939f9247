"""Images without a container engine: the archive is whole, and the same each time."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from engines.oci import OciImage
from engines.recipes import Bench

IMAGE = OciImage(
    archive="tool",
    name="localhost/tool:1",
    entrypoint=("/bin/tool",),
    files=(("tool", "/bin/tool"), ("base:notes", "/bin/share/notes")),
)


def make(folder: Path) -> dict[str, bytes]:
    out, base = folder / "out", folder / "base"
    for path in (out, base):
        path.mkdir(parents=True)
    (out / "tool").write_text("a program")
    (out / "tool").chmod(0o755)
    (base / "notes").write_text("words")
    IMAGE.run(Bench(sources=folder, out=out, needs={"base": base}, log=folder / "log"))
    with tarfile.open(out / "tool.tar") as tar:
        members = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        contents = {name: file.read() for name, file in members.items() if file is not None}
    return {**contents, "digest": (out / "tool.digest").read_bytes()}


def blob(archive: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    content = archive[f"blobs/{descriptor['digest'].replace(':', '/')}"]
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == descriptor["digest"]
    assert len(content) == descriptor["size"]
    return content


def test_the_archive_names_the_image_and_holds_all_that_it_names(tmp_path: Path) -> None:
    archive = make(tmp_path)
    (listed,) = json.loads(archive["index.json"])["manifests"]
    assert listed["annotations"]["io.containerd.image.name"] == "localhost/tool:1"
    assert archive["digest"].decode() == listed["digest"]
    manifest = json.loads(blob(archive, listed))
    config = json.loads(blob(archive, manifest["config"]))
    layer = gzip.decompress(blob(archive, manifest["layers"][0]))
    assert config["config"] == {"Entrypoint": ["/bin/tool"], "User": "65532:65532", "Env": ["PATH=/bin:/"]}
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]


def test_the_layer_has_folders_before_files_and_keeps_what_may_be_run(tmp_path: Path) -> None:
    archive = make(tmp_path)
    manifest = json.loads(blob(archive, json.loads(archive["index.json"])["manifests"][0]))
    layer = gzip.decompress(blob(archive, manifest["layers"][0]))
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        found = [(member.name, oct(member.mode), member.isdir()) for member in tar.getmembers()]
    assert found == [
        ("bin", "0o755", True),
        ("bin/tool", "0o755", False),
        ("bin/share", "0o755", True),
        ("bin/share/notes", "0o644", False),
    ]


def test_the_same_files_give_the_same_digest(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one"), make(tmp_path / "two")
    assert one["digest"] == two["digest"]
    manifest = json.loads(blob(one, json.loads(one["index.json"])["manifests"][0]))
    packed = blob(one, manifest["layers"][0])
    assert packed[4:8] == bytes(4), "the time in gzip's header"
