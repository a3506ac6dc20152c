"""Bytes that are not UTF-8: found, shown, and their encoding guessed."""

from __future__ import annotations

import pytest

from meli_tasks.rowfiles.text import EXCERPT_CHARACTERS, decode, excerpt, has_foreign_bytes, likely_encoding, printable


def test_foreign_bytes_are_found_and_written_out() -> None:
    text = decode(b"Sill\xf3n de pi\xc3\xb1o")
    assert has_foreign_bytes(text) and not has_foreign_bytes("Sillón 📱")
    assert printable(text) == "Sill\\xf3n de piño"
    assert printable("a\ud800") == "a\\xed\\xa0\\x80"
    assert excerpt("x" * 500) == "x" * EXCERPT_CHARACTERS


@pytest.mark.parametrize(("encoding", "name"), [("latin-1", "ISO-8859-1"), ("cp1252", "WINDOWS-1252")])
def test_the_encoding_is_guessed(encoding: str, name: str) -> None:
    titles = ["ñandú", "sofá"] + (["“gris” – 5 €"] if encoding == "cp1252" else [])
    assert likely_encoding([decode(title.encode(encoding)) for title in titles]) == name
