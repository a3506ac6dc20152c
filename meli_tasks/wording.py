"""What ingest did not use of a source, and where it lies: one sentence, the same for `meli run` and the demo."""

from __future__ import annotations

from meli_tasks.artifacts.manifest import Manifest

QUARANTINE = "quarantine.jsonl.gz"


def set_aside(ingested: Manifest, store_url: str) -> str:
    """Bad rows by reason, rows of rare categories, and the file that lists them; empty when every row was used."""
    parts = []
    if bad := ingested.summary.get("bad_by_reason"):
        rows = ingested.summary["bad_rows"]
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(bad.items(), key=lambda item: -item[1]))
        parts.append(f"{rows:,} bad row{'s' * (rows != 1)} ({reasons})")
    rare = ingested.summary.get("set_aside", {})
    if rare.get("rows"):
        least = ingested.params.get("min_category_rows")
        rows, categories = rare["rows"], rare["categories"]
        parts.append(
            f"{rows:,} row{'s' * (rows != 1)} of {categories:,} {'category' if categories == 1 else 'categories'} "
            f"with fewer than {least} rows"
        )
    if not parts:
        return ""
    return f"Set aside: {' and '.join(parts)}, listed in {store_url}/{ingested.file_name(QUARANTINE)}"
