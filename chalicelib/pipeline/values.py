"""The values of variables, wherever they are kept."""

from __future__ import annotations

from chalicelib.domain.config import Variable
from chalicelib.ports import Ports


def plain_value(ports: Ports, variable: Variable) -> str:
    """The value of a plain variable: from its record, or from the document that a long one is kept in."""
    return ports.logs.read(variable.blob).decode() if variable.blob else variable.value
