"""Looks at an installation where it runs: what is set, what answers, what Ancla may do there; with a hint below all that is not right.

python doctor.py [--json]     reads the settings that the server reads; exit code 0: nothing failed, 1: something did
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from chalicelib.doctor.chosen import check_installation
from chalicelib.doctor.report import is_well, render_json, render_text

USAGE = "usage: make doctor, or python doctor.py [--json]"


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    if list(arguments) not in ([], ["--json"]):
        print(USAGE, file=sys.stderr)
        return 2
    checkups = check_installation(environ)
    print(render_json(checkups) if arguments else render_text(checkups))
    return 0 if is_well(checkups) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
