"""The parts of the demo that could do harm, or tell an untruth."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import io
import json
from pathlib import Path

import pytest

from chalicelib.usecases.webhooks import read_push
from tests.demo.deliveries import push_delivery
from tests.demo.homes import MARK, HomeProblem, prepared_home
from tests.demo.repository import SampleRepository
from tests.demo.telling import CheckFailed, Teller


def test_a_folder_with_something_else_in_it_is_never_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(HomeProblem, match="something else"):
        prepared_home(str(tmp_path))
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_the_folder_of_an_earlier_demo_is_cleared_and_used_again(tmp_path: Path) -> None:
    prepared_home(str(tmp_path / "home")).leave(keep_files=False)
    (tmp_path / "home/state.db").touch()
    (tmp_path / "home/logs").mkdir()
    home = prepared_home(str(tmp_path / "home"))
    assert [entry.name for entry in home.path.iterdir()] == [MARK]
    home.leave(keep_files=False)
    assert home.path.exists()


def test_a_demo_that_still_runs_is_left_alone(tmp_path: Path) -> None:
    home = prepared_home(str(tmp_path / "home"))
    with (home.path / "local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(HomeProblem, match="still runs"):
            prepared_home(str(home.path))
    home.leave(keep_files=False)


def test_a_home_of_its_own_goes_with_the_demo_unless_it_failed() -> None:
    home = prepared_home("")
    assert not home.code.is_relative_to(home.path)
    home.leave(keep_files=True)
    assert home.path.exists() and home.code.exists()
    home.leave(keep_files=False)
    assert not home.path.exists() and not home.code.exists()


def test_a_check_that_does_not_hold_ends_its_step_and_is_told() -> None:
    teller = Teller(io.StringIO())
    with pytest.raises(CheckFailed, match=r"step 4: it does not hold that water is dry \(found 'wet'\)"), teller.step(4, "water") as step:
        step.check("water is dry", False, "wet")
    assert teller.totals() == (0, 0, 0)


def test_a_step_is_one_line_or_its_title_its_details_and_its_end(tmp_path: Path) -> None:
    out = io.StringIO()
    teller = Teller(out)
    with teller.step(1, "short") as step:
        step.check("it holds", True)
        step.result = "well"
    with teller.step(2, "long") as step:
        step.detail("a detail")
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [["1", "short", "0.0", "s", "well"], ["2", "long"], ["a", "detail"], ["done", "0.0", "s"]]
    teller.write_facts(tmp_path / "demo.json", held=True)
    facts = json.loads((tmp_path / "demo.json").read_text())
    assert facts["held"] is True
    assert [step["checks"] for step in facts["steps"]] == [["it holds"], []]


def test_a_delivery_is_signed_and_names_the_push_as_github_does() -> None:
    delivery = push_delivery(repository="/srv/hello-web.git", branch="main", before="0" * 40, after="a" * 40, secret="s")
    assert delivery.headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"s", delivery.body, hashlib.sha256).hexdigest()
    push = read_push(json.loads(delivery.body))
    assert push is not None
    assert (push.branch, push.commit, push.by) == ("main", "a" * 40, "github:demo")


def test_the_sample_can_be_broken_and_repaired(tmp_path: Path) -> None:
    repository = SampleRepository(tmp_path)
    first = repository.create()
    good = (repository.work / "server.py").read_text()
    second = repository.push_broken(2)
    broken = (repository.work / "server.py").read_text()
    assert "status=500" in broken
    compile(broken, "server.py", "exec")
    third = repository.push_repaired(3)
    assert (repository.work / "server.py").read_text() == good
    assert (repository.work / "VERSION").read_text() == "3\n"
    assert len({first, second, third}) == 3
