"""The digest of a model: the identity of its files, wherever they are. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

MODEL_FILES = ("model.safetensors", "model.json")
"""The files of a model: together all that classifying a title needs, and all that its digest is made from."""


def model_digest(sha256s: Mapping[str, str]) -> str:
    """The digest of a model from the SHA-256 of each file, by name; empty if one of its files is missing."""
    found = {file: sha256s[file] for file in MODEL_FILES if file in sha256s}
    if len(found) < len(MODEL_FILES):
        return ""
    return hashlib.sha256(json.dumps(found, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_of_folder(folder: Path) -> str:
    """The digest of the model in a folder; empty if there is none."""
    found = {}
    for name in MODEL_FILES:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return model_digest(found)
