"""Airflow code that is neither a DAG nor a plugin; each part is loaded when it is first needed."""
