"""The side of Airflow that is neither a DAG nor a plugin: its parts are loaded when first needed."""
