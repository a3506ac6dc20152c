"""Titles as people write them, for property tests: tags, contractions, signs, several scripts."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = ["<b>", "</a href>", "cannot", "Wanna", "GIMME", "gonna", "gotta", "lemme", "para", "más", "1/2", "½", "™"]
pieces = st.one_of(st.sampled_from(PIECES), st.text(max_size=6), st.sampled_from(" \t\n<>'\"«”–.ñÉ9"))
raw_titles = st.lists(pieces, max_size=8).map("".join)
