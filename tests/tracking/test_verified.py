"""A version in MLflow's registry is loaded only if it holds the files that were registered; until then no code runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from mlflow.tracking import MlflowClient

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadData, MeliError
from meli_tasks.ledger import Ledger
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL as MODEL
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.tracking.loading import load_by_alias
from meli_tasks.tracking.registered_files import FILES_SHA256, RegisteredFiles, files_of
from meli_tasks.tracking.registry import Registry
from meli_tasks.tracking.verified import download_champion
from tests.servers import MlflowServer
from tests.tracking.promotions import past_run, promote

pytestmark = pytest.mark.integration
EVIL = "open({marker!r}, 'w').close()\n"


class Version:
    """The champion's version, whose artifacts somebody may write."""

    def __init__(self, url: str, client: MlflowClient, number: str) -> None:
        self.url, self.client, self.number = url, client, number
        source = client.get_logged_model(client.get_model_version(MODEL, number).source.rpartition("/")[2])
        self.root = source.artifact_location.partition(":/")[2].lstrip("/")

    def at(self, file: str) -> str:
        return f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{quote(f'{self.root}/{file}')}"

    def read(self, file: str) -> bytes:
        return requests.get(self.at(file), timeout=60).content

    def put(self, file: str, data: bytes) -> None:
        assert requests.put(self.at(file), data=data, timeout=60).ok


@pytest.fixture
def settings(file_store: Store, mlflow_server: MlflowServer) -> Settings:
    return Settings(store=file_store.url, mlflow_uri=mlflow_server.url)


@pytest.fixture
def version(client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path, settings: Settings) -> Version:
    return Version(settings.mlflow_uri, client, promote(registry, past_run(file_store, tmp_path), "mlp") or "")


def refused(settings: Settings, store: Store, match: str) -> None:
    with pytest.raises(BadData, match=match) as raised:
        load_by_alias(settings, Ledger(store))
    assert "was not loaded, because loading runs its code" in str(raised.value)


def test_every_file_is_known_to_the_store_and_loads(
    version: Version, settings: Settings, file_store: Store, tmp_path: Path
) -> None:
    digest = version.client.get_model_version(MODEL, version.number).tags[FILES_SHA256]
    record = RegisteredFiles.read(file_store, digest)
    assert record and {"MLmodel", "pyfunc_model.py", "code/meli_tasks.zip"} <= record.files.keys()
    assert {"artifacts/model/model.safetensors", "artifacts/model/model.json"} <= record.files.keys()
    folder = download_champion(settings, Ledger(file_store), tmp_path)
    assert files_of(folder) == record.files
    load_by_alias(settings, Ledger(file_store))


def test_changed_code_and_weights_do_not_run(
    version: Version, settings: Settings, file_store: Store, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    evil = EVIL.format(marker=str(marker)).encode()
    changes: dict[str, Callable[[bytes], bytes]] = {
        "pyfunc_model.py": lambda code: evil + code,
        "code/meli_tasks.zip": lambda code: b"PK" + code,
        "MLmodel": lambda described: described + b"# and more\n",
        "artifacts/model/model.safetensors": lambda weights: weights[:-1] + b"x",
        "requirements.txt": lambda names: names + b"evil==1.0\n",
    }
    for file, change in changes.items():
        before = version.read(file)
        version.put(file, change(before))
        refused(settings, file_store, rf"{file} has the sha256")
        version.put(file, before)
    version.put("code/added.py", evil)
    refused(settings, file_store, "code/added.py was added")
    assert not marker.exists()


def test_tags_and_records_of_others_do_not_make_a_version_ours(
    version: Version, settings: Settings, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    client = version.client
    digest = client.get_model_version(MODEL, version.number).tags[FILES_SHA256]
    client.set_model_version_tag(MODEL, version.number, FILES_SHA256, "0" * 64)
    refused(settings, file_store, "was not registered from")
    client.delete_model_version_tag(MODEL, version.number, FILES_SHA256)
    refused(settings, file_store, "does not say which files")
    other = promote(registry, past_run(file_store, tmp_path), "cnn")
    client.set_model_version_tag(MODEL, version.number, FILES_SHA256, digest)
    client.set_registered_model_alias(MODEL, "champion", version.number)  # an earlier champion's, which is whole
    assert other != version.number
    refused(settings, file_store, "holds the model .* but the champion is cnn")


def test_a_record_under_another_name_is_refused(version: Version, settings: Settings, file_store: Store) -> None:
    digest = version.client.get_model_version(MODEL, version.number).tags[FILES_SHA256]
    blob = file_store.read(paths.registered(digest))
    assert blob
    file_store.write(paths.registered("1" * 64), blob.data)
    version.client.set_model_version_tag(MODEL, version.number, FILES_SHA256, "1" * 64)
    with pytest.raises(MeliError):
        download_champion(settings, Ledger(file_store), Path("/nonexistent"))
