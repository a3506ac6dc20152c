"""What each option of a choice means, in a few words beside the option itself, for forms and help texts."""

from __future__ import annotations

from pydantic.fields import FieldInfo


class Choices:
    """Explains the options of a `Literal` field: `Annotated[Literal["a", "b"], Choices(a="...", b="...")]`."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts


def explained(info: FieldInfo) -> dict[str, str]:
    """Return the options of a field with their explanations; empty if the field is no choice."""
    return next((rule.texts for rule in info.metadata if isinstance(rule, Choices)), {})


def described(info: FieldInfo) -> str:
    """Return the description of a field with those of its options, for a line that has no room beside each of them."""
    options = "; ".join(f"{option}: {text}" for option, text in explained(info).items())
    return " ".join(part for part in (info.description or "", f"{options}." if options else "") if part)
