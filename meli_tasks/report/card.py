"""The model card of a model: Markdown with the sections of Hugging Face's model cards, and their YAML front matter.

It is written when a model is promoted, or when somebody asks for it, as an object named after the attempt: the artifact
of a training run is older than its evaluation and never changes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, ModelRef, find_model, need_model
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import MeliError, NotFound
from meli_tasks.decision import Decision
from meli_tasks.ledger import Ledger
from meli_tasks.planning import history
from meli_tasks.planning.plan import Plan
from meli_tasks.report.blocks import Row, Table
from meli_tasks.report.card_sections import facts, front_matter, metrics, parameters, slices, weakest
from meli_tasks.report.material import Material
from meli_tasks.report.templating import Ready, escape_markdown, markdown_template
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary, IngestSummary
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)
CUT = "\n\n*The rest of the card is left out here: `meli card` prints the whole.*\n"


@dataclass(frozen=True)
class CardSource:
    """A model, the run that evaluated it, its label there, and the decision that promoted it, if one did."""

    model: Manifest
    run: Material
    label: str
    promotion: Decision | None

    @property
    def evaluation(self) -> Evaluation | None:
        """Its figures; None if the evaluation was deleted."""
        return self.run.models.get(self.label)

    @property
    def listings(self) -> IngestSummary | None:
        """The listings that it was trained on."""
        found = self.run.listings_of(self.label) or self.run.ingest
        return found.read_summary(IngestSummary) if found else None

    @property
    def members(self) -> dict[str, float]:
        """The weights of an ensemble's members; empty for a single model."""
        return self.model.read_summary(EnsembleSummary).weights if self.model.stage == ENSEMBLE else {}


def make_card(store: Store, ref: ModelRef, registered: str = DEFAULT_REGISTERED_MODEL) -> str:
    """The card of a model, which is not stored. `registered` is the name of the registered model in MLflow.

    Raises:
        NotFound: there is no such model, or no run that evaluated it.
    """
    found = _source(store, need_model(store, ref.key, ref.sha256))
    tables: dict[str, Table | None] = {
        "metrics": metrics(found),
        "slices": slices(found.label, found.evaluation),
        "weakest": weakest(found.label, found.evaluation),
        "parameters": parameters(found.run.plan, found.label),
    }
    return markdown_template("model_card.md.jinja").render(
        front_matter=Ready(front_matter(found)),
        facts=facts(found),
        label=found.label,
        run=found.run,
        model=found.model,
        members=found.members,
        listings=found.listings,
        evaluation=found.evaluation,
        test=found.run.scores.test if found.run.scores else None,
        champion=found.promotion.champion if found.promotion else None,
        promotion=found.promotion,
        registered=registered,
        tables={name: Ready(_markdown(table)) if table else None for name, table in tables.items()},
    )


def write_card(store: Store, ref: ModelRef, registered: str = DEFAULT_REGISTERED_MODEL) -> str:
    """Write the card of a model and return its name in the store; raises like `make_card`."""
    model = need_model(store, ref.key, ref.sha256)
    name = paths.card(str(model.ref))
    reading.write(store, name, make_card(store, model.ref, registered).encode())
    return name


def load_card(store: Store, ref: ModelRef) -> str | None:
    """The stored card of a model; None if none was written, or it was damaged since, which is logged.

    Without a digest, it is that of the key's newest attempt.
    """
    if not ref.sha256:
        model = find_model(store, ref.key)
        ref = model.ref if model else ref
    data = reading.read_again(store, paths.card(str(ref)))
    return data.decode() if data else None


def keep_champion_card(store: Store, champion: ModelRef, registered: str = DEFAULT_REGISTERED_MODEL) -> str:
    """The champion's card: the stored one, or one that is made now. Empty, with a warning, if none can be made.

    A card is for people: that it cannot be made never stops a promotion.
    """
    try:
        stored = load_card(store, champion)
        if stored is None:
            write_card(store, champion, registered)
            stored = load_card(store, champion)
        return stored or ""
    except (MeliError, UnicodeDecodeError) as error:
        logger.warning("The model card of %s could not be written: %s", champion.key[:8], error)
        return ""


def description(card: str, most: int) -> str:
    """A card for a field that holds at most `most` characters: without front matter, and whole sections only."""
    body = _FRONT_MATTER.sub("", card)
    while len(body) > most:
        shorter = body.removesuffix(CUT).rpartition("\n## ")[0]
        if not shorter:
            return body[:most]
        body = shorter.rstrip() + CUT
    return body


def _source(store: Store, model: Manifest) -> CardSource:
    """The run behind a model: the one that promoted it, else the newest that evaluated it.

    Raises:
        NotFound: no run in the store has evaluated it.
    """
    reader = LenientReader(store)
    for decision in Ledger(store).readable(reader).promotions():
        champion, name = decision.champion, decision.evidence.plan
        if champion is None or not champion.ref.is_same(model.ref) or not name:
            continue
        plan = reader.attempt(name, lambda name=name: Plan.load(store, name))  # type: ignore[misc]
        if plan:
            run = Material(store, plan)
            return CardSource(model, run, _label(run, model) or champion.set_name, decision)
    for plan in history.newest_plans(store, reader):
        run = Material(store, plan)
        if label := _label(run, model):
            return CardSource(model, run, label, None)
    raise NotFound(
        f"No run in {store.url} has evaluated the model {model.key}, so there is nothing to write in its card. "
        "`meli run all` trains and evaluates models."
    )


def _label(run: Material, model: Manifest) -> str:
    """The model's label in an evaluation; empty if it was not in it."""
    report = run.evaluated
    labels = report.models if report else {}
    return next((label for label in labels if report and report.ref(label).is_same(model.ref)), "")


def _markdown(table: Table) -> str:
    """A table in Markdown."""
    head = [column.name for column in table.columns]
    rule = ["---:" if column.numeric else "---" for column in table.columns]
    lines: list[Sequence[str]] = [[escape_markdown(name) for name in head], rule, *(_cells(row) for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row) -> list[str]:
    return [escape_markdown(getattr(cell, "text", "")) for cell in row]
