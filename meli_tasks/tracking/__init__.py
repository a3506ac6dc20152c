"""MLflow, written from the store: runs, the registry and the registered model."""
