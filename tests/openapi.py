"""Requests that Schemathesis makes from an OpenAPI document, and what it checks of the answers.

For each operation half of the requests are as the document says, and half break it in one place. They are always the
same; `OPENAPI_EXAMPLES=500` in front of a command makes that many of each kind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

EXAMPLES = 2
"""Requests of each kind for each operation."""
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]


def try_all(document: Mapping[str, Any], send: Callable[[Case[Any]], None]) -> int:
    """Send requests made from a document; `send` raises an error for an answer that is wrong.

    Returns:
        How many operations were requested.
    """
    found = []
    for read in schemathesis.openapi.from_dict(dict(document)).get_all_operations():
        assert isinstance(read, Ok), read.err()
        found.append(read.ok())
    each = settings(
        max_examples=int(os.environ.get("OPENAPI_EXAMPLES", EXAMPLES)),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for operation in found:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                each(given(operation.as_strategy(generation_mode=mode))(send))()
            except Unsatisfiable:  # an operation without parameters, of which nothing can be broken
                assert mode is GenerationMode.NEGATIVE
    return len(found)
