"""The data of a run: what was read, what was left out and why, and how it differs from the champion's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.report import rows
from meli_tasks.report.blocks import Block, Cell, Column, Facts, Row, Table, Text, figure, not_available, pointer, whole
from meli_tasks.report.material import Material
from meli_tasks.stages.summaries import IngestSummary, PreprocessSummary
from meli_tasks.wording import count, enumeration

NAMED = 20
"""How many words or categories are named."""
LARGEST = 15


def data(run: Material) -> Sequence[Block]:
    """Rows, quarantine with reasons, what was excluded, categories; then the drift since the champion's data."""
    manifest = run.ingest
    if manifest is None:
        return [Text(f"Not available: the artifact ingest/{run.plan.ingest.key} was deleted.", "warning")]
    found, at = manifest.read_summary(IngestSummary), (paths.manifest("ingest", manifest.key), "summary")
    facts: list[tuple[str, Cell]] = [
        ("Source", Cell(run.plan.ingest.name)),
        ("As of", Cell(run.plan.as_of or "no date")),
        ("Rows read", whole(found.source_rows, pointer(*at, "source_rows"))),
        ("Listings used", whole(found.rows, pointer(*at, "rows"))),
        ("Rows in quarantine", whole(found.bad_rows, pointer(*at, "bad_rows"))),
        ("Categories", whole(found.categories, pointer(*at, "categories"))),
        ("Rows of a category", Cell(f"{found.smallest_category:,} to {found.largest_category:,}")),
        ("Splits from", Cell(found.splits_from)),
        ("Fingerprint", Cell(found.fingerprint, code=True)),
    ]
    blocks: list[Block] = [Facts([fact for fact in facts if fact[1].text])]
    blocks += [Text(note, "warning") for note in found.notes()]
    blocks += _counts("Rows in quarantine by reason", "reason", found.bad_by_reason)
    blocks += _counts("Rows excluded by parameter", "parameter", _excluded(found))
    blocks += _counts("Listings by language", "language", found.languages)
    blocks += _counts("Listings by label quality", "label quality", found.label_qualities)
    blocks += _counts("Listings by split", "split", found.splits)
    return [*blocks, *_drift(run, manifest)]


def _excluded(found: IngestSummary) -> dict[str, int]:
    excluded = dict(found.excluded)
    if found.rare.rows:
        excluded[f"min_category_rows ({count(found.rare.categories, 'category')})"] = found.rare.rows
    return excluded


