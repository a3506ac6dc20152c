"""The read models behind the pages inside Airflow, made from the store. Authorization is the web application's task."""

from meli_tasks.pages.nights import NightFilter
from meli_tasks.pages.outcomes import AirflowRun
from meli_tasks.pages.pages import Pages
from meli_tasks.pages.ranking import Wanted
from meli_tasks.pages.run_head import FailedInAirflow
from meli_tasks.pages.run_models import TrainingPage
from meli_tasks.pages.runs import RunFilter

__all__ = ["AirflowRun", "FailedInAirflow", "NightFilter", "Pages", "RunFilter", "TrainingPage", "Wanted"]
