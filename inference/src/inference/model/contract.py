"""The contract: what an artifact says about itself, one JSON document in its ONNX metadata.

The exporter writes it and the service reads it; nothing else travels beside the ONNX file. This
module is the schema. :mod:`inference.model.contract_codec` encodes, decodes and checks it;
:mod:`inference.model.feature_rules` says which values a feature takes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

CONTRACT_VERSION = 1
MAX_FEATURES = 10_000
MAX_BACKGROUND = 64

Scalar = str | int | float | bool | None
Label = str | int | float | bool


class Histogram(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a feature was distributed in training.

    Attributes:
        edges: Quantiles of the training values, ascending; ``n + 1`` edges of ``n`` bins.
        counts: Training rows per bin; the last bin includes its upper edge.
    """

    edges: list[float]
    counts: list[int]


class Feature(msgspec.Struct, frozen=True, omit_defaults=True):
    """One feature, as a caller sees it.

    Attributes:
        name: The name in JSON records.
        kind: The kind of its values; see the table above.
        input: The name of its ONNX input. Features that share an input are its columns, in contract
            order; an input fed by one feature has the shape ``[rows, 1]``.
        example: A valid value.
        unit: Unit of the values, such as ``mm``.
        description: What it measures.
        minimum: Smallest value seen in training.
        maximum: Largest value seen in training.
        histogram: Distribution in training, of numbers and integers.
        categories: The known values of a category.
        open_categories: Whether values outside ``categories`` are accepted.
        warn_unseen: Whether an answer to a value outside ``categories`` carries a warning; not so
            for texts, which are new each time.
        nullable: Whether ``null`` is accepted.
    """

    name: str
    kind: Literal["number", "integer", "category", "boolean"]
    input: str
    example: Scalar = None
    unit: str | None = None
    description: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    histogram: Histogram | None = None
    categories: list[str | int] | None = None
    open_categories: bool = False
    nullable: bool = False
    warn_unseen: bool = False


class Outputs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which ONNX outputs hold the answer.

    Attributes:
        label: The output with the predicted label (classification) or value (regression); shape
            ``[rows]`` or ``[rows, 1]``; a regression on several targets has ``[rows, targets]``.
        probabilities: The output with the probabilities, shape ``[rows, classes]``, columns in the
            order of the contract's classes; ``None`` if the model has none.
        encoded_classes: The values that the label output holds, in the order of the contract's
            classes, where ONNX cannot hold the classes themselves (booleans are 0 and 1).
    """

    label: str
    probabilities: str | None = None
    encoded_classes: list[str | int] | None = None


class Metrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the model did on held-out data.

    Attributes:
        rows: Held-out rows.
        accuracy: Share of right labels.
        macro_f1: F1 score, unweighted mean over the classes.
        log_loss: Mean negative log-likelihood, natural logarithm.
        confusion_matrix: Rows are true classes, columns predicted ones, in the order of the
            classes.
        r2: Coefficient of determination (regression).
        mean_absolute_error: In the target's unit (regression).
        root_mean_squared_error: In the target's unit (regression).
    """

    rows: int
    accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None
    confusion_matrix: list[list[int]] | None = None
    r2: float | None = None
    mean_absolute_error: float | None = None
    root_mean_squared_error: float | None = None


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


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One golden row, with the original model's answer.

    Attributes:
        row: Values in feature order, as a caller would send them.
        label: The original's label, or value (regression; a list for several targets).
        probabilities: The original's probabilities, in the order of the classes.
    """

    row: list[Scalar]
    label: Label | list[float]
    probabilities: list[float] | None = None


class Calibration(msgspec.Struct, frozen=True, omit_defaults=True):
    """Split conformal quantiles, from rows that the model was not fitted on.

    Attributes:
        coverage: Share of new rows whose true answer lies in the interval or label set, if they
            come from where the calibration rows came from; between 0 and 1.
        rows: Calibration rows.
        half_widths: Half of the width of the interval around each value; one, or one per target
            (regression). The coverage of several targets is that of each alone.
        threshold: Smallest probability of a label in the label set (classification).
    """

    coverage: float
    rows: int
    half_widths: list[float] | None = None
    threshold: float | None = None


class Serving(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the author asks to run the model; ``None`` keeps what admission measured.

    Attributes:
        mode: On the event loop, or in a worker thread.
        max_batch_rows: Most rows of several requests that share a run; 1 turns batching off.
        threads: Threads of one run.
    """

    mode: Literal["inline", "thread"] | None = None
    max_batch_rows: int | None = None
    threads: int | None = None


class Contract(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an artifact says about itself.

    Attributes:
        contract_version: Version of this schema.
        task: What the model answers with: a label or a value.
        features: In the order of the model's columns.
        outputs: Which ONNX outputs hold the answer.
        training: Where the model comes from.
        parity: How it compared with the original.
        samples: Golden rows, replayed at admission.
        classes: The labels with their Python types, in the original's order (classification).
        targets: Names of the values (regression on several targets).
        serving: How the author asks to run it.
        unused: Columns of the training data that the model does not read; records may carry them.
        background: Up to 64 rows of the training data that stand for all of it in explanations,
            each with the same weight; values in feature order, as a caller would send them.
        calibration: What intervals and label sets are made from.
    """

    contract_version: int
    task: Literal["classification", "regression"]
    features: list[Feature]
    outputs: Outputs
    training: Training
    parity: Parity
    samples: list[Sample]
    classes: list[Label] | None = None
    targets: list[str] | None = None
    serving: Serving | None = None
    unused: list[str] | None = None
    background: list[list[Scalar]] | None = None
    calibration: Calibration | None = None

    @property
    def feature_names(self) -> list[str]:
        """The features' names, in order."""
        return [feature.name for feature in self.features]

    @property
    def example(self) -> dict[str, Scalar]:
        """A record that the model takes."""
        return {feature.name: feature.example for feature in self.features}
