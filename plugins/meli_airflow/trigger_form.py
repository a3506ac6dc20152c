"""The trigger form of a DAG: its parameters, as `meli_tasks` describes them without Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, Param
from airflow.sdk.definitions.param import ParamsDict


def add_form(dag: DAG, form: Mapping[str, Mapping[str, Any]]) -> None:
    """Give a DAG the fields of its form, which must be done after its tasks are made.

    An operator deep-copies the parameters that its DAG has when it is made, once for each class that it inherits from.
    For the 75 fields of `meli_training` these were 48 copies.

    Args:
        dag: The DAG, with all its tasks.
        form: The keyword arguments of an Airflow `Param` for each field, in display order.
    """
    dag.params = ParamsDict({name: Param(**field) for name, field in form.items()})
