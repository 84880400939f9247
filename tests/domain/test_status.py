"""What followers are told at each moment of a run: the wire contract's table, line by line."""

from __future__ import annotations

import pytest

from chalicelib.domain.builds import BuildState
from chalicelib.domain.deploys import DeployState
from chalicelib.domain.failures import Failure
from chalicelib.domain.lanes import Lane
from chalicelib.domain.runs import Outcome, RunKind, Stage
from chalicelib.domain.status import (
    PipelineStatus,
    StageStatus,
    Word,
    pipeline_status,
    status_of_deploy,
    status_of_run_as_deploy,
    word_of_build,
)
from tests.domain.records import BUILD_ID, DEPLOY_ID, LATER, NOW, SERVICE_ID, a_build, a_deploy, a_run, running

NO_BUILD_KINDS = (RunKind.CONFIG_ONLY, RunKind.ROLLBACK, RunKind.PROMOTION)
BUILDING_STAGES = (Stage.BUILD, Stage.WATCH_BUILD)
UNMOVED_STAGES = (Stage.SNAPSHOT, Stage.PREFLIGHT, Stage.ANCHOR, Stage.PREPARE)
MOVING_STAGES = (
    Stage.RELEASE,
    Stage.WATCH_RELEASE,
    Stage.ROLL_OUT,
    Stage.WATCH_ROLL_OUT,
    Stage.REGISTER,
    Stage.ACTIVATE,
    Stage.SALVAGE,
    Stage.REVERT,
    Stage.WATCH_REVERT,
)
FAILURE = Failure(code="probe_failed", message="it never got ready", hint="look at its log", evidence=("GET / answered 500",))


def words(status: PipelineStatus) -> tuple[str | None, str | None]:
    return (status.build.status if status.build else None, status.deploy.status if status.deploy else None)


def test_a_service_that_nothing_was_asked_of_has_no_status() -> None:
    assert pipeline_status(None) == PipelineStatus(None, None)


def test_an_accepted_deploy_is_pending_before_its_build_has_begun() -> None:
    assert words(pipeline_status(a_run(), a_build())) == ("pending", None)


def test_an_accepted_deploy_is_pending_even_without_a_build_record() -> None:
    assert words(pipeline_status(a_run(), None)) == ("pending", None)


@pytest.mark.parametrize("stage", BUILDING_STAGES)
def test_a_build_that_goes_on_says_building_and_nothing_of_a_deploy(stage: Stage) -> None:
    assert words(pipeline_status(a_run(stage=stage), a_build())) == ("building", None)


def test_a_build_whose_record_says_building_is_building() -> None:
    assert words(pipeline_status(a_run(stage=Stage.REUSE), a_build(BuildState.BUILDING))) == ("building", None)


def test_a_failed_build_is_an_error_with_the_whole_reason_and_no_deploy() -> None:
    run = a_run(outcome=Outcome.FAILED, failure=FAILURE)
    status = pipeline_status(run, a_build(BuildState.FAILED, error_detail="not this one"))
    assert words(status) == ("error", None)
    assert status.build is not None
    assert status.build.error_detail == "it never got ready\nGET / answered 500\nhint: look at its log"


def test_a_build_that_failed_before_its_run_ended_tells_its_own_reason() -> None:
    status = pipeline_status(a_run(stage=Stage.WATCH_BUILD), a_build(BuildState.FAILED, error_detail="step 3 failed"))
    assert words(status) == ("error", None)
    assert status.build is not None and status.build.error_detail == "step 3 failed"


def test_a_run_that_failed_without_ever_having_an_image_is_a_build_error() -> None:
    assert words(pipeline_status(a_run(outcome=Outcome.FAILED, failure=FAILURE), a_build())) == ("error", None)


def test_a_superseded_build_ends_its_follower() -> None:
    run = a_run(outcome=Outcome.SUPERSEDED, detail="a newer request (run 8) took over")
    status = pipeline_status(run, a_build(BuildState.SUPERSEDED))
    assert words(status) == ("error", None)
    assert status.build is not None and status.build.error_detail == "a newer request (run 8) took over"


