"""What bodies and answers have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time on the wire: RFC 3339 in UTC."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes in. Unknown fields are refused: a typing error must not pass for a wish."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What goes out. Fields that are unset are empty, never null: the published clients break on null."""
