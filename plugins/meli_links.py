"""Links from a task's Details tab to its MLflow run and to its artifacts.

Every task process imports this file: it loads nothing but Airflow's base classes. A link that raises would take all
links of a task with it, so one that cannot be made is an empty one, shown greyed out.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

logger = logging.getLogger(__name__)


def returned(ti_key: Any) -> dict[str, Any]:
    """What the task instance returned, as far as it is one JSON object."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = XComModel.get_many(
            key="return_value",
            run_id=ti_key.run_id,
            dag_ids=ti_key.dag_id,
            task_ids=ti_key.task_id,
            map_indexes=ti_key.map_index,
        ).with_only_columns(XComModel.value)
        found = session.execute(rows).first()
    value = found.value if found else None
    value = json.loads(value) if isinstance(value, str) else value
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
    """The files of the result: those that MLflow shows of a training."""

    name = "Artifacts"

    def made_from(self, value: dict[str, Any]) -> str:
        """The page with the files."""
        run, question, pages = web_page(value.get("mlflow")).partition("?")
        return f"{run}/artifacts{question}{pages}" if run else ""


def web_page(address: Any) -> str:
    """The address if a browser can open it."""
    return address if isinstance(address, str) and address.startswith(("http://", "https://")) else ""


class MeliLinks(AirflowPlugin):
    """Both links, on every task."""

    name = "meli_links"
    global_operator_extra_links = (MlflowRunLink(), ArtifactsLink())
