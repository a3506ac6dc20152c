"""meli-tasks: retrain a marketplace's title classifiers with Airflow, S3 and MLflow."""

__version__ = "0.1.0"
