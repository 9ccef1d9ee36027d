"""publish_mlflow(): from a model that MLflow stores to a version in the models folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse  # type: ignore[import-untyped]

from exporter.data.logged_model import LoggedModel, load_logged_model
from exporter.errors import DataError, FewRowsWarning, OptionError, warn
from exporter.publishing import publish

if TYPE_CHECKING:
    from exporter.publication import Publication

_FEW_ROWS = 50


def publish_mlflow(
    uri: str,
    name: str,
    X: Any = None,  # noqa: N803 - scikit-learn's name for it
    y: Any = None,
    **options: Any,
) -> Publication:
    """Publish a model that MLflow stores; return the publication.

    The contract records the URI, the run, its metrics and the logged signature. MLflow's own
    settings say where its server is, for example ``MLFLOW_TRACKING_URI``. Loading a model runs the
    code in it: publish only models that you trust.

    Args:
        uri: ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``runs:/RUN/PATH``; logged by
            ``mlflow.sklearn``, ``mlflow.xgboost``, ``mlflow.lightgbm`` or ``mlflow.catboost``.
        name: The model's name in the service.
        X: The rows that the model was fitted on; by default the logged input example.
        y: The targets of ``X``.
        **options: Further arguments of :func:`exporter.publish`.

    Raises:
        ExporterError: Nothing was published; :mod:`exporter.errors` lists the subclasses.
    """
    return publish_logged(load_logged_model(uri), name, X, y, **options)


def publish_logged(
    logged: LoggedModel,
    name: str,
    rows: Any = None,
    y: Any = None,
    **options: Any,
) -> Publication:
    """Publish a model that was loaded from MLflow; see :func:`publish_mlflow`."""
    if rows is None:
        if y is not None:
            raise OptionError("y needs the rows that it belongs to: pass X, too")
        rows = _read_example(logged)
    unnamed = not hasattr(rows, "columns") and not hasattr(logged.model, "feature_names_in_")
    if unnamed and logged.names and options.get("feature_names") is None:
        options["feature_names"] = list(logged.names)
    return publish(logged, name, rows, y, **options)


def _read_example(logged: LoggedModel) -> Any:
    example, source = logged.example, logged.source.mlflow
    uri = "" if source is None else source.uri
    if example is None:
        raise DataError(
            f"{uri} was logged without an input example: pass X=, the rows it was fitted on"
        )
    if not isinstance(example, (pd.DataFrame, np.ndarray)) and not sparse.issparse(example):
        raise DataError(
            f"the input example of {uri} is a {type(example).__name__}: pass X=, the rows it was "
            "fitted on, as an array or a DataFrame"
        )
    count = example.shape[0]
    if count < _FEW_ROWS:
        warn(
            f"the ONNX file of {uri} is compared on {count} "
            f"row{'s' if count > 1 else ''}, those of the logged input example, and on rows "
            "generated from them; ranges and categories in the contract are theirs. To compare "
            "more, pass X=, the rows that the model was fitted on",
            FewRowsWarning,
        )
    return example
