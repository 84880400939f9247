"""What was found, as lines for people or as one JSON object; and the exit code."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from chalicelib.doctor.findings import Checkup, Verdict

INDENT = " " * 9


def is_well(checkups: Sequence[Checkup]) -> bool:
    return all(finding.verdict is not Verdict.FAILED for checkup in checkups for finding in checkup.findings)


def render_text(checkups: Sequence[Checkup]) -> str:
    """A line a check, the hint on one of its own below it, and the sum at the end."""
    width = max((len(checkup.engine) for checkup in checkups), default=0)
    lines = []
    for checkup in checkups:
        for finding in checkup.findings:
            lines.append(f"{finding.verdict:<8} {checkup.engine:<{width}}  {finding.check}: {finding.seen}")
            if finding.hint:
                lines.append(f"{INDENT}{' ' * width}  -> {finding.hint}")
    return "\n".join([*lines, "", _sum(checkups)])


def render_json(checkups: Sequence[Checkup]) -> str:
    checks = [{"engine": checkup.engine, **asdict(finding)} for checkup in checkups for finding in checkup.findings]
    return json.dumps({"ok": is_well(checkups), "checks": checks}, indent=2)


def _sum(checkups: Sequence[Checkup]) -> str:
    counts = Counter(finding.verdict for checkup in checkups for finding in checkup.findings)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
