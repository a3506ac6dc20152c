"""Links from a task's Details tab to its MLflow run and to its artifacts.

Every task process imports this file: it loads nothing but Airflow's base classes. A link that raises would take all
links of a task with it, so one that cannot be made is an empty one, shown greyed out.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

logger = logging.getLogger(__name__)


def returned(ti_key: Any) -> dict[str, Any]:
    """What the task instance returned, as far as it is one JSON object, or the first of several."""
    from meli_airflow.metadata_db import returned as returned_by

    value = returned_by(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, dict) else {}


class ReturnedLink(BaseOperatorLink):
    """A link that stands in what the task returned."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The link's address, or an empty text."""
        try:
            return self.made_from(returned(ti_key))
        except Exception:
            logger.warning("the link %r could not be made for %s", self.name, ti_key, exc_info=True)
            return ""

    def made_from(self, value: dict[str, Any]) -> str:
        """The address, from what the task returned."""
        raise NotImplementedError


class MlflowRunLink(ReturnedLink):
    """The training's run in MLflow."""

    name = "MLflow run"

    def made_from(self, value: dict[str, Any]) -> str:
        """The run's page."""
        return web_page(value.get("mlflow"))


class ArtifactsLink(ReturnedLink):
    """The files of the result: those that MLflow shows of a training, else what the store has."""

    name = "Artifacts"

    def made_from(self, value: dict[str, Any]) -> str:
        """The page with the files."""
        run, question, pages = web_page(value.get("mlflow")).partition("?")
        # evaluate's run in MLflow has the leaderboard; its files are in the store.
        if run and "manifest" in value:
            return f"{run}/artifacts{question}{pages}"
        return store_page(value)


def store_page(value: dict[str, Any]) -> str:
    """The page of an artifact inside Airflow, from where its manifest stands or from its key."""
    from airflow.configuration import conf

    if isinstance(value.get("manifest"), str):
        *_, stage, key, _ = value["manifest"].split("/")
    elif isinstance(value.get("key"), str):
        stage, key = "evaluate", value["key"]
    else:
        return ""
    base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return f"{base}/plugin/models?artifact={quote(f'{stage}/{key}', safe='')}"


def web_page(address: Any) -> str:
    """The address if a browser can open it."""
    return address if isinstance(address, str) and address.startswith(("http://", "https://")) else ""


class MeliLinks(AirflowPlugin):
    """Both links, on every task."""

    name = "meli_links"
    global_operator_extra_links = (MlflowRunLink(), ArtifactsLink())
