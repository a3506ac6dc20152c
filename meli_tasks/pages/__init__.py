"""What the pages inside Airflow show, as plain dicts made from the store. Who may see it is the web side's business."""

from meli_tasks.pages.pages import Pages
from meli_tasks.pages.runs import Wanted

__all__ = ["Pages", "Wanted"]
