"""The rules of the design that a reader could break without noticing. Each names the place that breaks it, and why it matters."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from chalicelib.api.routes import check_routes
from chalicelib.api.surface import ROUTES
from chalicelib.domain.policy import Action
from chalicelib.domain.runs import Stage
from chalicelib.pipeline.steps import STEPS
from chalicelib.pipeline.work import TERMS

ROOT = Path(__file__).parents[1]
SERVER = ("chalicelib", "app.py", "local.py", "users.py", "doctor.py")
SOURCES = (*SERVER, "cli/ancla_cli", "sdks/python/ancla_sdk")
MAX_FILE = 300
MAX_FUNCTION = 40

ADAPTERS = "chalicelib/adapters/"
HOMES = {
    "aiohttp": (f"{ADAPTERS}embedded/node/",),
    "boto3": (ADAPTERS,),
    "botocore": (ADAPTERS,),
    "chalice": ("app.py", "local.py", "chalicelib/api/"),
    "consul": (ADAPTERS,),
    "cryptography": (ADAPTERS,),
    "hvac": (ADAPTERS,),
    "jwt": (ADAPTERS,),
    "kubernetes": (ADAPTERS,),
    "msgspec": (ADAPTERS, "chalicelib/api/"),
    "multidict": (f"{ADAPTERS}embedded/node/",),
    "pynamodb": (f"{ADAPTERS}dynamo/",),
    "requests": (ADAPTERS,),
    "socket": (ADAPTERS, "chalicelib/doctor/ingress.py", "chalicelib/doctor/machine.py"),
    "sqlite3": (ADAPTERS,),
    "subprocess": (ADAPTERS,),
    "urllib3": (ADAPTERS, "chalicelib/doctor/http.py"),
    "waitress": (f"{ADAPTERS}embedded/http_server.py",),
    "yarl": (f"{ADAPTERS}embedded/node/",),
}
"""Where each vendor (and each module of the standard library that reaches outside) may be imported."""

OPENS_SECRETS = {
    f"{ADAPTERS}embedded/node/environment.py",  # the process that the values are for
    f"{ADAPTERS}embedded/registry.py",  # checks a pull password
    f"{ADAPTERS}embedded/vault.py",  # seals them
    f"{ADAPTERS}buildkit/credentials.py",  # the job's Secret, which goes with the job
    f"{ADAPTERS}git/credentials.py",  # the header of a git server's login
    f"{ADAPTERS}git/http.py",  # sends it
    f"{ADAPTERS}registry.py",  # shows our own token to the registry
    f"{ADAPTERS}registry_tokens.py",  # checks a pull password
    f"{ADAPTERS}vault.py",  # keeps them, and logs in as a workload
    "chalicelib/api/integrations.py",  # the registry's token, to who has the password for it
    "chalicelib/manifests/identity.py",  # the pull secret, which the node reads before any pod runs
}

DRAWS_ITSELF = {
    f"{ADAPTERS}clock.py",  # the port
    f"{ADAPTERS}dynamo/table.py",  # spreads retries
    f"{ADAPTERS}embedded/node/ports.py",  # where it begins to look for a free port
    f"{ADAPTERS}embedded/node/supervisor.py",  # names pods, as a real cluster does
    f"{ADAPTERS}embedded/registry.py",  # the default of its clock, which tests replace
}

STEPS_ONLY_LOOK = tuple(f"chalicelib/{room}/" for room in ("domain", "manifests", "ports", "usecases", "pipeline"))
CATCH_ALL = {"chalicelib/api/http.py", "chalicelib/pipeline/chores.py", "chalicelib/pipeline/machine.py", "local.py"}
SLOW_TO_LOAD = (
    "aiohttp",
    "boto3",
    "botocore",
    "consul",
    "cryptography",
    "hvac",
    "jwt",
    "kubernetes",
    "pynamodb",
    "requests",
    "sqlite3",
    "urllib3",
)


def test_each_vendor_stays_in_its_room() -> None:
    strays = [
        f"{path}:{line} imports {module}"
        for path in python_files(*SERVER)
        for line, module in imports(path)
        if module in HOMES and not path.startswith(HOMES[module])
    ]
    assert strays == [], "a vendor that leaks out of its room can be neither replaced nor loaded late"


def test_a_secret_is_opened_only_where_its_value_has_to_go() -> None:
    opened = {path for path in python_files(*SOURCES) if any(name.endswith(".reveal") for _, name in calls(path))}
    assert opened <= OPENS_SECRETS, "each further place is one more where a value can leak"


def test_nothing_below_the_adapters_sleeps() -> None:
    sleepers = [
        f"{path}:{line}"
        for path in python_files("chalicelib")
        if path.startswith(STEPS_ONLY_LOOK)
        for line, name in calls(path)
        if name in {"time.sleep", "sleep"}
    ]
    assert sleepers == [], "a step looks once and returns Wait: what sleeps holds a function, and dies with it"


def test_time_and_chance_come_in_through_the_clock_port() -> None:
    drawn = {
        path
        for path in python_files("chalicelib")
        for _, name in calls(path)
        if name.endswith(("datetime.now", "datetime.utcnow", "uuid4")) or name.startswith(("random.", "secrets.token"))
    }
    assert drawn <= DRAWS_ITSELF, "what draws for itself cannot be played again over virtual time"


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.FINISHED], ids=lambda stage: stage.value)
def test_every_unfinished_stage_has_a_step_and_terms(stage: Stage) -> None:
    assert stage in STEPS
    assert stage in TERMS


def test_a_finished_run_has_no_step() -> None:
    assert Stage.FINISHED not in STEPS


def test_every_route_has_a_policy_a_summary_and_schemas() -> None:
    check_routes(ROUTES)
    for route in ROUTES:
        assert route.action in Action
        assert route.summary and not route.summary.endswith("."), f"{route.operation}: a summary is a fragment"


def test_importing_the_app_loads_no_engine() -> None:
    script = f"import sys, app; print(*sorted(set({SLOW_TO_LOAD!r}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == [], "every function of the control plane pays for what the app loads at its cold start"


def test_files_stay_short() -> None:
    long = [f"{path} has {lines}" for path in python_files(*SOURCES) if (lines := text_of(path).count("\n")) >= MAX_FILE]
    assert long == [], f"split it by noun before it has {MAX_FILE} lines"


def test_functions_stay_short() -> None:
    long = [
        f"{path}:{function.lineno} {function.name} has {lines}"
        for path in python_files(*SERVER)
        for function in functions(path)
        if (lines := length_without_table(function)) >= MAX_FUNCTION
    ]
    assert long == [], f"a function of {MAX_FUNCTION} lines does two things"


def test_only_the_boundaries_catch_everything() -> None:
    catching = {path for path in python_files(*SOURCES) if any(catches_all(node) for node in nodes(path))}
    assert catching <= CATCH_ALL, "elsewhere it would hide a mistake that should be tried again, or be seen"


def test_nothing_is_left_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME")
    found = [
        f"{path}:{number}"
        for path in python_files(*SOURCES, "tests")
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if any(mark in line for mark in marks)
    ]
    assert found == []


def python_files(*parts: str) -> Iterator[str]:
    """The Python files below these parts of the repository, as paths from its root."""
    for part in parts:
        start = ROOT / part
        files = [start] if start.is_file() else sorted(start.rglob("*.py"))
        yield from (str(file.relative_to(ROOT)) for file in files)


@cache
def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def nodes(path: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(text_of(path), path)))


def imports(path: str) -> Iterator[tuple[int, str]]:
    """Line and top-level module of each absolute import, also of those within functions."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


def calls(path: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of what is called; what is called on another call's result begins with a dot."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def dotted(node: ast.AST) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{dotted(node.value)}.{node.attr}"
        case _:
            return ""


def functions(path: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in nodes(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length_without_table(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines, without those of a literal that it returns: rows of a table are not steps."""
    returned = [node.value for node in function.body if isinstance(node, ast.Return)]
    return lines_of(function) - sum(lines_of(value) - 1 for value in returned if isinstance(value, ast.Tuple | ast.List | ast.Dict))


def lines_of(node: ast.stmt | ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def catches_all(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    return node.type is None or dotted(node.type) == "Exception"
