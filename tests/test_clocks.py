"""No test compares a duration with a number: it would fail on a machine that is slow, or busy, and prove nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time"}


def _reads_a_clock(node: ast.AST) -> bool:
    calls = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
    return any(
        isinstance(call, ast.Attribute)
        and ast.unparse(call) == f"time.{call.attr}" in {f"time.{clock}" for clock in CLOCKS}
        for call in calls
    )


def _is_a_limit(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value > 0


def durations_asserted(code: str) -> list[int]:
    """The lines of the assertions that compare what a clock shows with a number."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Assert):
            for compared in (part for part in ast.walk(node) if isinstance(part, ast.Compare)):
                sides = [compared.left, *compared.comparators]
                if any(map(_reads_a_clock, sides)) and any(map(_is_a_limit, sides)):
                    found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("start = time.monotonic()\nassert time.monotonic() - start < 5", [2]),
        ("assert 0.5 > time.process_time() - began, 'slow'", [1]),
        ("assert time.monotonic() < deadline", []),
        ("assert len(requests) < 5", []),
    ],
)
def test_a_duration_compared_with_a_number_is_found(code: str, lines: list[int]) -> None:
    assert durations_asserted(code) == lines


def test_no_test_asserts_a_duration() -> None:
    found = {
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in durations_asserted(path.read_text(encoding="utf-8"))
    }
    assert found == set()
