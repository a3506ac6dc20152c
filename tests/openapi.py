"""Requests made from an OpenAPI document: half of the values are as it says, half are hostile.

The sample is bounded and always the same; `OPENAPI_EXAMPLES=5000` in the environment makes a long one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

METHODS = ("get", "post", "put", "patch", "delete")
LONG = "x" * 5_000
HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        ("", "\x00", "../../etc/passwd", "%2e%2e%2f", "{{7*7}}", "' or 1=1 --", "<script>", "9" * 40, "\u202e", LONG)
    ),
    st.lists(st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


@dataclass(frozen=True)
class Fuzzed:
    """One request."""

    method: str
    path: str
    body: Any = None


def values(schema: Mapping[str, Any], document: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values as a schema describes them; what it leaves open is a short text."""
    if "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        return values(document["components"]["schemas"].get(name, {}), document)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return st.one_of([values(each, document) for each in schema[several]])
    match schema.get("type"):
        case "integer":
            low = schema.get("minimum", -2)
            return st.integers(low, min(schema.get("maximum", low + 1_000), low + 1_000))
        case "number":
            return st.floats(schema.get("minimum", 0), schema.get("maximum", 1))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            most = min(schema.get("maxItems", 3), 3)
            return st.lists(
                values(schema.get("items", {}), document), min_size=min(schema.get("minItems", 0), most), max_size=most
            )
        case "object":
            fields = {name: values(inside, document) for name, inside in schema.get("properties", {}).items()}
            needed = {name: fields.pop(name) for name in schema.get("required", ()) if name in fields}
            return st.fixed_dictionaries(needed, optional=fields)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return st.text("abcABC0129 -_.", min_size=min(schema.get("minLength", 0), 40), max_size=40)


def requests_of(document: Mapping[str, Any]) -> st.SearchStrategy[Fuzzed]:
    """Requests for every operation of a document, by every method that it has."""
    found = [
        _request(path, method, operation, document)
        for path, operations in sorted(document["paths"].items())
        for method, operation in sorted(operations.items())
        if method in METHODS
    ]
    return st.one_of(found)


def _request(
    path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]
) -> st.SearchStrategy[Fuzzed]:
    parameters = operation.get("parameters", ())
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")

    @st.composite
    def drawn(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Fuzzed:
        def value(schema: Mapping[str, Any]) -> Any:
            return draw(HOSTILE if draw(st.booleans()) else values(schema, document))

        filled, query = path, []
        for parameter in parameters:
            if parameter["in"] == "path":
                name, text = parameter["name"], quote(str(value(parameter["schema"])), safe="")
                filled = filled.replace(f"{{{name}:path}}", text or "x").replace(f"{{{name}}}", text or "x")
            elif parameter["in"] == "query" and (parameter.get("required") or draw(st.booleans())):
                given = value(parameter["schema"])
                query += [(parameter["name"], str(each)) for each in (given if isinstance(given, list) else [given])]
        body = value(content) if content else None
        return Fuzzed(method.upper(), filled + (f"?{urlencode(query)}" if query else ""), body)

    return drawn()


def try_all(document: Mapping[str, Any], examples: int, send: Callable[[Fuzzed], None]) -> None:
    """Send requests made from a document; `send` raises AssertionError for an answer that is wrong."""

    @settings(
        max_examples=int(os.environ.get("OPENAPI_EXAMPLES", examples)),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests_of(document))
    def each(request: Fuzzed) -> None:
        send(request)

    each()
