"""`python -m chalicelib.adapters.embedded.stop HOME`: ends the services of a home, its builds and its node, and waits for that."""

from __future__ import annotations

import sys
from pathlib import Path

from chalicelib.adapters.embedded.builder import stop_workers
from chalicelib.adapters.embedded.node.control import stop_node
from chalicelib.domain.errors import AnclaError


def main() -> int:
    home = Path(sys.argv[1])
    try:
        stop_node(home)
        stop_workers(home)
    except AnclaError as error:
        print(f"ancla: {error.message}\n  {error.hint}".rstrip(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
