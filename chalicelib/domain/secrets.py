"""A value that must not show: it prints as a mask, has no JSON form and cannot be pickled."""

from __future__ import annotations

import hmac
from typing import NoReturn

MASK = "**secret**"


class Secret:
    """Wraps one secret text. `reveal()` is called only where the value has to go: `tests/test_design.py` lists the files."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        return self.__value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __len__(self) -> int:
        """Bytes of its UTF-8 form: sizes are checked without opening the value."""
        return len(self.__value.encode())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be serialised")
