"""A store of MLflow's, and models that its own code logs."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

REQUIREMENTS = ["scikit-learn"]  # given, so that MLflow does not find them out in a process
SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def log_model(mlflow: Any, model: Any, flavor: str = "sklearn", **options: Any) -> str:
    """Log a model in a run of its own, and return its URI."""
    module = importlib.import_module(f"mlflow.{flavor}")
    with mlflow.start_run(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own
        info = module.log_model(model, name="m", pip_requirements=REQUIREMENTS, **options)
    uri: str = info.model_uri
    return uri


def log_versions(mlflow: Any, model: Any, example: Any) -> list[str]:
    """Log two versions of the model ``penguins``, the first with the alias ``champion``.

    Returns:
        The runs.
    """
    runs = []
    for score in (0.97, float("nan")):
        with mlflow.start_run() as run, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.log_metrics({"accuracy": score, "rows": 333})
            mlflow.sklearn.log_model(
                model,
                name="model",
                input_example=example,
                registered_model_name="penguins",
                pip_requirements=REQUIREMENTS,
            )
        runs.append(run.info.run_id)
    mlflow.MlflowClient().set_registered_model_alias("penguins", "champion", "1")
    return runs
