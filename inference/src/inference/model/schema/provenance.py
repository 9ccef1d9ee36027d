"""Where a model comes from, and how the file compared with the original."""

from __future__ import annotations

from typing import Literal

import msgspec


class LabelMetrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the model did on one of several labels.

    Attributes:
        accuracy: Share of right labels.
        macro_f1: F1 score, unweighted mean over the classes.
    """

    accuracy: float
    macro_f1: float


class Metrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the model did on held-out data.

    Attributes:
        rows: Held-out rows.
        accuracy: Share of right labels; of several labels, of the rows in which all are right.
        macro_f1: F1 score, unweighted mean over the classes; of several labels, over these, too.
        log_loss: Mean negative log-likelihood, natural logarithm.
        confusion_matrix: Rows are true classes, columns predicted ones, in the order of the
            classes.
        r2: Coefficient of determination (regression).
        mean_absolute_error: In the target's unit (regression).
        root_mean_squared_error: In the target's unit (regression).
        labels: For each of several labels, in the order of the contract's.
        silhouette: Mean silhouette coefficient, between -1 and 1 (clustering), of up to 1,000 rows.
    """

    rows: int
    accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None
    confusion_matrix: list[list[int]] | None = None
    r2: float | None = None
    mean_absolute_error: float | None = None
    root_mean_squared_error: float | None = None
    labels: list[LabelMetrics] | None = None
    silhouette: float | None = None


class MlflowSource(msgspec.Struct, frozen=True, omit_defaults=True):
    """The MLflow model that was published.

    Attributes:
        uri: The URI that was given, such as ``models:/penguins@champion``.
        flavor: The flavor that was loaded: ``sklearn``, ``xgboost``, ``lightgbm``, ``catboost``.
        run_id: The run that logged it.
        model: Name of the registered model; ``None`` for a model that was not registered.
        version: Its version in MLflow.
        metrics: The run's metrics, the last value of each; values that are not finite are left out.
        inputs: The types of the inputs in the logged signature, by name or place.
        outputs: Those of the outputs.
    """

    uri: str
    flavor: str
    run_id: str | None = None
    model: str | None = None
    version: int | None = None
    metrics: dict[str, float] | None = None
    inputs: dict[str, str] | None = None
    outputs: dict[str, str] | None = None


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the fitted model was stored before.

    Attributes:
        mlflow: Where MLflow stores it.
    """

    mlflow: MlflowSource | None = None


class Training(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the model comes from.

    Attributes:
        rows: Rows that ``publish`` was given.
        data_sha256: Digest of those rows, lower-case hexadecimal.
        time: When it was published, ISO 8601 with offset.
        versions: Version of each library that took part, by distribution name, and ``python``.
        estimator: The estimator's ``repr``.
        git_commit: The commit checked out at that time, with ``-dirty`` when there were changes.
        description: Free text.
        metrics: On held-out data; ``None`` when none was given.
        source: Where the fitted model was stored; ``None`` when ``publish`` was given the model.
    """

    rows: int
    data_sha256: str
    time: str
    versions: dict[str, str]
    estimator: str
    git_commit: str | None = None
    description: str | None = None
    metrics: Metrics | None = None
    source: Source | None = None


class Parity(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the ONNX file compared with the original when it was published.

    Attributes:
        rows: Given rows compared.
        label_agreement: Share of equal labels, 1.0 when all are.
        max_difference: Largest absolute difference of a probability, or of a value (regression).
        tolerance: The difference that was accepted.
        precision: Floating-point type of the graph.
        generated: Rows compared beside those, between and around them; 0 in files written before
            there were any.
        ties: Rows among them with several right answers, since neighbors are equally near, that the
            file answers with another one than the original.
    """

    rows: int
    label_agreement: float
    max_difference: float
    tolerance: float
    precision: Literal["float32", "float64"] = "float32"
    generated: int = 0
    ties: int = 0
