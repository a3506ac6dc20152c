"""The model behind a champion: the exact attempt that was promoted, also after its key was computed again.

Decisions of 0.1.0 name a key only. The attempt is then the one that the key had when the model was promoted. It is
certain if there has been only one, or if its manifest is older than the promotion; the next decision records its
digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.assembled import stored_files
from meli_tasks.artifacts.cache import Cache, download
from meli_tasks.artifacts.manifest import Manifest, ModelRef, find_model, need_model, replaced_models
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.decision import Champion, Decision
from meli_tasks.ledger import Ledger
from meli_tasks.stages.files.digest import MODEL_FILES
from meli_tasks.store import Store

MEND = "`meli verify --repair` computes it again, and `meli rollback` restores an earlier champion."


@dataclass(frozen=True)
class ChampionModel:
    """A champion, with its digest if it is certain, and its model.

    `problem` says why the model is missing or may not be the promoted one; empty if all is well.
    """

    champion: Champion
    model: Manifest | None
    problem: str = ""

    @property
    def ref(self) -> ModelRef:
        """The attempt to load."""
        return self.model.ref if self.model else self.champion.ref


def champion_model(ledger: Ledger, decision: Decision | None) -> ChampionModel | None:
    """The champion after a decision, with its model; None if there was no champion."""
    champion, store = decision.champion if decision else None, ledger.store
    if decision is None or champion is None:
        return None
    try:
        if champion.sha256:
            return ChampionModel(champion, need_model(store, champion.train, champion.sha256))
        newest = find_model(store, champion.train)
    except (NotFound, BadData) as error:
        return _without_model(champion, error)
    if newest is None:
        problem = f"The model of champion {champion.set_name} ({champion.train}) is not in {store.url}. {MEND}"
        return ChampionModel(champion, None, problem)
    return _of_0_1_0(ledger, decision, champion, newest)


def _of_0_1_0(ledger: Ledger, decision: Decision, champion: Champion, newest: Manifest) -> ChampionModel:
    """A champion without a digest, with the attempt that its key had when it was promoted, if that is certain."""
    store = ledger.store
    promoted = ledger.decision(decision.promotion or decision.number)
    attempts = [newest, *replaced_models(store, champion.train)]
    before = [attempt for attempt in attempts if _finished_by(attempt, promoted.at)]
    if len(_attempts(store, newest)) == 1:
        before = [newest]
    if before:
        model = max(before, key=lambda attempt: attempt.at)
        return ChampionModel(champion.model_copy(update={"sha256": model.model_sha256}), model)
    again = newest.at[:16].replace("T", " ") or "an unknown date"
    return ChampionModel(
        champion,
        newest,
        f"Champion {champion.set_name} ({champion.train[:8]}) was promoted on {promoted.at:%Y-%m-%d %H:%M} without a "
        f"digest, and its model was computed again on {again}: which attempt was promoted cannot be determined. The "
        "newest attempt is used. Restore an earlier champion with `meli rollback`, or promote another model.",
    )


def fetched(found: ChampionModel, store: Store, cache: Cache) -> ChampionModel:
    """The same with the model's files in the cache; without a model if they are missing or damaged."""
    if found.model is None:
        return found
    try:
        cache.fetch(store, found.model)
    except (NotFound, BadData) as error:
        return _without_model(found.champion, error)
    return found


def _without_model(champion: Champion, error: NotFound | BadData) -> ChampionModel:
    state = "not there" if isinstance(error, NotFound) else "damaged"
    return ChampionModel(champion, None, f"The model of champion {champion.set_name} is {state}. {error} {MEND}")


def need_champion_model(ledger: Ledger, decision: Decision) -> tuple[Champion, Manifest]:
    """The champion after a decision, with its digest if it is certain, and its model.

    Raises:
        NotFound: there was no champion, or its model is no longer in the store.
    """
    found = champion_model(ledger, decision)
    if found is None or found.model is None:
        raise NotFound(found.problem if found else f"There was no champion after decision {decision.number}.")
    return found.champion, found.model


def check_files(store: Store, model: Manifest, folder: Path) -> None:
    """Download a model into `folder`, and check it against its manifest: from the store, not from the cache.

    Raises:
        NotFound: a file is missing in the store.
        BadData: a file is damaged.
    """
    for file in MODEL_FILES:
        if file not in model.outputs:
            raise NotFound(f"{store.url}/{model.name} describes no {file}: it is not a whole model.")
        download(store, model, file, folder / file)


def check_answers(store: Store, model: Manifest) -> None:
    """Load a model from the store, and have it classify a title.

    Raises:
        NotFound: a file is missing in the store.
        BadData: a file is damaged, or does not hold a model.
    """
    from meli_tasks.stages.files.model_files import load_model  # imports torch

    with TemporaryDirectory(prefix="meli-champion-") as folder:
        check_files(store, model, Path(folder))
        try:
            load_model(Path(folder)).rank(["celular"], 1)
        except BadData as error:
            reason = str(error).removeprefix(f"{folder}: ").rstrip(".")
            raise BadData(f"{store.url}/{model.file_name('')} cannot be loaded: {reason}.") from error


def restorable(ledger: Ledger) -> list[Decision]:
    """The promotions whose models are in the store and not the current champion's, the newest of each model first.

    The sizes of the files are compared, not their content.
    """
    last = ledger.last()
    seen = {last.champion.ref} if last and last.champion else set()
    found = []
    for decision in (row.decision for row in ledger.rows_backwards() if row.action == "promote"):
        if decision.champion is None or decision.champion.ref in seen:
            continue
        seen.add(decision.champion.ref)
        candidate = champion_model(ledger, decision)
        if candidate and candidate.model and not candidate.problem and is_whole(ledger.store, candidate.model):
            found.append(decision)
    return found


def is_whole(store: Store, model: Manifest) -> bool:
    """Whether the files of a model are in the store with the right sizes. Their content is not checked."""
    try:
        files = [*stored_files(store, model, MODEL_FILES)]
    except (NotFound, BadData):
        return False
    return all(store.size(name) == size for name, size in files)


def _finished_by(attempt: Manifest, moment: datetime) -> bool:
    return bool(attempt.at) and datetime.fromisoformat(attempt.at) <= moment


def _attempts(store: Store, model: Manifest) -> set[str]:
    """The attempts whose files are in the store: an old version kept those of a replaced one, without its manifest."""
    names = store.names(paths.artifact_folder(model.stage, f"{model.key}/"))
    return {attempt for name in names if (attempt := paths.attempt_of_file(name))}
