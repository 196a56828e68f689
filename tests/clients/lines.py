"""The lines of each client that are driven."""

WANDB_LINES = ("wandb-0.31", "wandb-0.23", "wandb-0.17")
MLFLOW_LINES = ("mlflow-3", "mlflow-2.22")
