"""What every builder promises of the trees it takes; here the embedded one, on real repositories and with real workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.adapters.embedded.builder import EmbeddedBuilder
from chalicelib.ports.builder import JobState
from tests.contracts.builds import PROCFILE, built, job_for, refused, tree_of
from tests.contracts.repositories import Repository


def test_a_tree_with_a_procfile_becomes_an_image(builder: EmbeddedBuilder, home: Path, repository: Repository) -> None:
    commit = repository.commit({"Procfile": PROCFILE, "server.py": "print()\n", "lib/deep/x.txt": "x"}, "Serve")
    status = built(builder, job_for(repository, commit, procfile="Procfile"))
    assert status.state is JobState.SUCCEEDED
    assert status.image is not None
    assert status.image.processes == {"release": "python migrate.py", "web": "python server.py"}
    assert list(status.image.processes) == ["release", "web"]
    tree = tree_of(home, status)
    assert sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()) == ["Procfile", "lib/deep/x.txt", "server.py"]


def test_the_log_tells_what_was_done(builder: EmbeddedBuilder, repository: Repository) -> None:
    dockerfile = "FROM python:3.12\nRUN one\nRUN two\nCOPY . .\nCMD x\n"
    commit = repository.commit({"Procfile": PROCFILE, "Dockerfile": dockerfile}, "Serve\n\nMore.")
    status = built(builder, job_for(repository, commit, procfile="Procfile", dockerfile="Dockerfile"))
    assert status.image is not None
    assert status.log.decode().splitlines()[:-1] == [
        f"Cloning {repository.path} at {commit[:12]}",
        "  Serve",
        "  2 files, 0.1 KB",
        "Recorded Dockerfile: its 3 other steps are not run in this profile (COPY, RUN x2); the image is the source tree",
        "Processes",
        "  release: python migrate.py",
        "  web: python server.py",
        f"Image {status.image.digest}",
    ]
    assert status.log.decode().splitlines()[-1].startswith("Built v3 in ")


@pytest.mark.parametrize(
    ("command", "web"),
    [
        ('CMD ["python", "server.py"]', '["python", "server.py"]'),
        ("CMD python server.py", "python server.py"),
        ('ENTRYPOINT ["python"]\nCMD ["server.py"]', '["python", "server.py"]'),
    ],
)
def test_without_a_procfile_the_dockerfiles_command_is_the_web_process(
    builder: EmbeddedBuilder, repository: Repository, command: str, web: str
) -> None:
    commit = repository.commit({"Dockerfile": f"FROM python:3.12\n{command}\n"})
    status = built(builder, job_for(repository, commit, dockerfile="Dockerfile"))
    assert status.image is not None
    assert status.image.processes == {"web": web}


def test_the_log_holds_no_control_characters_of_others(builder: EmbeddedBuilder, repository: Repository) -> None:
    commit = repository.commit({"Procfile": PROCFILE}, "Red \x1b[31malert")
    assert b"\n  Red  [31malert\n" in built(builder, job_for(repository, commit, procfile="Procfile")).log


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_tree_of_many_folders_is_whole(builder: EmbeddedBuilder, home: Path, repository: Repository, ending: str) -> None:
    files = {f"d{number}/e{number % 7}/f{number}.txt": str(number) * 50 for number in range(120)}
    commit = repository.commit({**files, "Procfile": PROCFILE, "empty": ""})
    tree = tree_of(home, built(builder, job_for(f"{repository.path}{ending}", commit, procfile="Procfile")))
    assert {name: (tree / name).read_text() for name in files} == files
    assert (tree / "empty").read_bytes() == b""


def test_a_dockerfile_that_cannot_be_read_matters_only_without_a_procfile(builder: EmbeddedBuilder, repository: Repository) -> None:
    commit = repository.commit({"Procfile": PROCFILE, "Dockerfile": "FROM a\nINSTALL x\n"})
    status = built(builder, job_for(repository, commit, procfile="Procfile", dockerfile="Dockerfile"))
    assert status.state is JobState.SUCCEEDED
    assert b"Recorded Dockerfile, which cannot be read: Dockerfile line 2: " in status.log
    assert refused(builder, job_for(repository, commit, dockerfile="Dockerfile", id="second")).code == "dockerfile_invalid"


def test_files_named_for_ancla_are_used_where_the_job_names_them(builder: EmbeddedBuilder, repository: Repository) -> None:
    commit = repository.commit({"Procfile": "web: other\n", "Procfile.ancla": "web: ours\n"})
    status = built(builder, job_for(repository, commit, procfile="Procfile.ancla"))
    assert status.image is not None
    assert status.image.processes == {"web": "ours"}


def test_the_same_tree_has_the_same_digest(builder: EmbeddedBuilder, repository: Repository) -> None:
    first = built(builder, job_for(repository, repository.commit({"Procfile": PROCFILE}), procfile="Procfile"))
    second = built(builder, job_for(repository, repository.committed("Nothing new"), procfile="Procfile", id="second"))
    assert first.image == second.image is not None


def test_a_commit_that_is_not_there_is_named(builder: EmbeddedBuilder, repository: Repository) -> None:
    repository.commit({"Procfile": PROCFILE})
    assert refused(builder, job_for(repository, "0" * 40, procfile="Procfile")).code == "ref_not_found"


def test_a_strategy_that_needs_a_real_build_is_refused(builder: EmbeddedBuilder, repository: Repository) -> None:
    status = refused(builder, job_for(repository, repository.commit(), strategy="buildpack"))
    assert status.code == "strategy_unsupported"


def test_a_tree_without_anything_to_run_is_told_what_was_looked_for(builder: EmbeddedBuilder, repository: Repository) -> None:
    commit = repository.commit({"Dockerfile": "FROM python:3.12\nRUN x\n", "README": "x"})
    status = refused(builder, job_for(repository, commit, dockerfile="Dockerfile"))
    assert status.code == "nothing_to_run"
    assert status.message == "nothing says what to run: there is no Procfile, and the Dockerfile has no CMD or ENTRYPOINT"
    assert "web: " in status.hint


def test_a_bad_line_of_the_procfile_is_named(builder: EmbeddedBuilder, repository: Repository) -> None:
    commit = repository.commit({"Procfile": "web: x\nthis is wrong\n"})
    status = refused(builder, job_for(repository, commit, procfile="Procfile"))
    assert status.code == "procfile_invalid"
    assert "line 2" in status.message


@pytest.mark.parametrize(
    ("procfile", "dockerfile", "code"), [("Procfile", "", "procfile_missing"), ("", "Dockerfile", "dockerfile_missing")]
)
def test_a_file_that_the_job_names_and_the_tree_lacks_is_named(
    builder: EmbeddedBuilder, repository: Repository, procfile: str, dockerfile: str, code: str
) -> None:
    status = refused(builder, job_for(repository, repository.commit({"x": "x"}), procfile=procfile, dockerfile=dockerfile))
    assert status.code == code


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "lib/../../outside", "up/../outside", "loop"])
def test_a_link_that_leads_out_of_the_tree_is_refused(builder: EmbeddedBuilder, repository: Repository, target: str) -> None:
    (repository.path / "lib").mkdir()
    (repository.path / "up").symlink_to(".")
    (repository.path / "loop").symlink_to(target)
    status = refused(builder, job_for(repository, repository.commit({"lib/x": "x", "Procfile": PROCFILE}), procfile="Procfile"))
    assert status.code == "tree_unsafe"
    assert "'loop'" in status.message


def test_a_link_within_the_tree_is_kept(builder: EmbeddedBuilder, home: Path, repository: Repository) -> None:
    repository.commit({"lib/x": "x", "Procfile": PROCFILE})
    (repository.path / "lib/up").symlink_to("../lib/x")
    status = built(builder, job_for(repository, repository.commit(), procfile="Procfile"))
    assert (tree_of(home, status) / "lib/up").read_text() == "x"


def test_a_submodule_is_refused(builder: EmbeddedBuilder, repository: Repository) -> None:
    other = repository.commit({"Procfile": PROCFILE})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{other},vendor/library")
    status = refused(builder, job_for(repository, repository.committed(), procfile="Procfile"))
    assert status.code == "tree_unsafe"
    assert "'vendor/library' is a submodule" in status.message


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\tb"])
def test_a_file_name_with_control_characters_is_refused(builder: EmbeddedBuilder, repository: Repository, name: str) -> None:
    status = refused(builder, job_for(repository, repository.commit({name: "x", "Procfile": PROCFILE}), procfile="Procfile"))
    assert status.code == "tree_unsafe"
    assert repr(name) in status.message
    assert name.encode() not in status.log