@pytest.mark.parametrize("stage", UNMOVED_STAGES)
def test_a_built_deploy_that_moved_nothing_yet_is_pending(stage: Stage) -> None:
    assert words(pipeline_status(a_run(stage=stage), a_build(BuildState.SUCCEEDED))) == ("success", "pending")


@pytest.mark.parametrize("stage", MOVING_STAGES)
def test_a_deploy_on_its_way_is_never_final_not_even_while_it_reverts(stage: Stage) -> None:
    run = a_run(stage=stage, failure=FAILURE)
    status = pipeline_status(run, a_build(BuildState.SUCCEEDED), a_deploy())
    assert words(status) == ("success", "deploying")
    assert status.deploy is not None and status.deploy.error_detail == ""


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.UNCHANGED, Outcome.INCLUDED])
def test_a_run_after_which_runs_what_was_asked_for_is_a_success(outcome: Outcome) -> None:
    assert words(pipeline_status(a_run(outcome=outcome), a_build(BuildState.SUCCEEDED))) == ("success", "success")


def test_an_unchanged_deploy_is_a_success_although_its_build_has_no_image_of_its_own() -> None:
    assert words(pipeline_status(a_run(outcome=Outcome.UNCHANGED), a_build(BuildState.SUPERSEDED))) == ("success", "success")


def test_a_failed_roll_out_is_an_error_of_the_deploy_alone() -> None:
    status = pipeline_status(a_run(outcome=Outcome.FAILED, failure=FAILURE), a_build(BuildState.SUCCEEDED), a_deploy(DeployState.FAILED))
    assert words(status) == ("success", "error")
    assert status.build is not None and status.build.error_detail == ""
    assert status.deploy is not None and status.deploy.error_detail == FAILURE.detail


@pytest.mark.parametrize("kind", NO_BUILD_KINDS)
def test_a_run_without_a_build_has_built_at_once(kind: RunKind) -> None:
    assert words(pipeline_status(a_run(kind, build=0))) == ("success", "pending")


@pytest.mark.parametrize("kind", NO_BUILD_KINDS)
def test_a_run_without_a_build_fails_as_a_deploy(kind: RunKind) -> None:
    assert words(pipeline_status(a_run(kind, build=0, outcome=Outcome.FAILED, failure=FAILURE))) == ("success", "error")


def test_a_deploy_of_an_earlier_build_shows_that_build() -> None:
    status = pipeline_status(a_run(of_build=2), a_build(BuildState.SUCCEEDED, number=2))
    assert words(status) == ("success", "pending")
    assert status.build is not None and (status.build.id, status.build.version) == (BUILD_ID, 2)


@pytest.mark.parametrize(
    ("stage", "state", "word"),
    [
        (Stage.RESOLVE, BuildState.PENDING, "pending"),
        (Stage.WATCH_BUILD, BuildState.BUILDING, "building"),
        (Stage.FINISHED, BuildState.SUCCEEDED, "success"),
    ],
)
def test_a_build_alone_never_shows_a_deploy(stage: Stage, state: BuildState, word: str) -> None:
    outcome = Outcome.SUCCEEDED if stage is Stage.FINISHED else None
    assert words(pipeline_status(a_run(RunKind.BUILD_ONLY, stage=stage, outcome=outcome), a_build(state))) == (word, None)


def test_a_run_that_gave_up_without_a_word_still_ends_with_one() -> None:
    status = pipeline_status(a_run(outcome=Outcome.SUPERSEDED), a_build(BuildState.SUCCEEDED))
    assert status.deploy is not None and status.deploy.error_detail == "superseded by a newer request"
    failed = pipeline_status(a_run(outcome=Outcome.FAILED), a_build(BuildState.SUCCEEDED))
    assert failed.deploy is not None and failed.deploy.error_detail == "failed"


def test_stages_carry_the_ids_that_were_given_out_before_there_is_a_record() -> None:
    status = pipeline_status(a_run(stage=Stage.SNAPSHOT, of_build=0), None)
    assert status.build == StageStatus(id=BUILD_ID, version=3, status=Word.PENDING, error_detail="", created=NOW, updated=NOW)
    later = pipeline_status(a_run(RunKind.ROLLBACK, stage=Stage.SNAPSHOT))
    assert later.deploy == StageStatus(id=DEPLOY_ID, version=0, status=Word.PENDING, error_detail="", created=NOW, updated=NOW)


