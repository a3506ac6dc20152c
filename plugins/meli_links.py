"""Links from a task's Details tab to its MLflow run and to its artifacts.

Every task process imports this file, so it loads nothing but Airflow's base classes. If one link
raised, the task would have no links at all, so a link that cannot be made is empty and Airflow greys it out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink
from typing_extensions import override

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

logger = logging.getLogger(__name__)


def returned(ti_key: TaskInstanceKey) -> Mapping[str, object]:
    """The JSON object that a task instance returned, or the first of several; empty for anything else."""
    from meli_airflow.metadata_db import returned as returned_by

    value = returned_by(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, dict) else {}


class ReturnedLink(BaseOperatorLink):
    """A link made from what the task returned."""

    @override
    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        try:
            return self.made_from(returned(ti_key))
        except Exception:
            logger.warning("the link %r could not be made for %s", self.name, ti_key, exc_info=True)
            return ""

    def made_from(self, value: Mapping[str, object]) -> str:
        """The address, from what the task returned."""
        raise NotImplementedError


class MlflowRunLink(ReturnedLink):
    """The MLflow run of a training run."""

    name = "MLflow run"

    @override
    def made_from(self, value: Mapping[str, object]) -> str:
        return web_page(value.get("mlflow"))


class ArtifactsLink(ReturnedLink):
    """The files of a result: in MLflow for a training run, otherwise on the artifact's page."""

    name = "Artifacts"

    @override
    def made_from(self, value: Mapping[str, object]) -> str:
        run, question, pages = web_page(value.get("mlflow")).partition("?")
        # The MLflow run of `evaluate` has the leaderboard; its files are in the store.
        if run and "manifest" in value:
            return f"{run}/artifacts{question}{pages}"
        return store_page(value)


def store_page(value: Mapping[str, object]) -> str:
    """The page of an artifact inside Airflow, from its manifest's address or from its key."""
    from airflow.configuration import conf

    manifest, key = value.get("manifest"), value.get("key")
    if isinstance(manifest, str):
        *_, stage, key, _ = manifest.split("/")
    elif isinstance(key, str):
        stage = "evaluate"
    else:
        return ""
    base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return f"{base}/plugin/models?artifact={quote(f'{stage}/{key}', safe='')}"


def web_page(address: object) -> str:
    """The address if a browser can open it."""
    return address if isinstance(address, str) and address.startswith(("http://", "https://")) else ""


class MeliLinks(AirflowPlugin):
    """Both links, on every task."""

    name = "meli_links"
    global_operator_extra_links = [MlflowRunLink(), ArtifactsLink()]  # noqa: RUF012 - Airflow reads a list
