"""Imports that every task needs, done once in the Celery worker, because its forked tasks would each repeat them.

docker-compose.yaml names this module to Celery. Nothing here opens a connection or starts a thread: neither survives a
fork.
"""

from __future__ import annotations

import airflow.dag_processing.dagbag  # noqa: F401 - only to load it

import meli_tasks.pipeline  # noqa: F401 - only to load it
from meli_tasks.planning.form import form_fields
from meli_tasks.settings import Settings

settings = Settings.from_environment()
form_fields(settings)  # reads every set; the DAG file, which every task reads, makes its form from them
if settings.store.startswith("s3://"):
    # Loads boto3 and its descriptions of AWS; the client itself is dropped.
    settings.s3_client(settings.s3_endpoint or None)
