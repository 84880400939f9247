"""The refusals that the levels of the hierarchy have in common."""

from __future__ import annotations

from chalicelib.domain.addresses import Address
from chalicelib.domain.errors import Conflict
from chalicelib.domain.hierarchy import Environment, Project, Service


def check_open(record: Project | Environment | Service) -> None:
    """Raises Conflict when it is being deleted: nothing is made in it any more, and nothing about it changed."""
    if record.closing:
        level = record.address.level.value
        raise Conflict(
            f"the {level} {str(record.address)!r} is being deleted",
            code=f"{level}_closing",
            hint="wait until it is gone, or use another one",
        )


def slug_taken(address: Address) -> Conflict:
    return Conflict(
        f"the {address.level.value} {str(address)!r} is there already",
        code="slug_taken",
        hint="choose another name, or use the one that is there",
        extra={"slug": address.slug},
    )
