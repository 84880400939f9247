"""What a build may open: its own repository in the registry, its project's cache, and the source that it is built from."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from chalicelib.adapters.git.credentials import Logins, origin_of
from chalicelib.domain.registry import Holder
from chalicelib.manifests.buildkit import BuildYard, accesses_of, render_build_secret
from chalicelib.ports.builder import BuildJob
from chalicelib.ports.registry import RegistryTokens

WAITS = timedelta(hours=1)
"""How long a build may wait for its place before it begins."""


def needs_git_login(job: BuildJob, logins: Logins) -> bool:
    return origin_of(job.source.location) in logins


def open_secret(job: BuildJob, yard: BuildYard, tokens: RegistryTokens, logins: Logins, *, now: datetime) -> dict[str, Any]:
    """The manifest of the build's Secret, opened on its way into the cluster. The registry's password counts until the build has ended."""
    holder = Holder(service_id=job.service_id, build=job.number)
    good_for = WAITS + timedelta(seconds=yard.deadline)
    password = tokens.make_password(holder, accesses_of(job, yard), now=now, good_for=good_for)
    login = base64.b64encode(f"{holder.username}:{password.reveal()}".encode()).decode()
    git = logins.get(origin_of(job.source.location))
    return render_build_secret(
        job,
        yard,
        docker_config=json.dumps({"auths": {yard.registry: {"auth": login}}}),
        git_header=git.header().reveal() if git else "",
        values={name: secret.reveal() for name, secret in job.secrets.items()},
    )
