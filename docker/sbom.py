"""The software bill of materials (CycloneDX) and the list of licences, from the locks: `make sbom`.

Names, versions and hashes come from the locks, licences from the metadata of the installed packages. What is not
installed here, such as CUDA's libraries on a machine without a GPU, is listed without a licence, and named at the end.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("locks/demo.txt", "locks/cluster.txt", "locks/torch.txt", "locks/torch-cuda.txt", "docker/s3.txt")
"""What users run; the packages of the tests are in locks/dev.txt."""
IMAGES = re.compile(r"\b(?P<name>[a-z]+):(?P<tag>[\w.-]+)@(?P<digest>sha256:[0-9a-f]{64})")
LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?==(?P<version>[^\s;\\]+)")
LONGEST = 80  # of a licence's name; some packages have its whole text there
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Package:
    """A locked package: its name, its version, and the SHA-256 of the files that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(locks: Iterable[str] = LOCKS, root: Path = ROOT) -> list[Package]:
    """The packages of the locks, each version once, by name."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for lock in locks:
        for line in (root / lock).read_text(encoding="utf-8").replace("\\\n", "").splitlines():
            if match := LOCKED.match(line):
                name = re.sub(r"[-_.]+", "-", match["name"]).lower()
                found[name, match["version"]] |= set(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
    return [Package(*key, tuple(sorted(hashes))) for key, hashes in sorted(found.items())]


def licence(package: str) -> dict[str, Any]:
    """A package's licence as CycloneDX writes it; empty if the package is not installed, or says nothing."""
    try:
        found = metadata(package)
    except PackageNotFoundError:
        return {}
    if "License-Expression" in found:
        return {"expression": found["License-Expression"]}
    classified = [
        name.rpartition(" :: ")[2] for name in found.get_all("Classifier") or [] if name.startswith("License ::")
    ]
    free = (found.get_all("License") or [""])[0].strip().partition("\n")[0]
    name = " and ".join(classified) or (free if len(free) <= LONGEST else "")
    return {"license": {"name": name}} if name and name.upper() != "UNKNOWN" else {}


def component(package: Package, found: Mapping[str, Any]) -> dict[str, Any]:
    """A package in CycloneDX."""
    hashes = [{"alg": "SHA-256", "content": each} for each in package.hashes]
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "externalReferences": [{"type": "distribution", "url": package.purl, "hashes": hashes}],
        **({"licenses": [dict(found)]} if found else {}),
    }


def images(root: Path = ROOT) -> list[dict[str, Any]]:
    """The images of others that docker-compose.yaml and the Dockerfile name."""
    text = "".join((root / name).read_text(encoding="utf-8") for name in ("docker-compose.yaml", "docker/Dockerfile"))
    return [
        {
            "type": "container",
            "bom-ref": (purl := f"pkg:docker/{name}@{digest.replace(':', '%3A')}?tag={tag}"),
            "name": name,
            "version": tag,
            "purl": purl,
        }
        for name, tag, digest in sorted(set(IMAGES.findall(text)))
    ]


def bill(packages: Iterable[Package], licences: Mapping[str, Mapping[str, Any]], version: str) -> dict[str, Any]:
    """The bill of materials; the same locks give the same bytes."""
    components = [*(component(package, licences[package.name]) for package in packages), *images()]
    content = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "meli-tasks",
                "name": "meli-tasks",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": components,
    }


def named(found: Mapping[str, Any]) -> str:
    """A licence in words."""
    return str(found.get("expression") or found.get("license", {}).get("name") or UNKNOWN)


def table(packages: Iterable[Package], licences: Mapping[str, Mapping[str, Any]]) -> str:
    """The list of licences as a Markdown table."""
    rows = [f"| {each.name} | {each.version} | {named(licences[each.name])} |" for each in packages]
    return "\n".join(["# Licences", "", "| package | version | licence |", "|---|---|---|", *rows, ""])


def main(folder: Path) -> None:
    """Write both files into `folder`, and say for which packages no licence is known."""
    packages = locked()
    licences = {package.name: licence(package.name) for package in packages}
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    folder.mkdir(exist_ok=True)
    text = json.dumps(bill(packages, licences, version[1] if version else ""), indent=1)
    (folder / "meli-tasks.cdx.json").write_text(text + "\n", encoding="utf-8")
    (folder / "licences.md").write_text(table(packages, licences), encoding="utf-8")
    print(f"{folder}/meli-tasks.cdx.json and {folder}/licences.md: {len(packages)} packages")
    if unknown := sorted({package.name for package in packages if not licences[package.name]}):
        print(f"No licence is known here for {len(unknown)} of them: {', '.join(unknown)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
