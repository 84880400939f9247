"""Runs one command line against a fake server, on a pretended terminal or off one, and keeps what it printed."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ancla_cli.app import Surroundings
from ancla_cli.main import run, wants_json
from ancla_cli.ui import Ui

from tests.sdk.fake_server import FakeServer, FakeTime

KEY = {"ANCLA_API_KEY": "ancla_testkey_1234", "ANCLA_SERVER": "http://ancla.test"}
API = "acme/shop/staging/api"
S = "/workspaces/acme/projects/shop/envs/staging/services/api"
P = "/workspaces/acme/projects/shop"


class Stream(io.StringIO):
    def __init__(self, text: str = "", *, terminal: bool = False) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@dataclass(frozen=True)
class Transcript:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value that stdout must be."""
        return json.loads(self.out)


@dataclass
class Terminal:
    server: FakeServer = field(default_factory=FakeServer)
    environ: Mapping[str, str] = field(default_factory=lambda: KEY)
    home: Path = Path("/nonexistent/home")
    folder: Path = Path("/nonexistent/folder")
    stdin: str = ""
    hidden: str = ""
    """What is typed where nothing is echoed."""
    interactive: bool = False
    """Whether stdin and stderr are a terminal."""
    colored: bool = False
    """Whether stdout is one too."""
    time: FakeTime = field(default_factory=FakeTime)

    def run(self, *arguments: str) -> Transcript:
        out, err = Stream(terminal=self.colored), Stream(terminal=self.interactive)
        ui = Ui(
            out=out,
            err=err,
            stdin=Stream(self.stdin, terminal=self.interactive),
            read_hidden=lambda question: self.hidden,
            as_json=wants_json(arguments),
            color=self.colored,
        )
        around = Surroundings(
            environ=self.environ,
            home=self.home,
            folder=self.folder,
            transport=self.server.transport,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )
        code = run(arguments, ui, around)
        return Transcript(code, out.getvalue(), err.getvalue())
