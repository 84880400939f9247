"""`python -m chalicelib.adapters.embedded.node --home DIR --host 127.0.0.1 --router-port N`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chalicelib.adapters.embedded.node.server import serve
from chalicelib.adapters.embedded.node.supplies import EmbeddedSupplies


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="node", description="Runs the embedded cluster's pods and routes HTTP to them.")
    parser.add_argument("--home", type=Path, required=True, help="the folder with all state")
    parser.add_argument("--host", default="127.0.0.1", help="the address that the router listens on")
    parser.add_argument("--router-port", type=int, required=True, help="the port that the router listens on")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_arguments()
    home = arguments.home.absolute()
    sys.exit(serve(home, arguments.host, arguments.router_port, EmbeddedSupplies(home)))
