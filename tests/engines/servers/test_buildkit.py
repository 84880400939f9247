"""BuildKit builds for who shows a certificate, and a build reaches what it needs and nothing else of this machine."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from engines.buildkit.pod import buildctl
from engines.images import REFERENCE, REPOSITORY
from engines.kubernetes.network import API_SERVICE_IP, HOST_IP, NODE_IP
from engines.registry.settings import ADDRESS, PORT
from engines.registry.tokens import token_for
from engines.site import Site

APP, CACHE = "suite/app", "suite/cache"
WITHIN = 120
REACH = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.split(":")
    with socket.socket() as tried:
        tried.settimeout(2)
        print("reached" if tried.connect_ex((host, int(port))) == 0 else "refused", place)
"""


@pytest.fixture
def login(site: Site, tmp_path: Path) -> dict[str, str]:
    """The environment of a build that may pull the base image, and push its result and its cache."""
    token = token_for(site, {REPOSITORY: ["pull"], APP: ["pull", "push"], CACHE: ["pull", "push"]})
    (tmp_path / "config.json").write_text(json.dumps({"auths": {ADDRESS: {"registrytoken": token}}}))
    return {"DOCKER_CONFIG": str(tmp_path)}


def build(site: Site, folder: Path, login: Mapping[str, str], dockerfile: str, *words: str) -> subprocess.CompletedProcess[str]:
    context = folder / "context"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(dockerfile)
    places = [f"--local=context={context}", f"--local=dockerfile={context}"]
    command = [*buildctl(site), "build", "--progress=plain", "--frontend=dockerfile.v0", *places, *words]
    return subprocess.run(command, env={"PATH": "/usr/bin:/bin", **login}, capture_output=True, text=True, timeout=WITHIN, check=False)


def step_was_cached(said: str) -> bool:
    """Of the one RUN step of a build, by what BuildKit says of it."""
    (step,) = set(re.findall(r"^(#\d+) \[.*\] RUN", said, re.MULTILINE))
    return f"{step} CACHED" in said


def run_step(site: Site, folder: Path, login: Mapping[str, str], *arguments: str) -> str:
    """What a RUN step of Python's prints. The name in the code keeps its result out of the cache."""
    code = f"{REACH}# {uuid.uuid4()}\n"
    (folder / "context").mkdir(exist_ok=True)
    (folder / "context" / "reach.py").write_text(code)
    done = build(site, folder, login, f"FROM {REFERENCE}\nCOPY reach.py /\nRUN python3 /reach.py {' '.join(arguments)}\n")
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_an_image_is_built_pushed_and_built_again_from_the_cache(site: Site, tmp_path: Path, login: dict[str, str]) -> None:
    dockerfile = f"FROM {REFERENCE}\nRUN echo {uuid.uuid4()} > /made\nCMD cat /made\n"
    output = f"--output=type=image,name={ADDRESS}/{APP}:v1,push=true"
    cache = [
        f"--export-cache=type=registry,ref={ADDRESS}/{CACHE}:suite,mode=max",
        f"--import-cache=type=registry,ref={ADDRESS}/{CACHE}:suite",
    ]
    first = build(site, tmp_path, login, dockerfile, output, *cache)
    assert first.returncode == 0, first.stderr
    subprocess.run([*buildctl(site), "prune", "--all"], check=True, capture_output=True, timeout=60)
    again = build(site, tmp_path, login, dockerfile, output, *cache)
    assert again.returncode == 0, again.stderr
    assert (step_was_cached(first.stderr), step_was_cached(again.stderr)) == (False, True)


def test_a_build_pushes_only_where_its_login_may(site: Site, tmp_path: Path, login: dict[str, str]) -> None:
    done = build(
        site, tmp_path, login, "FROM scratch\nCOPY Dockerfile /\n", f"--output=type=image,name={ADDRESS}/somebody/else:v1,push=true"
    )
    assert done.returncode != 0
    assert "insufficient_scope" in done.stderr or "401" in done.stderr


def test_who_shows_no_certificate_is_refused(site: Site) -> None:
    known = [*buildctl(site), "debug", "workers"]
    unknown = [word for word in known if not word.startswith(("--tlscert=", "--tlskey="))]
    assert [subprocess.run(words, capture_output=True, timeout=30, check=False).returncode for words in (known, unknown)] == [0, 1]


def test_a_dockerfile_brings_no_frontend_of_its_own(site: Site, tmp_path: Path, login: dict[str, str]) -> None:
    done = build(site, tmp_path, login, "# syntax=docker/dockerfile:1\nFROM scratch\n")
    assert done.returncode != 0
    assert "invalid frontend" in done.stderr


def test_a_step_reaches_the_registry_and_no_other_server_of_the_machine(site: Site, tmp_path: Path, login: dict[str, str]) -> None:
    walled = [f"{HOST_IP}:8200", f"{HOST_IP}:8501", f"{NODE_IP}:6443", f"{NODE_IP}:10250", f"{NODE_IP}:80", f"{API_SERVICE_IP}:443"]
    said = run_step(site, tmp_path, login, ADDRESS, *walled)
    assert f"reached {HOST_IP}:{PORT}" in said
    assert [place for place in walled if f"refused {place}" not in said] == []
