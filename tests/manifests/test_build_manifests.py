"""The build's Job: the right commit, the project's cache, and no secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.domain.hierarchy import Source, SourceKind
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.buildkit import BuildYard, cache_reference, git_context, render_build_job, render_build_secret
from chalicelib.ports.builder import BuildJob

COMMIT = "4f2d" * 10
YARD = BuildYard(cache_repository="registry.test/cache")


def make_job(
    *,
    source: Source | None = None,
    dockerfile: str = "",
    cache: str = "acme/shop",
    arguments: Mapping[str, str] | None = None,
    secrets: Mapping[str, Secret] | None = None,
) -> BuildJob:
    return BuildJob(
        id="b01d",
        service_id="s1",
        number=3,
        source=source or Source(location="https://git.test/acme/shop.git"),
        commit=COMMIT,
        repository="registry.test/acme/api",
        cache=cache,
        dockerfile=dockerfile,
        arguments=arguments or {},
        secrets=secrets or {},
    )


def pod_spec(job: BuildJob) -> dict[str, Any]:
    spec: dict[str, Any] = render_build_job(job, YARD)["spec"]["template"]["spec"]
    return spec


def words(job: BuildJob) -> list[str]:
    found: list[str] = pod_spec(job)["initContainers"][0]["args"]
    return found


@pytest.mark.parametrize(
    ("location", "context"),
    [
        ("https://git.test/acme/shop", f"https://git.test/acme/shop.git#{COMMIT}"),
        ("https://git.test/acme/shop.git", f"https://git.test/acme/shop.git#{COMMIT}"),
        ("https://git.test/acme/shop/", f"https://git.test/acme/shop.git#{COMMIT}"),
        ("git@git.test:acme/shop", f"git@git.test:acme/shop#{COMMIT}"),
        ("ssh://git@git.test/acme/shop", f"ssh://git@git.test/acme/shop#{COMMIT}"),
    ],
)
def test_the_context_is_the_commit_itself(location: str, context: str) -> None:
    assert git_context(location, COMMIT) == context


def test_builds_of_one_project_share_a_cache_and_others_do_not() -> None:
    assert cache_reference("c", "acme/shop") == cache_reference("c", "acme/shop")
    assert cache_reference("c", "acme/shop") != cache_reference("c", "acme/shop2")
    cache = cache_reference("registry.test/cache", "acme/shop")
    assert f"--import-cache=type=registry,ref={cache}" in words(make_job())
    assert f"--export-cache=type=registry,ref={cache},mode=max" in words(make_job())


def test_the_image_is_pushed_under_the_builds_number() -> None:
    assert "--output=type=image,name=registry.test/acme/api:v3,push=true" in words(make_job())


def test_build_arguments_are_sorted_and_survive_the_expansion() -> None:
    job = make_job(arguments={"B": "2", "A": "$(x)"}, dockerfile="Dockerfile.ancla")
    options = [word for word in words(job) if word.startswith("--opt=")]
    assert options[1:] == ["--opt=filename=Dockerfile.ancla", "--opt=build-arg:A=$$(x)", "--opt=build-arg:B=2"]


def test_a_build_secret_is_mounted_and_its_value_is_in_no_job() -> None:
    job = make_job(secrets={"TOKEN": Secret("hidden-value")})
    assert "--secret=id=TOKEN,src=/ancla/secrets/TOKEN" in words(job)
    assert "hidden-value" not in str(render_build_job(job, YARD))
    secret = render_build_secret(job, YARD, {"TOKEN": "opened"})
    volumes = [volume["secret"]["secretName"] for volume in pod_spec(job)["volumes"] if "secret" in volume]
    assert secret["metadata"]["name"] in volumes
    assert secret["stringData"] == {"TOKEN": "opened"}


def test_without_secrets_none_is_mounted() -> None:
    assert "secrets" not in [volume["name"] for volume in pod_spec(make_job())["volumes"]]


def test_a_build_talks_over_mutual_tls_and_is_never_tried_again_by_itself() -> None:
    assert {"--tlscacert=/ancla/tls/ca.pem", "--tlscert=/ancla/tls/cert.pem", "--tlskey=/ancla/tls/key.pem"} <= set(words(make_job()))
    spec = render_build_job(make_job(), YARD)["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_metadata_is_printed_only_after_the_build_went_well() -> None:
    spec = pod_spec(make_job())
    assert spec["containers"][0]["command"] == ["cat", "/ancla/out/metadata.json"]
    assert spec["initContainers"][0]["args"][-1] == "--metadata-file=/ancla/out/metadata.json"


def test_a_ready_image_makes_no_build() -> None:
    with pytest.raises(ValueError, match="no git source"):
        render_build_job(make_job(source=Source(kind=SourceKind.IMAGE, location="registry.test/x")), YARD)
