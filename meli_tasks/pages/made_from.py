"""What a model was made from: its members, its listings, every artifact behind it, and how to use the result."""

from __future__ import annotations

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import MODEL_STAGES, Manifest, ModelRef
from meli_tasks.decision import Champion
from meli_tasks.pages.champion import listings_of
from meli_tasks.pages.located import Located
from meli_tasks.pages.manifests import model_manifest, read_manifest
from meli_tasks.pages.one_model import LineageRow, Loading, ModelMember, TrainedOn
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary
from meli_tasks.tracking.alias import ALIAS

_SHA256_DIGITS = 12


def members(found: Located, manifest: Manifest | None) -> list[ModelMember]:
    """The members of an ensemble, the heaviest first; none for another model."""
    if manifest is None or manifest.stage != ENSEMBLE:
        return []
    evaluated = found.report.models if found.report else {}
    rows = {key: paths.model_id(found.plan, label) for label, key in evaluated.items()}
    parts = []
    for name, weight in manifest.read_summary(EnsembleSummary).weights.items():
        key = ModelRef.parse(manifest.inputs.get(f"model:{name}", "")).key
        parts.append(ModelMember(set=name, weight=weight, train=key, id=rows.get(key, "")))
    return sorted(parts, key=lambda part: (-part.weight, part.set))


def trained_on(cache: ReadCache, manifest: Manifest | None) -> TrainedOn | None:
    """The listings that a model was made from; None if an artifact is missing."""
    listings = listings_of(cache, manifest) if manifest else None
    if listings is None:
        return None
    return TrainedOn(
        rows=listings.rows,
        categories=listings.categories,
        fingerprint=listings.fingerprint,
        languages=listings.languages,
        label_qualities=listings.label_qualities,
        bad_rows=listings.bad_rows,
    )


def lineage(cache: ReadCache, model: ModelRef, manifest: Manifest | None) -> list[LineageRow]:
    """The model and the artifacts behind it, each a single time, the nearest first."""
    if manifest is None:
        return []
    rows = [_lineage_row(manifest.stage, "", model.key, manifest)]
    seen, left = {model.key}, list(manifest.inputs.items())
    while left:
        name, value = left.pop(0)
        ref, (kind, _, member) = ModelRef.parse(value), name.partition(":")
        if ref.key in seen:
            continue
        seen.add(ref.key)
        found = model_manifest(cache, ref) if kind == "model" else read_manifest(cache, kind, ref.key)
        stage = found.stage if found else MODEL_STAGES[0] if kind == "model" else kind
        rows.append(_lineage_row(stage, member, ref.key, found))
        left += found.inputs.items() if found and found.stage != "ingest" else []
    return rows


def _lineage_row(stage: str, name: str, key: str, manifest: Manifest | None) -> LineageRow:
    return LineageRow(
        stage=stage,
        name=name,
        key=key,
        at=manifest.at if manifest else "",
        run_id=manifest.run_id if manifest else "",
        seconds=manifest.seconds if manifest else 0.0,
    )


def loading(url: str, manifest: Manifest | None, champion: Champion | None, registered: str) -> list[Loading]:
    """How to use a model: as the champion if it is, and in any case by its key and digest.

    Args:
        url: The store's.
        manifest: The model's; None if it is no longer there. One that was pruned cannot be used.
        champion: The current one.
        registered: The champion's name in MLflow.
    """
    if manifest is None or manifest.pruned:
        return []
    ref = f"{manifest.key}@{manifest.model_sha256[:_SHA256_DIGITS]}"
    ways = [Loading(where="Command line", code=f'meli predict --model {ref} "a title"')]
    if champion and champion.ref.is_same(manifest.ref):
        load = f'model = mlflow.pyfunc.load_model("models:/{registered}@{ALIAS}")'
        code = f'import mlflow\n\n{load}\nmodel.predict(["a title"])'
        ways.append(Loading(where="Python, through MLflow", code=code))
    if manifest.assembled:  # its files are put together from those of its members
        return ways
    files = paths.artifact_file(manifest.stage, manifest.key, manifest.attempt, "")
    return [*ways, Loading(where="Files in the store", code=f"{url}/{files}")]
