"""`make sbom`: everything that the locks name is in the bill of materials and in the list of licences."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, str]:
    """The bill, the list, and what was printed; made twice."""
    folder = tmp_path_factory.mktemp("sbom")
    texts = []
    for _ in range(2):
        command = [sys.executable, str(ROOT / "docker" / "sbom.py"), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        texts.append((folder / "meli-tasks.cdx.json").read_text())
    assert texts[0] == texts[1]
    return json.loads(texts[0]), (folder / "licences.md").read_text(), done.stdout


def test_every_locked_package_is_in_it_with_its_hashes(made: tuple[dict[str, Any], str, str]) -> None:
    bill, licences, _ = made
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"])
    found = {(each["name"], each["version"]): each for each in bill["components"] if each["type"] == "library"}
    for lock in ("locks/demo.txt", "locks/cluster.txt", "locks/torch.txt", "locks/torch-cuda.txt", "docker/s3.txt"):
        text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", "")
        for line in filter(NAME.match, text.splitlines()):
            name, version = NAME.match(line).groups()  # type: ignore[union-attr]
            component = found[name.lower().replace("_", "-").replace(".", "-"), version]
            hashes = {each["content"] for each in component["externalReferences"][0]["hashes"]}
            assert set(re.findall(r"sha256:([0-9a-f]{64})", line)) <= hashes
            assert f"| {component['name']} | {version} | " in licences
    references = [each["bom-ref"] for each in bill["components"]]
    assert len(set(references)) == len(references) > 200


def test_images_are_in_it_by_digest(made: tuple[dict[str, Any], str, str]) -> None:
    images = {each["name"]: each["purl"] for each in made[0]["components"] if each["type"] == "container"}
    assert images.keys() == {"postgres", "redis", "python"}
    assert all("@sha256%3A" in purl for purl in images.values())


def test_a_package_without_a_known_licence_is_named(made: tuple[dict[str, Any], str, str]) -> None:
    bill, licences, printed = made
    libraries = [each for each in bill["components"] if each["type"] == "library"]
    without = {each["name"] for each in libraries if "licenses" not in each}
    assert len(without) < len(libraries) / 4
    assert all(name in printed.partition("No licence is known")[2] for name in without)
    assert licences.count("| unknown |") == len([each for each in libraries if each["name"] in without])
    assert "| boto3 | " in licences and "Apache" in licences.partition("| boto3 | ")[2].splitlines()[0]
