"""Reads what a request brings, strictly: JSON bodies, query strings and path parts, or an error that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, get_args, get_type_hints
from urllib.parse import unquote

import msgspec

from chalicelib.api.errors import UnsupportedMediaType
from chalicelib.domain.errors import Invalid, Malformed, NotFound, TooLarge

JSON = "application/json"
_PATH = re.compile(r" - at `(?:key in )?\$\.?(.*?)`$")
_FIELD = re.compile(r"field `([^`]*)`")
_MALFORMED = "JSON is malformed: "
_PLAINER = {"Object missing required field": "it is required", "Object contains unknown field": "there is no such field"}
"""What msgspec says of a field as a whole, for people."""


def prepare(schema: Any) -> None:
    """Has msgspec learn a type while nobody else does: two threads that do so at once end the process (see `adapters/codec.py`)."""
    msgspec.json.Decoder(schema)


def check_size(raw: bytes, limit: int) -> None:
    if len(raw) > limit:
        raise TooLarge(
            f"the body has {len(raw):,} bytes; {limit:,} is the most",
            hint="send less in one request",
            extra={"bytes": len(raw), "limit": limit},
        )


def read_body(raw: bytes, content_type: str, schema: Any, *, optional: bool) -> Any:
    """The body as `schema` has it. An optional one that is absent reads as an empty object, whatever its content type."""
    if not raw and optional:
        return _converted({}, schema, strict=True)
    if content_type and content_type.split(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType(f"the body is {content_type.split(';')[0][:80]!r}", hint=f"send it as {JSON}")
    return _converted(_parsed(raw, arrays=_takes_arrays(schema)), schema, strict=True)


def read_query(values: Mapping[str, Sequence[str]], schema: type[msgspec.Struct]) -> Any:
    """The query string as `schema` has it; numbers and booleans are read from their text. Of a name that is there twice the last value
    counts, unless the schema has a list for it."""
    lists = {name for name, kind in get_type_hints(schema).items() if getattr(kind, "__origin__", kind) is list}
    return _converted({name: list(given) if name in lists else given[-1] for name, given in values.items()}, schema, strict=False)


def read_part(text: str) -> str:
    """A path part, decoded. What cannot be the name of anything is not found."""
    try:
        part = unquote(text, errors="strict")
    except UnicodeDecodeError:
        part = ""
    if not part or not part.isprintable() or "/" in part:
        raise NotFound("there is nothing at this path", code="path_not_found", hint="check the spelling of the path")
    return part


def _parsed(raw: bytes, *, arrays: bool) -> Any:
    kinds = "an object or an array" if arrays else "an object"
    try:
        parsed = msgspec.json.decode(raw)
    except msgspec.ValidationError as error:
        raise Malformed("the body holds a number that is out of range", hint="send a smaller number") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        where = f": {_begun_small(str(error).removeprefix(_MALFORMED))}" if isinstance(error, msgspec.DecodeError) else ""
        raise Malformed(f"the body is not JSON{where}", hint=f"send {kinds}, as JSON in UTF-8") from error
    if not isinstance(parsed, (dict, list) if arrays else dict):
        raise Malformed(f"the body is JSON, but not {kinds}", hint=f"send {kinds}")
    return parsed


def _takes_arrays(schema: Any) -> bool:
    types = getattr(schema, "__args__", ()) if not isinstance(schema, type) else (schema,)
    return any(getattr(member, "__origin__", member) is list for member in types)


def _converted(values: Any, schema: Any, *, strict: bool) -> Any:
    try:
        return msgspec.convert(values, schema, strict=strict)
    except msgspec.ValidationError as error:
        problem = str(error)
        field = _shortened(_field_of(problem))
        said = _PATH.sub("", problem).replace("`", "'")
        text = next((plainer for words, plainer in _PLAINER.items() if said.startswith(words)), said[:200])
        raise Invalid(
            f"{field or 'the body'}: {_begun_small(text)}",
            hint=f"use {' or '.join(choices)}" if (choices := _choices(schema, field)) else "correct this field and send it again",
            extra={field or "body": text},
        ) from None


MAX_SHOWN = 100
"""Characters of a field's name that an error repeats."""


def _choices(schema: Any, field: str) -> list[str]:
    """The values that a field with a fixed set of them takes."""
    kind = get_type_hints(schema).get(field) if isinstance(schema, type) else None
    kinds = [member for member in (kind, *get_args(kind)) if isinstance(member, type) and issubclass(member, Enum)]
    return [str(member.value) for enum in kinds for member in enum]


def _begun_small(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"


def _shortened(field: str) -> str:
    """A name that somebody made up can be as long as the request."""
    return field if len(field) <= MAX_SHOWN else f"{field[:MAX_SHOWN]}…"


def _field_of(problem: str) -> str:
    """The path of the field that a validation error is about, such as `vars[0].name`."""
    at = _PATH.search(problem)
    named = _FIELD.search(problem)
    return ".".join(part for part in (at[1] if at else "", named[1] if named else "") if part)
