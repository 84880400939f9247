"""The API's reference for people, made from the OpenAPI document. `python -m chalicelib.api.reference > docs/reference/api.md`"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.api.openapi import document
from chalicelib.api.surface import ROUTES

Json = Mapping[str, Any]

HEAD = """\
# API

Generated from the routes' declarations (`python -m chalicelib.api.reference`). `openapi.json` holds the same for programs.

- Every path is served with and without a trailing slash. Bodies and answers are JSON in UTF-8; times are RFC 3339 in UTC.
- The key goes into the header `X-API-Key`. What a key's user may not see is answered like what is not there: 404.
- A mutation with an `Idempotency-Key` can be sent again: it is answered again, and done once.
- `If-Match` with the `ETag` that was read makes a change of one record conditional (412).
- Errors have one shape and a stable code: see [errors](errors.md).
"""


def reference(described: Json) -> str:
    """The page for one OpenAPI document: the same document gives the same page."""
    parts = [HEAD]
    for tag in described["tags"]:
        parts.append(f"## {tag['name']}\n")
        parts += [_operation(path, method, operation) for path, method, operation in _operations(described, tag["name"])]
    parts.append("## Types\n")
    parts += [_type(name, schema) for name, schema in sorted(described["components"]["schemas"].items())]
    return "\n".join(parts)


def _operations(described: Json, tag: str) -> Iterator[tuple[str, str, Json]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield path, method.upper(), operation


def _operation(path: str, method: str, operation: Json) -> str:
    action = operation.get("x-ancla-action")
    lines = [f"### {method} `{path}`\n", f"{operation['summary']}. {f'Action: `{action}`.' if action else 'Needs no key.'}\n"]
    parameters = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
    lines += [f"- query `{parameter['name']}`: {_kind(parameter['schema'])}{_default(parameter['schema'])}" for parameter in parameters]
    if "requestBody" in operation:
        body = operation["requestBody"]
        lines.append(f"- body{'' if body['required'] else ' (may be left out)'}: {_content(body)}")
    lines += [f"- {status}: {_content(answer)}" for status, answer in operation["responses"].items() if "$ref" not in answer]
    refused = [status for status, answer in operation["responses"].items() if "$ref" in answer]
    lines.append(f"- errors: {', '.join(refused)}\n")
    return "\n".join(lines)


def _content(holder: Json) -> str:
    return _kind(holder["content"]["application/json"]["schema"]) if "content" in holder else "no body"


def _type(name: str, schema: Json) -> str:
    lines = [f"### {name}\n"]
    if "description" in schema:
        lines.append(f"{' '.join(schema['description'].split())}\n")
    if "enum" in schema:
        lines.append(f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n")
    if schema.get("properties"):
        lines += ["| field | type |", "| --- | --- |"]
        lines += [f"| `{field}` | {_cell(kind)} |" for field, kind in schema["properties"].items()]
        lines.append("")
    return "\n".join(lines)


def _cell(schema: Json) -> str:
    return (_kind(schema) + _default(schema)).replace("|", "\\|")


def _default(schema: Json) -> str:
    value = schema.get("default")
    return "" if value in (None, "", [], {}) else f", {str(value).lower() if isinstance(value, bool) else value} when left out"


def _kind(schema: Json) -> str:
    """A schema in words, with links to the types that it names."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(member) for member in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"{_kind(schema['additionalProperties'])} by name"
    return "time" if schema.get("format") == "date-time" else str(schema.get("type", "anything"))


if __name__ == "__main__":
    sys.stdout.write(reference(document(ROUTES)))
