"""The build's Job: the right commit, the project's cache, and no secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.domain.hierarchy import Source, SourceKind
from chalicelib.domain.secrets import Secret
from chalicelib.manifests.buildkit import BuildYard, accesses_of, cache_repository, git_context, render_build_job, render_build_secret
from chalicelib.ports.builder import BuildJob

COMMIT = "4f2d" * 10
YARD = BuildYard(registry="registry.test", bases=("base/python",))


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
        repository="acme/api",
        cache=cache,
        dockerfile=dockerfile,
        arguments=arguments or {},
        secrets=secrets or {},
    )


def pod_spec(job: BuildJob) -> dict[str, Any]:
    spec: dict[str, Any] = render_build_job(job, YARD, annotations={})["spec"]["template"]["spec"]
    return spec


def words(job: BuildJob) -> list[str]:
    return words_of(pod_spec(job), "build")


def words_of(spec: dict[str, Any], container: str) -> list[str]:
    found: list[str] = next(one["args"] for one in spec["initContainers"] if one["name"] == container)
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
    assert cache_repository("acme/shop") == cache_repository("acme/shop")
    assert cache_repository("acme/shop") != cache_repository("acme/shop2")
    cache = f"registry.test/{cache_repository('acme/shop')}:build"
    assert f"--import-cache=type=registry,ref={cache}" in words(make_job())
    assert f"--export-cache=type=registry,ref={cache},mode=max,ignore-error=true" in words(make_job())
    assert hosts(make_job()) == hosts(make_job(dockerfile="Dockerfile.ancla")) != hosts(make_job(cache="acme/shop2"))


def hosts(job: BuildJob) -> list[str]:
    """The name of the machine that each step sees: what it did counts for steps with the same name alone."""
    return [word for word in words(job) if word.startswith("--opt=hostname=")]


def test_a_build_may_push_to_its_own_and_pull_what_is_shared() -> None:
    opened = {access.name: access.actions for access in accesses_of(make_job(), YARD)}
    assert opened == {"acme/api": ("pull", "push"), cache_repository("acme/shop"): ("pull", "push"), "base/python": ("pull",)}


def test_build_arguments_that_buildkit_obeys_are_ancla_s_own() -> None:
    evil = dict.fromkeys(("BUILDKIT_SYNTAX", "BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_SANDBOX_HOSTNAME"), "others")
    job = make_job(arguments={**evil, "BUILDKIT_INLINE_CACHE": "1"})
    given = [word.removeprefix("--opt=build-arg:") for word in words(job) if word.startswith("--opt=build-arg:")]
    assert given == [f"BUILDKIT_CACHE_MOUNT_NS={cache_repository('acme/shop').removeprefix('cache/')}", "BUILDKIT_INLINE_CACHE=1"]


def test_the_image_is_pushed_under_the_builds_number() -> None:
    assert "--output=type=image,name=registry.test/acme/api:v3,push=true" in words(make_job())


def test_build_arguments_are_sorted_and_survive_the_expansion() -> None:
    job = make_job(arguments={"B": "2", "A": "$(x)"}, dockerfile="Dockerfile.ancla")
    options = [word for word in words(job) if word.startswith("--opt=")]
    assert "--opt=filename=Dockerfile.ancla" in options
    assert options[-2:] == ["--opt=build-arg:A=$$(x)", "--opt=build-arg:B=2"]


def mounted(job: BuildJob, *, git_login: bool = False) -> dict[str, str]:
    """File by key of the build's own Secret."""
    spec = render_build_job(job, YARD, annotations={}, git_login=git_login)["spec"]["template"]["spec"]
    own = [volume for volume in spec["volumes"] if volume.get("secret", {}).get("secretName") == "build-b01d"]
    paths = {
        volume["name"]: mount["mountPath"]
        for volume in own
        for container in spec["initContainers"]
        for mount in container["volumeMounts"]
        if mount["name"] == volume["name"]
    }
    return {item["key"]: f"{paths[volume['name']]}/{item['path']}" for volume in own for item in volume["secret"]["items"]}


def test_what_a_build_hides_is_mounted_and_in_no_job() -> None:
    job = make_job(secrets={"TOKEN": Secret("hidden-value")})
    secret = render_build_secret(job, YARD, docker_config="{}", git_header="Basic x", values={"TOKEN": "opened"})
    assert secret["metadata"]["name"] == "build-b01d"
    fetch = f"FROM scratch\nADD https://git.test/acme/shop.git#{COMMIT} /\n"
    hidden = {"config.json": "{}", "git-header": "Basic x", "ancla.fetch": fetch, "secret.TOKEN": "opened"}
    assert secret["stringData"] == hidden
    assert mounted(job, git_login=True) == {
        "config.json": "/ancla/login/config.json",
        "git-header": "/ancla/git/git-header",
        "ancla.fetch": "/ancla/git/ancla.fetch",
        "secret.TOKEN": "/ancla/secrets/TOKEN",
    }
    assert "--secret=id=TOKEN,src=/ancla/secrets/TOKEN" in words(job)
    assert "hidden-value" not in str(render_build_job(job, YARD, annotations={}))


def test_the_repositorys_login_is_for_its_own_host_and_out_of_the_builds_reach() -> None:
    job = make_job(source=Source(location="https://git.test:8443/acme/shop"), secrets={"TOKEN": Secret("x")})
    spec = render_build_job(job, YARD, annotations={}, git_login=True)["spec"]["template"]["spec"]
    fetch, build = spec["initContainers"]
    assert "--secret=id=GIT_AUTH_HEADER.git.test:8443,src=/ancla/git/git-header" in fetch["args"]
    assert [word for word in fetch["args"] if "TOKEN" in word] == [word for word in build["args"] if "GIT_AUTH" in word] == []
    assert ["git" in [mount["name"] for mount in one["volumeMounts"]] for one in (fetch, build)] == [True, False]
    assert {"--local=context=/ancla/context", "--local=dockerfile=/ancla/context"} <= set(build["args"])
    assert "--output=type=local,dest=/ancla/context" in fetch["args"]


def test_a_repository_without_a_login_is_fetched_by_buildkit_itself() -> None:
    assert [one["name"] for one in pod_spec(make_job())["initContainers"]] == ["build"]
    assert f"--opt=context=https://git.test/acme/shop.git#{COMMIT}" in words(make_job())


def test_a_job_waits_for_its_secret() -> None:
    assert render_build_job(make_job(), YARD, annotations={"a": "b"})["spec"]["suspend"] is True


def test_without_secrets_none_is_mounted() -> None:
    assert "secrets" not in [volume["name"] for volume in pod_spec(make_job())["volumes"]]


def test_a_build_talks_over_mutual_tls_and_is_never_tried_again_by_itself() -> None:
    assert {"--tlscacert=/ancla/tls/ca.pem", "--tlscert=/ancla/tls/cert.pem", "--tlskey=/ancla/tls/key.pem"} <= set(words(make_job()))
    spec = render_build_job(make_job(), YARD, annotations={})["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_metadata_are_the_pods_last_words_after_the_build_went_well() -> None:
    spec = pod_spec(make_job())
    assert spec["initContainers"][0]["args"][-1] == "--metadata-file=/ancla/out/metadata.json"
    assert spec["containers"][0]["command"] == ["cp", "/ancla/out/metadata.json", spec["containers"][0]["terminationMessagePath"]]


def test_a_ready_image_makes_no_build() -> None:
    with pytest.raises(ValueError, match="no git source"):
        render_build_job(make_job(source=Source(kind=SourceKind.IMAGE, location="registry.test/x")), YARD, annotations={})
