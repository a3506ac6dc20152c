"""The demo's stack: an S3 server, MLflow and Airflow as processes of this machine, below `.meli/` in the checkout."""
