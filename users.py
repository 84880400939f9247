"""Adds a user to an installation; the API has no way to do that, so it takes access to the installation itself.

python users.py NAME [EMAIL]      prints the user's first key; ANCLA_HOME and the other settings say where, as for local.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from chalicelib.domain.errors import AnclaError
from chalicelib.ports import Ports
from chalicelib.usecases.people import create_user
from chalicelib.wiring import make_ports

USAGE = "usage: make user NAME=maria EMAIL=maria@example.com (the address may be left out), or python users.py NAME [EMAIL]"


def main(arguments: Sequence[str], ports: Callable[[], Ports] = make_ports) -> int:
    if len(arguments) not in {1, 2}:
        print(USAGE, file=sys.stderr)
        return 2
    name, email = [*arguments, ""][:2]
    try:
        made = ports()
        key = create_user(made, name, email=email).key
    except AnclaError as error:
        print(f"ancla: {error.message}\n  {error.hint}".rstrip(), file=sys.stderr)
        return 1
    print(key)
    print(f"the user {name} is added to {made.settings.home}; keep the key now, it is shown this once", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
