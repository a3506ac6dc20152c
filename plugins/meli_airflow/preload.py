"""Imports that tasks need, done once in the process that they are forked from, because each would repeat them.

Under Celery that is the worker: docker-compose.yaml names this module to it. Under the LocalExecutor it is the
scheduler: see the plugin `meli_preload`. Nothing here opens a connection or starts a thread: neither survives a fork.
"""

from __future__ import annotations

import gc
import os

import numpy

from meli_tasks.planning.form import form_fields
from meli_tasks.preload import import_for_tasks
from meli_tasks.settings import Settings

OF_AIRFLOW = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.task_runner",
    "meli_airflow.operators",
    "meli_airflow.training_tasks",
    "meli_airflow.trigger_form",
    "meli_airflow.waiting",
)
"""What a task imports to read its DAG file, and what that file imports."""

settings = Settings.from_environment().for_tasks()
import_for_tasks(settings, OF_AIRFLOW)
form_fields(settings)  # reads every set; the DAG file, which every task reads, makes its form from them
if settings.store.startswith("s3://"):
    # Loads boto3 and its descriptions of AWS; the client itself is dropped. Without keys of its own it would ask for
    # those of the machine's role, over a connection.
    unused = {"access_key": "unused", "secret_key": "unused"}
    settings.model_copy(update=unused).s3_client(settings.s3_endpoint or None)
# Each task begins with random numbers of its own: numpy's state would otherwise be the same in all of them.
os.register_at_fork(after_in_child=numpy.random.seed)
# What is loaded stays: a collection in a task would otherwise write to every object, and so copy its memory.
gc.collect()
gc.freeze()
