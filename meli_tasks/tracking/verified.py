"""The champion from MLflow's registry, checked against the ledger before any of its code runs."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from meli_tasks.champion import champion_model
from meli_tasks.core.errors import BadData, BadSettings, NotFound, TrackingUnavailable
from meli_tasks.ledger import Ledger
from meli_tasks.proxies import bypass_for_this_machine
from meli_tasks.redaction import redact
from meli_tasks.settings import Settings
from meli_tasks.tracking.alias import ALIAS
from meli_tasks.tracking.client import MlflowServer, keep_mlflow_quiet, sign_in
from meli_tasks.tracking.registered_files import FILES_SHA256, OF_THE_DOWNLOAD, RegisteredFiles

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

NOT_LOADED = "It was not loaded, because loading runs its code."
REGISTER_AGAIN = "Delete the version in MLflow and run `meli champion`: it registers the champion again from the store."


def load_champion(settings: Settings | None = None) -> PyFuncModel:
    """The champion as MLflow's model, from the registry and the store of the settings (the environment's by default).

    Raises:
        BadSettings: there is no store or no MLflow server.
        NotFound: there is no champion, or MLflow has no version of it.
        BadData: the version does not hold what this project registered.
        TrackingUnavailable: MLflow does not answer.
    """
    settings = settings or Settings.from_environment()
    with TemporaryDirectory(prefix="meli-registered-") as work:
        folder = download_champion(settings, Ledger(settings.open_store()), Path(work))
        import mlflow.pyfunc

        loaded: PyFuncModel = mlflow.pyfunc.load_model(str(folder))
        return loaded


def download_champion(settings: Settings, ledger: Ledger, work: Path) -> Path:
    """Download the version at the alias into `work`, and check every file; return its folder. Raises as above."""
    if not settings.mlflow_uri:
        raise BadSettings("MLFLOW_TRACKING_URI is not set, so there is no registry to load the champion from.")
    number, expected = _expected(settings, ledger)
    folder = _download(settings, number, work)
    if wrong := expected.differences(folder):
        raise BadData(
            f"Version {number} of {settings.registered_model} in MLflow is not what was registered: "
            f"{'; '.join(wrong[:5])}. {NOT_LOADED} {REGISTER_AGAIN}"
        )
    return folder


def _expected(settings: Settings, ledger: Ledger) -> tuple[str, RegisteredFiles]:
    """The number of the version at the alias, and the files that it must hold."""
    name = settings.registered_model
    found = champion_model(ledger, ledger.last())
    if found is None:
        raise NotFound("There is no champion yet.")
    sign_in(settings)
    server = MlflowServer(settings.mlflow_uri)
    model = server.registered_model(name)
    number = model.aliases.get(ALIAS) if model else None
    version = server.version(name, number) if number is not None else None
    if number is None or version is None:
        raise NotFound(f"MLflow has no version of {name} with the alias {ALIAS!r}: `meli champion` registers it.")
    place, digest = f"Version {number} of {name} in MLflow", version.tags.get(FILES_SHA256, "")
    if not digest:
        raise BadData(
            f"{place} does not say which files it consists of: an earlier version of this project registered it, or "
            f"somebody else did. {NOT_LOADED} {REGISTER_AGAIN}"
        )
    record = RegisteredFiles.read(ledger.store, digest)
    if record is None or record.model != name:
        raise BadData(f"{place} was not registered from {ledger.store.url}. {NOT_LOADED} {REGISTER_AGAIN}")
    if not record.ref.is_same(found.ref):
        raise BadData(
            f"{place} holds the model {record.ref}, but the champion is {found.champion.set_name} ({found.ref}). "
            f"{NOT_LOADED} Run `meli champion`: it sets the alias."
        )
    return number, record


def _download(settings: Settings, number: str, work: Path) -> Path:
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    keep_mlflow_quiet()
    bypass_for_this_machine()
    import mlflow.artifacts

    mlflow.set_tracking_uri(settings.mlflow_uri)  # of the registry too, unlike an argument of the download
    folder = work / "version"  # of its own: what else is in it would count as added
    folder.mkdir()
    uri = f"models:/{settings.registered_model}/{number}"
    try:
        mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=settings.mlflow_uri)
    except Exception as error:  # noqa: BLE001 MLflow's client raises whatever the client of its storage raises
        raise TrackingUnavailable(f"{uri} could not be downloaded from MLflow: {redact(str(error))}") from None
    (folder / OF_THE_DOWNLOAD).unlink(missing_ok=True)
    return folder
