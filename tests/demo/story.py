"""The eight steps of the main job, and what must hold at each."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.demo.repository import BRANCH
from tests.demo.scene import GREETING, PRODUCTION, STAGING, Scene, check_answer, check_no_gap, files_with, pushed, took
from tests.demo.telling import CheckFailed, Telling

EVIDENCE_LINES = 3


def start(scene: Scene, step: Telling) -> None:
    scene.server.start()
    who = scene.terminal.ancla("whoami")
    step.check("the command line reaches the server with the admin's key", who["server"] == scene.server.url, who)
    step.result = scene.server.url


def set_up(scene: Scene, step: Telling) -> None:
    ancla = scene.terminal.ancla
    scene.commits.append(scene.repository.create())
    ancla("workspaces", "create", "acme")
    ancla("projects", "create", "acme", "shop")
    source = ("--repository", str(scene.repository.address), "--branch", BRANCH)
    ancla("services", "create", "acme/shop/staging", "api", *source, "--auto-deploy-branch", BRANCH)
    ancla("services", "create", "acme/shop/production", "api", *source)
    # The services of a demo are nobody else's business: they listen on this machine alone.
    ancla("config", "set", "acme", "HOST=127.0.0.1")
    ancla("config", "set", "acme/shop", "GREETING=hello")
    ancla("config", "set", "acme/shop/staging", f"GREETING={GREETING}")
    ancla("config", "set", "--secret", STAGING, "TOKEN=-", stdin=scene.token)
    resolved = {variable["name"]: variable for variable in ancla("config", "list", STAGING, "--resolved")}
    step.check("the environment's value beats the project's", resolved["GREETING"]["value"] == GREETING, resolved["GREETING"])
    step.check("a secret is masked", resolved["TOKEN"]["value"] == "**secret**")
    environments = {environment["slug"] for environment in ancla("envs", "list", "acme/shop")}
    step.check("a project comes with three environments", environments >= {"production", "staging", "development"}, environments)
    step.result = "api in staging and production, GREETING overridden, TOKEN secret"


def deploy(scene: Scene, step: Telling) -> None:
    began = time.monotonic()
    code = scene.terminal.watch("deploy", STAGING, tell=step.detail)
    scene.times.append(("ancla deploy, from the command to its end", time.monotonic() - began))
    step.check("the command says that the deploy succeeded", code == 0, code)
    newest = scene.deploys()[0]
    step.check("deploy 1 of build v1 is active", (newest.version, newest.build, newest.active) == (1, 1, True), newest)
    answer = scene.place(STAGING).ask_once()
    check_answer(scene, step, answer, version="1")
    step.detail(f"GET / -> version {answer['version']}, {answer['greeting']!r}, the secret's hash {answer['token_sha256'][:12]}…")
    step.facts["answer"] = answer
    scene.visitor.start()


def fail_and_keep(scene: Scene, step: Telling) -> None:
    scene.terminal.ancla("services", "update", STAGING, "--deployment-timeout", "10")
    commit = scene.repository.push_broken(2)
    run = pushed(scene, step, commit)
    step.check("the deploy failed", run.outcome == "failed", run)
    step.check("build v2 is there", scene.client.builds.get(STAGING, 2).status == "success")
    scene.times.append(("broken push accepted until all is as before", took(run)))
    failure = run.failure
    if failure is None:
        raise CheckFailed("step 4: the run names no reason")
    evidence = "\n".join(failure.evidence)
    step.check("the last log lines are shown", "health check: the table 'greetings' is missing" in evidence, evidence)
    step.check("the answer to the health check is shown", "500" in evidence and "/_health/" in evidence, evidence)
    step.check("there is a hint", bool(failure.hint))
    active = next(each for each in scene.deploys() if each.active)
    step.check("deploy 1 is still active", active.version == 1, active)
    check_answer(scene, step, scene.place(STAGING).ask_once(), version="1")
    check_no_gap(scene, step)
    step.detail(f"{failure.message} ({failure.code})")
    for line in failure.evidence[-EVIDENCE_LINES:]:
        step.detail(f"| {line}")
    step.detail(f"hint: {failure.hint}")
    step.facts["failure"] = {"code": failure.code, "message": failure.message, "hint": failure.hint, "evidence": list(failure.evidence)}
    step.result = f"deploy 1 goes on serving: {scene.visitor.answered} requests, 0 failed"


def push(scene: Scene, step: Telling) -> None:
    run = pushed(scene, step, scene.repository.push_repaired(3))
    step.check("the deploy succeeded", run.outcome == "succeeded", run)
    scene.times.append(("push accepted until active", took(run)))
    check_answer(scene, step, scene.place(STAGING).ask_once(), version="3")
    check_no_gap(scene, step)
    step.result = f"deploy {run.deploy} of build v{run.build} is active"


def promote(scene: Scene, step: Telling) -> None:
    source = next(each for each in scene.deploys() if each.active)
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        step.detail(line)

    code = scene.terminal.watch("promote", STAGING, "production", "--yes", tell=tell)
    step.check("the promotion succeeded", code == 0, lines)
    step.check("its preview was shown", any("would change" in line for line in lines), lines)
    target = next(each for each in scene.client.deploys.list(PRODUCTION) if each.active)
    step.check("production runs the very snapshot of staging", target.snapshot == source.snapshot, target)
    check_answer(scene, step, scene.place(PRODUCTION).ask_once(), version="3")
    step.facts["snapshot"] = target.snapshot
    step.result = f"production answers as version 3, snapshot {target.snapshot[:12]}…"


def roll_back(scene: Scene, step: Telling) -> None:
    first = next(each for each in scene.deploys() if each.version == 1)
    run = scene.terminal.ancla("rollback", STAGING, "--to", "1")
    step.check("the rollback succeeded", run["outcome"] == "succeeded", run)
    scene.times.append(("rollback, from the command to its end", run["seconds"]))
    step.check("it runs deploy 1's snapshot, byte for byte", run["snapshot"] == first.snapshot, run["snapshot"])
    check_answer(scene, step, scene.place(STAGING).ask_once(), version="1")
    status = scene.terminal.ancla("status", STAGING)
    step.check("the service is pinned", status["pinned"] is True, status)
    check_no_gap(scene, step)
    step.facts["snapshot"] = first.snapshot
    step.result = f"deploy {run['deploy']} runs snapshot {first.snapshot[:12]}… of deploy 1, pinned"


def sum_up(scene: Scene, step: Telling) -> None:
    scene.visitor.stop()
    visitor = scene.visitor
    check_no_gap(scene, step)
    step.check("the visitor saw version 1, 3 and 1 again, and nothing else", visitor.versions == ["1", "3", "1"], visitor.versions)
    leaks = files_with(scene, scene.token)
    step.check("no file of Ancla holds the secret", not leaks, leaks)
    for name, seconds in scene.times:
        step.detail(f"{name.ljust(46)} {seconds:6.1f} s")
    step.detail(f"{'requests during all that'.ljust(46)} {visitor.answered:6d}")
    step.detail(f"{'of these failed'.ljust(46)} {len(visitor.failures):6d}")
    step.detail(f"{'the slowest took'.ljust(46)} {visitor.slowest:6.2f} s")
    step.facts |= {"requests": visitor.answered, "failed_requests": len(visitor.failures), "slowest_seconds": round(visitor.slowest, 3)}
    step.facts["times"] = {name: round(seconds, 3) for name, seconds in scene.times}


STEPS: list[tuple[str, Callable[[Scene, Telling], None]]] = [
    ("Ancla starts, embedded profile", start),
    ("a workspace, a project, two services, variables", set_up),
    ("ancla deploy acme/shop/staging/api", deploy),
    ("a push with a broken health check", fail_and_keep),
    ("a good push", push),
    ("ancla promote acme/shop/staging/api production", promote),
    ("ancla rollback acme/shop/staging/api --to 1", roll_back),
    ("what it came to", sum_up),
]