def test_stages_take_number_and_times_from_the_records_once_they_are_there() -> None:
    status = pipeline_status(a_run(stage=Stage.ROLL_OUT, deploy=2), a_build(BuildState.SUCCEEDED), a_deploy())
    assert status.build is not None and status.build.updated == LATER
    assert status.deploy is not None and (status.deploy.version, status.deploy.updated) == (2, LATER)


@pytest.mark.parametrize(
    ("state", "complete", "error", "word"),
    [
        (DeployState.PENDING, False, False, "deploying"),
        (DeployState.COMPLETE, True, False, "success"),
        (DeployState.FAILED, False, True, "error"),
        (DeployState.SUPERSEDED, False, True, "error"),
    ],
)
def test_the_flags_of_a_deploy_say_how_it_ended(state: DeployState, complete: bool, error: bool, word: str) -> None:
    view = status_of_deploy(a_deploy(state), None)
    assert (view.complete, view.error, view.status) == (complete, error, word)


def test_a_deploy_says_whether_it_is_the_one_that_runs() -> None:
    lane = Lane(service_id=SERVICE_ID, active=running(2))
    assert status_of_deploy(a_deploy(DeployState.COMPLETE, number=2), lane).active
    assert not status_of_deploy(a_deploy(DeployState.COMPLETE, number=1), lane).active
    assert not status_of_deploy(a_deploy(DeployState.COMPLETE, number=2), Lane(service_id=SERVICE_ID)).active


def test_a_deploy_that_failed_tells_message_evidence_and_hint() -> None:
    assert status_of_deploy(a_deploy(DeployState.FAILED, failure=FAILURE), None).error_detail == FAILURE.detail
    assert status_of_deploy(a_deploy(DeployState.SUPERSEDED), None).error_detail == "superseded by a newer request"
    assert status_of_deploy(a_deploy(DeployState.COMPLETE), None).error_detail == ""


def test_a_deploy_without_a_record_is_read_off_its_run() -> None:
    waiting = status_of_run_as_deploy(a_run().noting(commit="abc"))
    assert (waiting.id, waiting.version, waiting.status, waiting.commit) == (DEPLOY_ID, 0, "pending", "abc")
    assert (waiting.complete, waiting.error) == (False, False)
    failed = status_of_run_as_deploy(a_run(outcome=Outcome.FAILED, failure=FAILURE))
    assert (failed.error, failed.error_detail) == (True, FAILURE.detail)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (BuildState.PENDING, "pending"),
        (BuildState.BUILDING, "building"),
        (BuildState.SUCCEEDED, "success"),
        (BuildState.FAILED, "error"),
        (BuildState.SUPERSEDED, "error"),
    ],
)
def test_every_state_of_a_build_has_its_word(state: BuildState, word: str) -> None:
    assert word_of_build(a_build(state)) == word


@pytest.mark.parametrize("kind", [kind for kind in RunKind if kind not in {RunKind.TEARDOWN_TREE, RunKind.TEARDOWN, RunKind.SCALE}])
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("state", list(BuildState))
def test_every_ended_run_ends_its_follower(kind: RunKind, outcome: Outcome, state: BuildState) -> None:
    build, deploy = words(pipeline_status(a_run(kind, outcome=outcome), a_build(state)))
    ended = build == "error" or (build == "success" and (deploy in {"success", "error"} or kind is RunKind.BUILD_ONLY))
    assert ended, (build, deploy)


@pytest.mark.parametrize("kind", [RunKind.DEPLOY, RunKind.CONFIG_ONLY, RunKind.ROLLBACK, RunKind.PROMOTION])
@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.FINISHED])
@pytest.mark.parametrize("state", [BuildState.PENDING, BuildState.BUILDING, BuildState.SUCCEEDED])
def test_no_open_run_ends_its_follower(kind: RunKind, stage: Stage, state: BuildState) -> None:
    build, deploy = words(pipeline_status(a_run(kind, stage=stage), a_build(state), a_deploy(DeployState.PENDING)))
    assert build != "error"
    assert deploy not in {"success", "error"}
