"""Each alert of the runbook is one that the code can raise: its words, or its metric, are there."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUNBOOK = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").partition("\n## Runbook\n")[2].split("\n## ")[0]
SECTIONS = dict(part.split("\n", 1) for part in RUNBOOK.split("\n### ")[1:])
STEPS = ("**You see**", "**It means**", "**First:**", "**Mend:**", "**Wake somebody")
RAISED = {
    "The run failed": ("meli_tasks/notifications/message.py", "The run failed: "),
    "The run is late": ("meli_tasks/notifications/unfinished.py", "The run is late: "),
    "Approval required": ("meli_tasks/notifications/unfinished.py", "Approval required: "),
    "The champion may no longer fit the titles": ("meli_tasks/monitoring/alert.py", "may no longer fit the titles: "),
    "Not everything could be scored": ("dags/meli_batch_predict.py", "Not everything could be scored"),
    "The service has no model": ("meli_tasks/serving/metrics.py", "meli_serving_ready"),
    "The service keeps an older model": ("meli_tasks/serving/metrics.py", "meli_serving_problem"),
    "The service refuses requests": ("meli_tasks/serving/batching.py", "titles are waiting, and at most "),
    "The model could not be registered in MLflow": (
        "meli_tasks/tracking/registered_model.py", "The model could not be registered in MLflow",
    ),
    "Could not send the notification": ("meli_tasks/notifications/delivery.py", "Could not send the notification"),
}  # fmt: skip


def test_the_runbook_has_ten_alerts() -> None:
    assert SECTIONS.keys() == RAISED.keys()
    assert len(RAISED) == 10


@pytest.mark.parametrize("alert", RAISED)
def test_each_alert_can_be_raised_and_says_what_to_do(alert: str) -> None:
    file, words = RAISED[alert]
    assert words in (ROOT / file).read_text(encoding="utf-8")
    steps = [step for step in STEPS if f"- {step}" in SECTIONS[alert]]
    assert steps == list(STEPS)
    assert words.strip(": ") in " ".join((alert + SECTIONS[alert]).split())
