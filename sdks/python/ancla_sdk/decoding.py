"""JSON objects to frozen dataclasses and back: unknown fields are ignored, missing ones and nulls take the field's default."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ancla_sdk.errors import UnexpectedAnswer

T = TypeVar("T")
_JSON_WORDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}


def decode(kind: type[T], data: object) -> T:
    """The `kind` that `data` describes. Raises UnexpectedAnswer, naming the field, where a value has another type."""
    value: T = _value(kind, data, kind.__name__)
    return value


def decode_list(kind: type[T], data: object) -> list[T]:
    """The list that `data` describes, be it a bare array or the `items` of an object."""
    items = data.get("items") if isinstance(data, Mapping) else data
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise _unexpected(f"list of {kind.__name__}", data)
    return [decode(kind, item) for item in items]


def encode(value: Any) -> Any:
    """The JSON form of a model, a list or a plain value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: encode(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def _value(kind: Any, data: object, where: str) -> Any:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _object(kind, data, where)
    if origin in (Union, types.UnionType):
        return None if data is None else _value(get_args(kind)[0], data, where)
    if origin is tuple and isinstance(data, list):
        return tuple(_value(get_args(kind)[0], item, where) for item in data)
    if origin is Mapping and isinstance(data, Mapping):
        return {str(name): _value(get_args(kind)[1], item, f"{where}.{name}") for name, item in data.items()}
    # bool is an int to Python, but not to the API.
    if isinstance(kind, type) and isinstance(data, kind) and isinstance(data, bool) == (kind is bool):
        return data
    raise _unexpected(where, data)


def _object(kind: type[Any], data: object, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise _unexpected(where, data)
    hints = get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        item = data.get(field.name)
        if item is not None:
            values[field.name] = _value(hints[field.name], item, f"{where}.{field.name}")
    return kind(**values)


def _unexpected(where: str, data: object) -> UnexpectedAnswer:
    return UnexpectedAnswer(
        f"the answer holds {_JSON_WORDS.get(type(data), 'something else')} where {where} belongs",
        code="answer_unexpected",
        hint="check that the server's address is that of Ancla, and that client and server are of one version",
    )
