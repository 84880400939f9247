"""The one table as DynamoDB has it: two key attributes, and three sparse indexes of keys alone."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model


class Item(Model):
    """An item without a table: `bound()` gives it one."""

    partition = UnicodeAttribute(hash_key=True)
    sort = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    kind = UnicodeAttribute()
    body = UnicodeAttribute()
    by_id = UnicodeAttribute(null=True)
    by_id_sort = UnicodeAttribute(null=True)
    by_due = UnicodeAttribute(null=True)
    by_due_sort = UnicodeAttribute(null=True)
    by_source = UnicodeAttribute(null=True)
    by_source_sort = UnicodeAttribute(null=True)


def bound(table: str, region: str, host: str | None) -> type[Item]:
    """The item class of one table. Nothing is connected yet."""

    bound_region, bound_host = region, host

    class BoundItem(Item):
        class Meta:
            table_name = table
            region = bound_region
            host = bound_host
            billing_mode = "PAY_PER_REQUEST"
            connect_timeout_seconds = 2
            read_timeout_seconds = 4
            max_retry_attempts = 1

        id_index = _index("by_id")
        due_index = _index("by_due")
        source_index = _index("by_source")

    return BoundItem


def _index(name: str) -> GlobalSecondaryIndex[Any]:
    """A new index by the attributes `name` and `name`_sort. Sparse by nature: an item without them is not in it."""
    meta = type("Meta", (), {"index_name": name, "projection": KeysOnlyProjection()})
    attributes = {"Meta": meta, name: UnicodeAttribute(hash_key=True), f"{name}_sort": UnicodeAttribute(range_key=True)}
    index: GlobalSecondaryIndex[Any] = type(name, (GlobalSecondaryIndex,), attributes)()
    return index
