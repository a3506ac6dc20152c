"""The README names what exists: every setting, every make target, every command."""

from __future__ import annotations

import re
from pathlib import Path

from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_described() -> None:
    missing = [field.alias for field in Settings.model_fields.values() if f"`{field.alias}`" not in README]
    assert missing == []


def test_every_variable_named_is_one_that_is_read() -> None:
    read = {field.alias for field in Settings.model_fields.values()} | {
        "MELI_HOME",
        "MELI_S3_CHECKSUMS",
        "MELI_REAL_DATA",
    }
    assert set(re.findall(r"\bMELI_[A-Z0-9_]+", README)) <= read


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)(?:\$ )?make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_every_set_named_exists() -> None:
    section = README.split("## Sets", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`((?:quick_|mlp|cnn)[a-z0-9_]*)`", section))
    assert named
    assert named <= set(named_sets.names())
