"""Counts the steps in which a backtracking matcher, such as Python's, decides whether a text matches a pattern."""

from __future__ import annotations

from collections.abc import Callable
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

Then = Callable[[int], bool]


class Steps:
    """A plain backtracking matcher that counts the elements it tries, and gives up after `limit`."""

    def __init__(self, pattern: str, text: str, limit: int = 100_000) -> None:
        self.text = text
        self.limit = limit
        self.count = 0
        self.matches = self._sequence(list(parser.parse(pattern)), 0, lambda place: True)

    def _sequence(self, elements: list[Any], place: int, then: Then) -> bool:
        if not elements:
            return then(place)
        return self._element(elements[0], place, lambda after: self._sequence(elements[1:], after, then))

    def _element(self, element: Any, place: int, then: Then) -> bool:
        self.count += 1
        if self.count > self.limit:
            raise RecursionError(f"more than {self.limit} steps for {len(self.text)} characters")
        kind, value = element
        if kind is constants.MAX_REPEAT:
            return self._repeat(*value, place, then)
        if kind is constants.SUBPATTERN:
            return self._sequence(list(value[-1]), place, then)
        if kind is constants.BRANCH:
            return any(self._sequence(list(branch), place, then) for branch in value[1])
        if kind is constants.AT:
            there = {constants.AT_BEGINNING: place == 0, constants.AT_END: place == len(self.text)}
            return there[value] and then(place)
        return place < len(self.text) and self._holds(kind, value, ord(self.text[place])) and then(place + 1)

    def _repeat(self, low: int, high: Any, body: Any, place: int, then: Then) -> bool:
        def once_more(after: int, times: int) -> bool:
            if times < high and self._sequence(
                list(body), after, lambda end: end > after and once_more(end, times + 1)
            ):
                return True
            return times >= low and then(after)

        return once_more(place, 0)

    @staticmethod
    def _holds(kind: Any, value: Any, character: int) -> bool:
        if kind is constants.LITERAL:
            return bool(value == character)
        if kind is not constants.IN:
            raise NotImplementedError(kind)
        for part, inside in value:
            if part is constants.LITERAL and inside == character:
                return True
            if part is constants.RANGE and inside[0] <= character <= inside[1]:
                return True
            if part is constants.CATEGORY and inside is constants.CATEGORY_DIGIT and chr(character).isdigit():
                return True
        return False