def _counts(caption: str, name: str, found: Mapping[str, int]) -> list[Block]:
    if not found:
        return []
    total = sum(found.values()) or 1
    table = [
        [Cell(key), whole(number), Cell(f"{number / total:.1%}")]
        for key, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    return [Table(caption, (Column(name), Column("rows", True), Column("fraction", True)), table)]


def _drift(run: Material, own: Manifest) -> list[Block]:
    """How the run's listings differ from those that the champion before the run was fitted on."""
    label = run.evaluated.champion if run.evaluated else None
    if label is None:
        return [Text("Drift since the champion's data: there was no champion to compare with.")]
    other = run.listings_of(label)
    if run.plan.all_titles:  # what the models of a run with folds are trained on
        own = run.manifest("ingest", run.plan.all_titles.key) or own
    if other is None:
        return [Text(f"Not available: drift. The artifacts of {label}, or of its listings, were deleted.", "warning")]
    if other.key == own.key:
        return [Text(f"Drift since the champion's data: none, {label} was trained on these listings.")]
    blocks: list[Block] = [_sizes(label, own, other)]
    for part in (_category_mix, _new_words):
        try:
            blocks += part(run, own, other, label)
        except (NotFound, BadData) as error:
            blocks.append(not_available(error, "a part of the drift. "))
    return blocks


def _sizes(label: str, own: Manifest, other: Manifest) -> Table:
    now, then = own.read_summary(IngestSummary), other.read_summary(IngestSummary)
    quantities = {
        "listings": (now.rows, then.rows),
        "rows in quarantine": (now.bad_rows, then.bad_rows),
        "categories": (now.categories, then.categories),
        "rows of the largest category": (now.largest_category, then.largest_category),
    } | {
        f"listings in {language}": (now.languages.get(language, 0), then.languages.get(language, 0))
        for language in {**now.languages, **then.languages}
    }
    table: list[Row] = [
        [Cell(name), whole(then_value), whole(now_value), Cell(f"{now_value - then_value:+,}")]
        for name, (now_value, then_value) in quantities.items()
    ]
    columns = (Column("quantity"), Column(f"data of {label}", True), Column("this run", True))
    return Table("This run's data and the champion's", (*columns, Column("change", True)), table)


def distance(now: Mapping[str, int], then: Mapping[str, int]) -> float:
    """Total variation distance of two mixes: the fraction of titles that would have to change their category.

    0 if the fractions of all categories are equal, 1 if no category occurs in both.
    """
    totals = sum(now.values()) or 1, sum(then.values()) or 1
    names = {*now, *then}
    return sum(abs(now.get(name, 0) / totals[0] - then.get(name, 0) / totals[1]) for name in names) / 2


def _category_mix(run: Material, own: Manifest, other: Manifest, label: str) -> list[Block]:
    now, then = rows.category_counts(run.store, own), rows.category_counts(run.store, other)
    new, gone = sorted(set(now) - set(then)), sorted(set(then) - set(now))
    totals = sum(now.values()) or 1, sum(then.values()) or 1
    fractions = {name: (then.get(name, 0) / totals[1], now.get(name, 0) / totals[0]) for name in {*now, *then}}
    ranked = sorted(fractions, key=lambda name: (-abs(fractions[name][1] - fractions[name][0]), name))[:LARGEST]
    table: list[Row] = [
        [
            Cell(name, strong=True),
            whole(then.get(name, 0)),
            whole(now.get(name, 0)),
            Cell(f"{fractions[name][0]:.2%}"),
            Cell(f"{fractions[name][1]:.2%}"),
        ]
        for name in ranked
    ]
    columns = (
        Column("category"),
        Column("listings then", True),
        Column("listings now", True),
        Column("fraction then", True),
        Column("fraction now", True),
    )
    return [
        Facts(
            [
                ("Distance of the category mixes", figure(distance(now, then), digits=3)),
                ("New categories", _named(new)),
                ("Categories that are gone", _named(gone)),
            ]
        ),
        Text("The distance is the fraction of titles that would have to change their category: 0 no drift, 1 all new."),
        Table(f"Largest changes of the category mix since the data of {label}", columns, table),
    ]


def _named(names: Sequence[str]) -> Cell:
    return Cell(f"{len(names):,}: {enumeration(names, NAMED)}" if names else "none", len(names))


def _new_words(run: Material, own: Manifest, other: Manifest, label: str) -> list[Block]:
    """The words of the run's vocabulary that the champion's lacks, if both were made in the same way."""
    then = _arrays_of(run, label)
    arrays = (_arrays_of(run, name) for name in run.plan.sets)
    now = next((found for found in arrays if found and then and found.params == then.params), None)
    if now is None or then is None:
        return [Text("New words: not compared, as no set of this run makes its vocabulary as the champion's.", "note")]
    words, known = (run.file(each, "vocabulary.txt", _lines) for each in (now, then))
    if words is None or known is None:
        raise NotFound("A vocabulary was deleted")
    known_words, own_words = set(known), set(words)
    new = [word for word in words if word not in known_words]  # the most frequent first
    gone = [word for word in known if word not in own_words]
    unknown = now.read_summary(PreprocessSummary).unknown_fraction.get("validation")
    facts = [
        ("Words in the vocabulary", Cell(f"{len(words):,} (the champion's: {len(known):,})")),
        ("New words", _named(new)),
        ("Words that are gone", _named(gone)),
    ]
    if unknown is not None:
        facts.append(("Unknown words in validation titles", Cell(f"{unknown:.2%}", unknown)))
    return [Facts(facts)]


def _arrays_of(run: Material, label: str) -> Manifest | None:
    """The arrays that a model was trained on; an ensemble's are those of its first member."""
    model = run.model(label)
    member = next((key for name, key in model.inputs.items() if name.startswith("model:")), "") if model else ""
    trained = run.manifest("train", member) if member else model
    key = trained.inputs.get("preprocess", "") if trained else ""
    return run.manifest("preprocess", key) if key else None


def _lines(content: bytes) -> list[str]:
    return content.decode().splitlines()
